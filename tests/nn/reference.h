/*
 * The recurrent stack, the layers and the losses once more: in double, one row and one unit at a time, from the
 * formulas of PyTorch's documentation. Slow and plain, and proven by central differences (test_reference.c).
 */
#ifndef RR_TESTS_NN_REFERENCE_H
#define RR_TESTS_NN_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nn/sequence.h"

typedef enum ref_cell { REF_LSTM, REF_GRU, REF_RNN_TANH, REF_RNN_RELU } ref_cell;

enum { REF_MAX_LAYERS = 4 };

/* Parameters (or their gradients) of one direction of one layer; biases NULL without bias. */
typedef struct ref_weights {
    double *w_ih, *w_hh, *b_ih, *b_hh; /* [G * H, in], [G * H, H], [G * H], [G * H] */
} ref_weights;

typedef struct ref_rnn {
    ref_cell cell;
    size_t input_size, H, layers, directions;
    bool bias;
    ref_weights weights[REF_MAX_LAYERS][2];
    const double
        *mask[REF_MAX_LAYERS]; /* [total, D * H]: factors on the output of layer l, below the top; NULL: none */
    /* kept for backward */
    double *gates[REF_MAX_LAYERS][2]; /* [total, G * H] activations */
    double *hn[REF_MAX_LAYERS][2];    /* [total, H]: the recurrent part of GRU's n */
    double *c[REF_MAX_LAYERS][2];     /* [total, H] */
    double *h[REF_MAX_LAYERS];        /* [total, D * H] before the mask */
} ref_rnn;

size_t ref_gates(ref_cell cell);
size_t ref_states(ref_cell cell);

/* Takes zeroed weights and what forward keeps for up to `total` packed rows; ref_close frees all. */
void ref_open(ref_rnn *r, size_t total);
void ref_close(ref_rnn *r);

/* Zeroed arrays of the shapes of r's weights. */
void ref_weights_open(const ref_rnn *r, ref_weights weights[REF_MAX_LAYERS][2]);
void ref_weights_close(ref_weights weights[REF_MAX_LAYERS][2]);

/* x [total, input_size], state [states, L * D, B, H] or NULL; y [total, D * H], state_out like state. */
void ref_forward(ref_rnn *r, const rr_sequence *s, const double *x, const double *state, double *y, double *state_out);

/*
 * Adds to grads; sets dx and dstate (like x and state). dstate_out may be NULL. sizes gets the sums of the absolute
 * values of what is summed in grads: where that is far above the sum itself, single precision cannot know the sum well.
 */
void ref_backward(const ref_rnn *r, const rr_sequence *s, const double *x, const double *state, const double *dy,
                  const double *dstate_out, ref_weights grads[REF_MAX_LAYERS][2], ref_weights sizes[REF_MAX_LAYERS][2],
                  double *dx, double *dstate);

/* y [rows, out] = x [rows, in] w [out, in]^T + b [out] (or NULL); backward adds to dw and db, sets dx. */
void ref_linear(size_t rows, size_t in, size_t out, const double *x, const double *w, const double *b, double *y);
void ref_linear_backward(size_t rows, size_t in, size_t out, const double *x, const double *w, const double *dy,
                         double *dw, double *db, double *dx);

/* Sum of the losses; d [rows, width] gets the gradient. A negative target of the softmax has no loss. */
double ref_softmax_nll(size_t rows, size_t width, const double *logits, const int32_t *targets, double *d);
double ref_sigmoid_bce(size_t rows, size_t width, const double *logits, const double *targets, double *d);
double ref_squared_error(size_t rows, size_t width, const double *y, const double *targets, double *d);

#endif
