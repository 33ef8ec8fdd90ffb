/* Lookup table [vocabulary, size], as torch.nn.Embedding. */
#ifndef RR_NN_EMBEDDING_H
#define RR_NN_EMBEDDING_H

#include <stdint.h>

#include "nn/params.h"

typedef struct rr_embedding {
    size_t vocab_size, size;
    size_t weight; /* index of the parameter */
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

#endif
