#include "nn/embedding.h"

#include <stdio.h>
#include <string.h>

#include "math/pointwise.h"

rr_status rr_embedding_declare(rr_embedding *embedding, rr_params *params, const char *prefix, size_t vocab_size,
                               size_t size) {
    rr_param param = {.kind = RR_PARAM_EMBEDDING,
                      .dims = {vocab_size, size},
                      .dim_count = 2,
                      .gates = 1,
                      .rowwise = true,
                      .forget_gate = -1};
    snprintf(param.name, sizeof param.name, "%s.weight", prefix);
    embedding->vocab_size = vocab_size;
    embedding->size = size;
    return rr_params_add(params, &param, &embedding->weight);
}

void rr_embedding_forward(const rr_embedding *embedding, const rr_params *params, const int32_t *tokens, size_t count,
                          float *y) {
    const float *weight = rr_param_value(params, embedding->weight);
    for (size_t i = 0; i < count; i++)
        memcpy(y + i * embedding->size, weight + (size_t)tokens[i] * embedding->size, embedding->size * sizeof *y);
}

void rr_embedding_backward(const rr_embedding *embedding, const rr_params *params, const int32_t *tokens, size_t count,
                           const float *dy) {
    if (rr_param_is_frozen(params, embedding->weight)) return;
    float *grad = rr_param_grad(params, embedding->weight);
    for (size_t i = 0; i < count; i++) {
        rr_axpy(embedding->size, 1.0f, dy + i * embedding->size, grad + (size_t)tokens[i] * embedding->size);
        rr_param_list_row(params, embedding->weight, (size_t)tokens[i]);
    }
}
