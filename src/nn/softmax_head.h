/*
 * Output layer for classes: linear, softmax, negative log-likelihood and all their gradients, over blocks of rows, so
 * that the logits of all rows never exist at once.
 */
#ifndef RR_NN_SOFTMAX_HEAD_H
#define RR_NN_SOFTMAX_HEAD_H

#include "nn/linear.h"

typedef struct rr_softmax_head {
    rr_linear linear;
    rr_team *team;
    size_t block_rows; /* rows of logits that are held at a time */
    float *logits;     /* [block_rows, classes] */
} rr_softmax_head;

/** One call: the loss of some rows. */
typedef struct rr_softmax_rows {
    size_t count;
    const float *x;         /* [count, in_size] */
    const int32_t *targets; /* [count], or RR_NO_TARGET */
    const float *weights;   /* [classes]: the loss of a row is multiplied by that of its target; NULL: 1 */
    float smoothing; /* label smoothing (Szegedy et al. 2016): this part of the target is spread over all classes */
    float scale;     /* of the gradients; 0: the loss alone */
    bool last;       /* the head's gradients are finished by this call (see rr_linear_backward) */
    rr_shard_rows
        *shards;        /* by which they are added, if this is the only call, of at most rr_softmax_head_block rows */
    float *dx;          /* [count, in_size], overwritten; with scale not 0 */
    double *nll;        /* [count] loss of each row, weighted and smoothed */
    int32_t *predicted; /* [count] the most likely class, the lower of equals; NULL: not wanted */
} rr_softmax_rows;

/** As rr_linear_declare. */
rr_status rr_softmax_head_declare(rr_softmax_head *head, rr_params *params, const char *prefix, size_t in_size,
                                  size_t classes, size_t tied_weight);
void rr_softmax_head_plan(rr_softmax_head *head, rr_arena *arena, rr_team *team, size_t max_rows, bool training);
/** Rows of logits that are held at a time, at most. */
size_t rr_softmax_head_block(const rr_softmax_head *head);
/** After plan: memory for calls by shards. */
void rr_softmax_head_plan_shards(rr_softmax_head *head, rr_arena *arena, size_t max_shards);
void rr_softmax_head_run(rr_softmax_head *head, const rr_params *params, const rr_softmax_rows *rows,
                         const rr_hooks *hooks);

/** Probabilities [count, classes] of x [count, in_size]; count at most block_rows. */
void rr_softmax_head_probabilities(rr_softmax_head *head, const rr_params *params, size_t count, const float *x,
                                   float *out);

#endif
