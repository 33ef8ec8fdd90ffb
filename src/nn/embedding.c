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

void rr_embedding_plan_shards(rr_embedding *embedding, rr_arena *arena, size_t max_count, size_t max_shards) {
    embedding->first = rr_arena_take(arena, embedding->vocab_size * sizeof *embedding->first);
    embedding->next = rr_arena_take(arena, max_count * sizeof *embedding->next);
    embedding->sums = rr_arena_floats(arena, rr_tree_depth(max_shards) * embedding->size);
    for (size_t i = 0; embedding->first != NULL && i < embedding->vocab_size; i++) embedding->first[i] = -1;
}

/* The places of a token from `at` on that are before `end`: their gradients in a row. Returns the first that is not. */
static int32_t add_places(const rr_embedding *embedding, const rr_shard_rows *shards, int32_t at, size_t end,
                          const float *dy, float *sum) {
    memset(sum, 0, embedding->size * sizeof *sum);
    for (; at >= 0 && (size_t)at < end; at = embedding->next[at])
        rr_axpy(embedding->size, 1.0f, dy + shards->order[at] * embedding->size, sum);
    return at;
}

/* One row of the gradient. A shard without the token has zeros. */
static void add_token(const rr_embedding *embedding, const rr_shard_rows *shards, int32_t at, const float *dy,
                      float *grad) {
    size_t size = embedding->size, top = 0;
    for (size_t shard = 0; shard < shards->count; shard++) {
        at = add_places(embedding, shards, at, shards->offset[shard * (shards->steps + 1) + shards->steps], dy,
                        embedding->sums + top++ * size);
        for (size_t m = shards->merges[shard]; m > 0; m--, top--)
            rr_axpy(size, 1.0f, embedding->sums + (top - 1) * size, embedding->sums + (top - 2) * size);
    }
    memcpy(grad, embedding->sums, size * sizeof *grad);
}

void rr_embedding_backward_shards(const rr_embedding *embedding, const rr_params *params, const int32_t *tokens,
                                  size_t count, const rr_shard_rows *shards, const float *dy) {
    if (rr_param_is_frozen(params, embedding->weight)) return;
    for (size_t i = count; i-- > 0;) { /* each token's places, in the order of shards */
        int32_t token = tokens[shards->order[i]];
        embedding->next[i] = embedding->first[token];
        embedding->first[token] = (int32_t)i;
    }
    for (size_t i = 0; i < count; i++) {
        int32_t token = tokens[shards->order[i]];
        if (embedding->first[token] != (int32_t)i) continue;
        add_token(embedding, shards, (int32_t)i, dy,
                  rr_param_grad(params, embedding->weight) + (size_t)token * embedding->size);
        rr_param_list_row(params, embedding->weight, (size_t)token);
        embedding->first[token] = -1;
    }
}
