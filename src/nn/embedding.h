/* Lookup table [vocabulary, size], as torch.nn.Embedding. */
#ifndef RR_NN_EMBEDDING_H
#define RR_NN_EMBEDDING_H

#include <stdint.h>

#include "nn/params.h"
#include "nn/shard_rows.h"

typedef struct rr_embedding {
    size_t vocab_size, size;
    size_t weight; /* index of the parameter */
    /* for backward by shards */
    int32_t *first, *next; /* [vocab_size], -1 between calls; [max_count] */
    float *sums;           /* [depth, size] */
} rr_embedding;

/** Adds "<prefix>.weight". */
rr_status rr_embedding_declare(rr_embedding *embedding, rr_params *params, const char *prefix, size_t vocab_size,
                               size_t size);

/** y [count, size] = weight[tokens[count]] */
void rr_embedding_forward(const rr_embedding *embedding, const rr_params *params, const int32_t *tokens, size_t count,
                          float *y);

/** Adds dy [count, size] to the rows of the gradient, in order of index (deterministic). Does not call hooks. */
void rr_embedding_backward(const rr_embedding *embedding, const rr_params *params, const int32_t *tokens, size_t count,
                           const float *dy);

/** Memory for backward by shards, of up to max_count tokens. */
void rr_embedding_plan_shards(rr_embedding *embedding, rr_arena *arena, size_t max_count, size_t max_shards);
/** The only backward pass of this gradient in a step: its rows are written, added by shards. */
void rr_embedding_backward_shards(const rr_embedding *embedding, const rr_params *params, const int32_t *tokens,
                                  size_t count, const rr_shard_rows *shards, const float *dy);

#endif
