/* The one table of parameters. Values, gradients and optimiser state are arenas of its layout. */
#ifndef RR_NN_PARAMS_H
#define RR_NN_PARAMS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/row_list.h"

enum {
    RR_PARAM_DIMS = 4,
    RR_PARAM_NAME = 96,
    RR_PARAM_ROWS_UNIT = 1024 /* floats: a parameter whose rows may be summed by themselves begins at a multiple */
};

/** How a parameter is initialised; schemes treat them differently (nn/init.h). */
typedef enum rr_param_kind {
    RR_PARAM_WEIGHT,    /* matrix [out, in] */
    RR_PARAM_RECURRENT, /* matrix [gates * H, H] */
    RR_PARAM_BIAS,
    RR_PARAM_GATE_BIAS, /* bias of a cell, [gates * H] */
    RR_PARAM_EMBEDDING  /* [vocabulary, size] */
} rr_param_kind;

typedef struct rr_param {
    char name[RR_PARAM_NAME]; /* as in a PyTorch state_dict: "rnn.weight_ih_l0" */
    rr_param_kind kind;
    size_t dims[RR_PARAM_DIMS];
    size_t dim_count;
    size_t offset; /* floats from the start of an arena; a multiple of 16 */
    size_t count;  /* floats */
    size_t fan_in; /* PyTorch's default bound is 1 / sqrt(fan_in); hidden_size for cells; 0: normal(0, 1) (embedding) */
    size_t gates;  /* cells: rows are `gates` blocks; else 1 */
    bool overwritten;  /* its layer writes the first gradient of a step over what was there: nothing need be cleared */
    bool rowwise;      /* a step writes some rows of the gradient, and says which (rr_param_list_row) */
    rr_row_list *rows; /* which, where that is asked for (rr_param_list_rows); else NULL */
    int forget_gate;   /* which block is the forget gate (bias_hh gets 0, bias_ih gets the constant); -1: none */
} rr_param;

/**
 * Parameters are declared in the order in which backward finishes their gradients (head first, then the layers from the
 * top, embeddings last), so that a gradient bucket is a contiguous range. The arenas are borrowed: the trainer owns
 * them.
 */
typedef struct rr_params {
    rr_param *items;
    size_t count;
    size_t total;  /* floats of an arena, padding between parameters included; padding stays 0 in every arena */
    float *values; /* [total], or NULL until the owner sets it */
    float *grads;  /* [total], or NULL where nothing is trained */
    bool *fresh;   /* [count]: the gradient holds nothing of this step yet, and what is there does not count */
    size_t frozen_begin, frozen_end; /* floats of the arena that are not trained */
    uint64_t version; /* raised by rr_params_changed: layers keep copies of the values in another order */
} rr_params;

/** From now on the rows of a rowwise parameter's gradient are listed, and those alone cleared. All must be 0 now. */
rr_status rr_param_list_rows(rr_params *params, size_t index);

/** For whoever writes into a row of a rowwise parameter's gradient. */
static inline void rr_param_list_row(const rr_params *params, size_t index, size_t row) {
    if (params->items[index].rows != NULL) rr_row_list_add(params->items[index].rows, row);
}

/** For whoever used the arena of the gradients for something else: all are 0, and no rows are listed. */
void rr_params_reset_grads(rr_params *params);

/** To be called by whoever has changed values, before the next forward. */
static inline void rr_params_changed(rr_params *params) { params->version++; }

/** Adds a parameter and returns its index. name, kind and so on as in rr_param; offset and count are filled in. */
rr_status rr_params_add(rr_params *params, const rr_param *param, size_t *index);

/**
 * Begins the gradients of a step: those of layers that overwrite become fresh, which costs nothing, the others are
 * cleared. Without it layers add to what is there.
 */
void rr_params_clear_grads(rr_params *params);

/** Ends them: what no layer has written (a rank without rows) is cleared. */
void rr_params_settle_grads(rr_params *params);

/** For a layer about to write a gradient: whether it adds to what is there. From then on it does. */
static inline bool rr_param_adds(const rr_params *params, size_t index) {
    bool adds = !params->fresh[index];
    params->fresh[index] = false;
    return adds;
}

/** The index of a name, or params->count if there is none. */
size_t rr_params_find(const rr_params *params, const char *name);

/** Number of trainable scalars, padding not counted. */
size_t rr_params_scalars(const rr_params *params);

void rr_params_free(rr_params *params);

static inline float *rr_param_value(const rr_params *params, size_t index) {
    return params->values + params->items[index].offset;
}

static inline float *rr_param_grad(const rr_params *params, size_t index) {
    return params->grads + params->items[index].offset;
}

/** The end of a parameter in the arena: what rr_hooks_ready takes. */
static inline size_t rr_param_end(const rr_params *params, size_t index) {
    return index + 1 < params->count ? params->items[index + 1].offset : params->total;
}

/** A parameter is not trained: it gets no gradient, and optimisers leave it alone. One at most. */
static inline void rr_param_freeze(rr_params *params, size_t index) {
    params->frozen_begin = params->items[index].offset;
    params->frozen_end = rr_param_end(params, index);
}

static inline bool rr_param_is_frozen(const rr_params *params, size_t index) {
    return params->frozen_end > params->frozen_begin && params->items[index].offset == params->frozen_begin;
}

#endif
