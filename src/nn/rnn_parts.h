/* What forward (rnn_forward.c) and backward (rnn_backward.c) of a recurrent stack share. */
#ifndef RR_NN_RNN_PARTS_H
#define RR_NN_RNN_PARTS_H

#include "nn/rnn.h"

/** Products over all rows are cut so that a tick comes at least every few ms: rows a block. */
enum { RR_RNN_TICK_MACS = 200 * 1000 * 1000 };

/** One direction of one layer. N = max_total packed rows; what is only for training is NULL without it. */
typedef struct rr_rnn_pass {
    size_t weight_ih, weight_hh, bias_ih, bias_hh; /* indices of parameters; biases (size_t)-1 without bias */
    float *gates;                                  /* [N, gates * H] activations */
    float *recurrent;                              /* [N, gates * H], cells that keep the recurrent part apart */
    float *extra;                                  /* [N, extra * H] */
    float *h_prev; /* [N, H]: the state before each step, in the order of the packed rows */
    float *c_prev; /* [N, H], cells with two states */
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
    float *h_step, *c_step; /* [max_rows, H]: state after the step */
    float *dgates;          /* [N, gates * H] */
    float *drecurrent;      /* [N, gates * H], separate_recurrent */
    float *dh, *dc;         /* [max_rows, H] */
    float *dh_before;       /* [max_rows, H] */
    float *d_below;         /* [N, directions * H]: gradient of the output of the layer below */
    const float *x;         /* input of the last forward */
    rr_dropout dropout;     /* of the last forward */
    bool has_dropout;
};

/** Input of a layer in the last forward, [total, input_size]. */
static inline const float *rr_rnn_layer_input(const rr_rnn *rnn, size_t layer) {
    if (layer == 0) return rnn->x;
    return rnn->layers[layer].input != NULL && rnn->has_dropout ? rnn->layers[layer].input : rnn->layers[layer - 1].y;
}

static inline float *rr_rnn_bias(const rr_params *params, size_t index) {
    return index == (size_t)-1 ? NULL : rr_param_value(params, index);
}

/** Rows of a block of a product of `macs` multiply-adds a row. */
static inline size_t rr_rnn_block_rows(double macs) {
    double rows = RR_RNN_TICK_MACS / (macs > 1 ? macs : 1);
    return rows < 16 ? 16 : (size_t)rows;
}

#endif
