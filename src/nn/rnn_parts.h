/* What forward (rnn_forward.c) and backward (rnn_backward.c) of a recurrent stack share. */
#ifndef RR_NN_RNN_PARTS_H
#define RR_NN_RNN_PARTS_H

#include <string.h>

#include "math/panels.h"
#include "nn/rnn.h"

enum {
    RR_RNN_TICK_MACS = 100 * 1000 * 1000, /* products are cut so that a tick comes at least every few ms */
    RR_RNN_CHUNK_ROWS = 256,              /* time steps are taken together up to that many packed rows, */
    RR_RNN_GROUP_ROWS = 1024,             /* and chunks, for the gradients of the weights, up to that many */
    RR_RNN_BLOCK_ROWS = 512,              /* rows of a weight that are made at a time, and */
    RR_RNN_BLOCK_COLUMNS = 256            /* columns at least: what they are made of then stays in the second cache */
};

/** One direction of one layer. N = max_total packed rows; what is only for training is NULL without it. */
typedef struct rr_rnn_pass {
    size_t weight_ih, weight_hh, bias_ih, bias_hh; /* indices of parameters; biases (size_t)-1 without bias */
    /* The weights as products want them, made when they have changed. */
    rr_panels input, recurrent;           /* y = x w_ih^T, h w_hh^T: groups are gates */
    rr_panels input_back, recurrent_back; /* dx = dgates w_ih, dh = dgates w_hh; training only */
    float *bias;                          /* [gates * H] what the input product starts from; NULL without bias */
    /* What forward keeps. */
    float *gates;          /* [N, gates * H] activations; backward puts their gradients in their place */
    float *recurrent_part; /* [N, gates * H], cells that keep the recurrent part apart; then its gradients */
    float *extra;          /* [N, extra * H] */
    float *h_prev;         /* [N, H]: the state before each step, in the order of the packed rows */
    float *c_prev;         /* [N, H], cells with two states */
} rr_rnn_pass;

typedef struct rr_rnn_layer {
    size_t input_size;
    rr_rnn_pass pass[2];
    float *y;     /* [N, directions * H] output before dropout */
    float *input; /* [N, directions * H]: output of the layer below after dropout; NULL: the layer below's y, or x */
} rr_rnn_layer;

struct rr_rnn {
    rr_rnn_spec spec;
    size_t directions;
    bool training;
    rr_rnn_layer *layers;
    /* scratch of one time step and of backward, shared by all layers */
    float *c_step;        /* [max_rows, H]: state after the step */
    float *values_strips; /* [group, widest of inputs and H] packed; by shards a group is all N rows */
    float *block_strips;  /* [threads, block_floats] of dgates, packed */
    size_t block_floats;
    size_t max_shards;  /* 0: never by shards */
    float *shard_tiles; /* [threads, tile_floats] */
    float *shard_bias;  /* [depth, gates * H] */
    size_t tile_floats;
    bool rest_adds;     /* of rr_rnn_backward_rest: the gradient of its weights held something of this step before */
    float *dh, *dc;     /* [max_rows, H] */
    float *dh_before;   /* [max_rows, H] */
    float *d_below;     /* [N, directions * H]: gradient of the output of the layer below */
    const float *x;     /* input of the last forward */
    rr_dropout dropout; /* of the last forward */
    bool has_dropout;
    uint64_t packed_version; /* of the parameters that the panels were made from */
};

/** Input of a layer in the last forward, [total, input_size]. */
static inline const float *rr_rnn_layer_input(const rr_rnn *rnn, size_t layer) {
    if (layer == 0) return rnn->x;
    return rnn->layers[layer].input != NULL && rnn->has_dropout ? rnn->layers[layer].input : rnn->layers[layer - 1].y;
}

static inline float *rr_rnn_bias(const rr_params *params, size_t index) {
    return index == (size_t)-1 ? NULL : rr_param_value(params, index);
}

/** Units [first, end) of H; every thread has its own. */
typedef struct rr_rnn_units {
    size_t first, end;
    rr_share panels; /* those of the recurrent weights, of every gate */
} rr_rnn_units;

rr_rnn_units rr_rnn_units_of(size_t H, size_t thread, size_t threads);

/** Copies the units of rows [first, end), of strides ld_to and ld_from, or zeros if `from` is NULL. */
static inline void rr_rnn_copy(const rr_rnn_units *units, size_t first, size_t end, const float *from, size_t ld_from,
                               float *to, size_t ld_to) {
    size_t bytes = (units->end - units->first) * sizeof *to;
    for (size_t row = first; row < end; row++)
        if (from != NULL)
            memcpy(to + row * ld_to + units->first, from + row * ld_from + units->first, bytes);
        else
            memset(to + row * ld_to + units->first, 0, bytes);
}

/** Packed rows that a group of chunks has at most. */
static inline size_t rr_rnn_group_capacity(size_t max_total, size_t max_rows) {
    size_t rows = RR_RNN_GROUP_ROWS + RR_RNN_CHUNK_ROWS + max_rows - 1;
    return rows < max_total ? rows : max_total;
}

/** Time steps [begin, end) and the packed rows [first, first + rows) that belong to them. */
typedef struct rr_rnn_chunk {
    size_t begin, end, first, rows;
} rr_rnn_chunk;

/** The chunk from time step `from` on, forwards in time, or backwards from the end `from`. */
rr_rnn_chunk rr_rnn_chunk_forward(const rr_sequence *sequence, size_t from);
rr_rnn_chunk rr_rnn_chunk_backward(const rr_sequence *sequence, size_t from);

/** Makes the panels if the parameters have changed. */
void rr_rnn_pack(rr_rnn *rnn, const rr_params *params);

/** rr_panels_multiply over a share of panels, with ticks. */
void rr_rnn_multiply(const rr_panels *panels, rr_share share, size_t rows, const float *x, size_t ldx, const float *add,
                     size_t ld_add, float *y, size_t ldy, const rr_hooks *hooks);

#endif
