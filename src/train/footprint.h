/* What a configuration needs on so many ranks and nodes, before anything is allocated. */
#ifndef RR_TRAIN_FOOTPRINT_H
#define RR_TRAIN_FOOTPRINT_H

#include "train/train_config.h"

typedef struct rr_footprint {
    size_t micro_rows; /* computed at a time */
    /* bytes of the rank that computes the most rows */
    double parameters, gradients, optimiser, activations, row_sums, total;
    double optimiser_saved; /* on rank 0 while it saves a sharded optimiser */
    double checkpoint;      /* bytes of a file */
    double sent_floats;     /* a step and rank: both halves of a sum for matrices, one for the rows of embeddings */
    double dense_floats;    /* that are summed whole */
    double row_floats;      /* that go to all ranks of embeddings whose gradient goes as rows */
    size_t states;          /* of the optimiser */
} rr_footprint;

/**
 * @param[in] task  made with the settings; its plan function is called on a measuring arena
 * @return RR_ERR_NOMEM
 */
rr_status rr_footprint_of(const rr_settings *settings, rr_task *task, size_t ranks, size_t nodes, rr_footprint *out);

#endif
