/*
 * Element-wise kernels of the cells and of the optimisers, and reductions. Built for a portable baseline, AVX2+FMA and
 * AVX-512, chosen at start by CPUID; all three give the same bits (fma explicit, no contraction, sums over 16 virtual
 * lanes in a fixed order, own polynomials for exp, sigmoid, tanh and log: no libm result reaches a parameter).
 */
#ifndef RR_MATH_POINTWISE_H
#define RR_MATH_POINTWISE_H

#include <stddef.h>
#include <stdint.h>

/** y = exp x, sigmoid x, tanh x, log x, for count values; x == y is fine. Error bounds in ulp stand in pointwise.c. */
void rr_exp(size_t count, const float *x, float *y);
void rr_sigmoid(size_t count, const float *x, float *y);
void rr_tanh(size_t count, const float *x, float *y);
void rr_log(size_t count, const float *x, float *y);

/** y += alpha * x */
void rr_axpy(size_t count, float alpha, const float *x, float *y);
/** y *= alpha */
void rr_scale(size_t count, float alpha, float *y);
/** z = x * y */
void rr_multiply(size_t count, const float *x, const float *y, float *z);
/** The sum of x * y. */
float rr_dot(size_t count, const float *x, const float *y);
/** y[rows, width] = bias[width] in every row; with a second bias (may be NULL) their sum. */
void rr_bias_fill(size_t rows, size_t width, const float *bias, const float *bias2, float *y, size_t ldy);
/** dbias[width] += sum over rows of dy[rows, width], rows in order. */
void rr_bias_backward(size_t rows, size_t width, const float *dy, size_t lddy, float *dbias);

/** Sum of squares, in double, over fixed chunks combined in index order: the same for any alignment and threads. */
double rr_sum_squares(size_t count, const float *x);
/** Largest |x|; NaN if any is NaN. */
float rr_max_abs(size_t count, const float *x);

/**
 * LSTM (Hochreiter & Schmidhuber 1997, with forget gate; PyTorch's formulas), one time step of `rows` rows, H units,
 * of which [first, end) are wanted.
 * gates [rows, 4H] hold the pre-activations i,f,g,o on entry and the activations on return.
 * c_prev [rows, H], c [rows, H], tanh_c [rows, H] (saved for backward), h [rows, H] with row stride ldh.
 */
void rr_lstm_forward(size_t rows, size_t H, size_t first, size_t end, float *gates, const float *c_prev, float *c,
                     float *tanh_c, float *h, size_t ldh);

/**
 * The mirror. dh [rows, H]: gradient of h (all that reaches it); dc [rows, H]: gradient of c from the step after, on
 * entry; gradient of c_prev on return. gates hold activations; dgates [rows, 4H] gets gradients of the pre-activations,
 * and may be gates. So may those of the other cells.
 */
void rr_lstm_backward(size_t rows, size_t H, size_t first, size_t end, const float *gates, const float *c_prev,
                      const float *tanh_c, const float *dh, float *dc, float *dgates);

/**
 * GRU (Cho et al. 2014, PyTorch's variant: n = tanh(W_in x + b_in + r * (W_hn h + b_hn)), h' = (1-z) n + z h).
 * gates_x [rows, 3H]: r,z,n parts from the input (biases in), activations r,z,n on return.
 * gates_h [rows, 3H]: r,z,n parts from h (biases in); the n part, before the product with r, is saved for backward.
 */
void rr_gru_forward(size_t rows, size_t H, size_t first, size_t end, float *gates_x, const float *gates_h,
                    const float *h_prev, float *h, size_t ldh);

/**
 * dh [rows, H]: gradient of h. dgates_x, dgates_h [rows, 3H]: gradients of both pre-activations. dh_prev [rows, H] gets
 * the direct part z * dh (what goes through gates_h is added by the recurrent product).
 */
void rr_gru_backward(size_t rows, size_t H, size_t first, size_t end, const float *gates, const float *gates_h,
                     const float *h_prev, const float *dh, float *dgates_x, float *dgates_h, float *dh_prev);

/** Elman RNN: h = tanh(gates) or relu(gates); gates [rows, H] keep h. Backward: dgates = dh * f'(h). */
void rr_elman_tanh_forward(size_t rows, size_t H, size_t first, size_t end, float *gates, float *h, size_t ldh);
void rr_elman_tanh_backward(size_t rows, size_t H, size_t first, size_t end, const float *h, const float *dh,
                            float *dgates);
void rr_elman_relu_forward(size_t rows, size_t H, size_t first, size_t end, float *gates, float *h, size_t ldh);
void rr_elman_relu_backward(size_t rows, size_t H, size_t first, size_t end, const float *h, const float *dh,
                            float *dgates);

/**
 * Softmax, negative log-likelihood and its gradient, in place.
 * logits [rows, width]: on return scale * (softmax - onehot(target)), or unchanged where scale is 0 (evaluation).
 * targets [rows]: a class, or RR_NO_TARGET (row of gradients zeroed, no loss).
 * nll: [rows] double, loss of each row (0 without target). Log-sum-exp is shifted by the maximum.
 */
enum { RR_NO_TARGET = -1 };
void rr_softmax_nll(size_t rows, size_t width, float *logits, size_t ld, const int32_t *targets, float scale,
                    double *nll);

/** Softmax of one row, in place. */
void rr_softmax(size_t width, float *logits);

/** Sigmoid + binary cross-entropy: targets in [0, 1] [rows, width]; gradients in place as above; nll [rows]: sum over
 * width. */
void rr_sigmoid_bce(size_t rows, size_t width, float *logits, size_t ld, const float *targets, float scale,
                    double *nll);

/** Identity head with squared error: y [rows, width] -> scale * 2 * (y - target) in place; loss [rows]: sum of squares.
 */
void rr_squared_error(size_t rows, size_t width, float *y, size_t ld, const float *targets, float scale, double *loss);

/** One pass of Adam over memory (Kingma & Ba 2015; decoupled decay: Loshchilov & Hutter 2019). See optim/adam.c. */
typedef struct rr_adam_step {
    float grad_scale; /* clip factor, multiplies the gradient */
    float lr;
    float beta1, beta2, eps;
    float bias_correction1, bias_correction2_sqrt; /* 1 - beta1^t; sqrt(1 - beta2^t) */
    float weight_decay; /* added to the gradient (Adam), or times lr off the weight (AdamW) */
    int decoupled;      /* AdamW */
} rr_adam_step;
void rr_adam_update(size_t count, const rr_adam_step *step, const float *grad, float *weight, float *exp_avg,
                    float *exp_avg_sq);

/** SGD as PyTorch's: momentum buffer is NULL without momentum; first: the buffer starts as the gradient. */
typedef struct rr_sgd_step {
    float grad_scale, lr, momentum, dampening, weight_decay;
    int nesterov, first;
} rr_sgd_step;
void rr_sgd_update(size_t count, const rr_sgd_step *step, const float *grad, float *weight, float *momentum_buffer);

/**
 * Inverted dropout of one row: y = 0 with probability p, else x / (1 - p); x == y is fine. Element i is decided by word
 * i % 4 of Philox4x32-10 for the key and the counter, whose last word goes up by one every four elements.
 */
void rr_dropout_row(size_t width, uint64_t key, const uint32_t counter[4], float p, const float *x, float *y);

#endif
