/* Some texts of a set as one packed batch, longest first. */
#ifndef RR_TASK_TEXT_BATCH_H
#define RR_TASK_TEXT_BATCH_H

#include "data/text_set.h"
#include "nn/sequence.h"

typedef struct rr_text_batch {
    rr_sequence_room room;
    size_t *order;   /* [rows] which of the examples each packed row is */
    int32_t *tokens; /* [total] packed */
} rr_text_batch;

void rr_text_batch_plan(rr_text_batch *batch, rr_arena *arena, size_t max_total, size_t max_steps, size_t max_rows);

/** first: the number of the first example's row in the global batch. All texts have tokens. */
rr_sequence rr_text_batch_fill(rr_text_batch *batch, const rr_text_set *texts, const uint32_t *examples, size_t rows,
                               size_t first);

#endif
