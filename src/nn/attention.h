/*
 * Attention over a memory: weights = softmax of scores, context = weighted sum of the memory. Scores:
 *   dot       q . m                    (Luong et al. 2015); sizes must be equal
 *   general   q . (W m)                (Luong et al. 2015)
 *   additive  v . tanh(W_q q + W_m m)  (Bahdanau et al. 2015)
 * Those of dot and general grow with the size of the query, and a softmax of large scores learns nothing more; scaled,
 * they are divided by the root of that size (Vaswani et al. 2017).
 */
#ifndef RR_NN_ATTENTION_H
#define RR_NN_ATTENTION_H

#include "base/hooks.h"
#include "math/team.h"
#include "nn/memory.h"
#include "nn/params.h"

typedef enum rr_attention_kind { RR_ATTENTION_DOT, RR_ATTENTION_GENERAL, RR_ATTENTION_ADDITIVE } rr_attention_kind;
extern const char *const rr_attention_names[]; /* "dot", "general", "additive", NULL */

typedef struct rr_attention rr_attention;

typedef struct rr_attention_spec {
    rr_attention_kind kind;
    bool scaled;                          /* dot and general alone */
    size_t query_size, memory_size, size; /* size: of the hidden layer of additive scores */
    rr_team *team;                        /* borrowed */
} rr_attention_spec;

rr_status rr_attention_create(const rr_attention_spec *spec, rr_attention **out);
void rr_attention_free(rr_attention *attention);

/**
 * Adds, as torch.nn.Linear and nn.Parameter name them: general "<prefix>.memory.weight" [query_size, memory_size];
 * additive "<prefix>.query.weight" [size, query_size], "<prefix>.memory.weight" [size, memory_size],
 * "<prefix>.memory.bias" [size], "<prefix>.score.weight" [1, size]; dot nothing.
 */
rr_status rr_attention_declare(rr_attention *attention, rr_params *params, const char *prefix);

/** How much there is at most. */
typedef struct rr_attention_room {
    size_t rows, vectors; /* of a memory, in all its rows */
    size_t longest;       /* vectors of a row */
    size_t queries, part; /* in all, and in one call */
    size_t pairs;         /* of a query and a vector that it reads */
} rr_attention_room;

void rr_attention_plan(rr_attention *attention, rr_arena *arena, const rr_attention_room *room, bool training);

/** Once for a memory, before its queries: what of the scores depends on the memory alone. The memory is borrowed until
 * the backward pass. */
void rr_attention_begin(rr_attention *attention, const rr_params *params, const rr_memory *memory,
                        const rr_hooks *hooks);

/**
 * @param[in] row      [count] the row of the memory that each query reads
 * @param[in] queries  [count, query_size], must live until backward
 * @param[out] context [count, memory_size]
 * What was computed is kept for backward at index `first` on: queries may come in parts (time steps), each with the
 * count of those before it as `first`; 0 starts over.
 */
void rr_attention_forward(rr_attention *attention, const rr_params *params, size_t first, size_t count,
                          const size_t *row, const float *queries, float *context, const rr_hooks *hooks);

/** The weights of a query of the last forward: [vectors of its row]. */
const float *rr_attention_weights(const rr_attention *attention, size_t query);

/**
 * The mirror of one forward; parts come in any order, each once. Adds to the gradients of the query's parameters.
 * @param[in] dcontext  [count, memory_size]
 * @param[out] dqueries [count, query_size], += if accumulate
 */
void rr_attention_backward(rr_attention *attention, const rr_params *params, size_t first, size_t count,
                           const size_t *row, const float *queries, const float *dcontext, bool accumulate,
                           float *dqueries, const rr_hooks *hooks);

/** The mirror of begin, after all backward calls: adds to the gradients of the other parameters.
 * dmemory [begin[rows], memory_size], overwritten. */
void rr_attention_end(rr_attention *attention, const rr_params *params, float *dmemory, const rr_hooks *hooks);

#endif
