/*
 * Calls through the table of the instruction set in use.
 *
 * Errors against exact results, over every float (tests/math/test_elementary.c): exp 1 ulp, sigmoid 2.5, tanh 2.5,
 * log 1. Denormal numbers are 0: exp x is 0 below -87.33, log of a denormal is that of 0. NaN stays NaN.
 */
#include "math/pointwise.h"

#include <stdatomic.h>

#include "math/kernels.h"

const rr_kernels *rr_kernels_of(rr_isa isa) {
#if defined(__x86_64__)
    if (isa == RR_ISA_AVX512) return &rr_kernels_avx512;
    if (isa == RR_ISA_AVX2) return &rr_kernels_avx2;
#endif
    (void)isa;
    return &rr_kernels_portable;
}

const rr_kernels *rr_kernels_used(void) {
    static const rr_kernels *_Atomic chosen;
    const rr_kernels *kernels = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (kernels == NULL) {
        kernels = rr_kernels_of(rr_isa_used());
        atomic_store_explicit(&chosen, kernels, memory_order_relaxed);
    }
    return kernels;
}

static const rr_kernels *table(void) { return rr_kernels_used(); }

void rr_exp(size_t count, const float *x, float *y) { table()->exp(count, x, y); }
void rr_sigmoid(size_t count, const float *x, float *y) { table()->sigmoid(count, x, y); }
void rr_tanh(size_t count, const float *x, float *y) { table()->tanh(count, x, y); }
void rr_log(size_t count, const float *x, float *y) { table()->log(count, x, y); }
void rr_axpy(size_t count, float alpha, const float *x, float *y) { table()->axpy(count, alpha, x, y); }
void rr_scale(size_t count, float alpha, float *y) { table()->scale(count, alpha, y); }
void rr_multiply(size_t count, const float *x, const float *y, float *z) { table()->multiply(count, x, y, z); }
float rr_dot(size_t count, const float *x, const float *y) { return table()->dot(count, x, y); }

void rr_bias_fill(size_t rows, size_t width, const float *bias, const float *bias2, float *y, size_t ldy) {
    table()->bias_fill(rows, width, bias, bias2, y, ldy);
}
void rr_bias_backward(size_t rows, size_t width, const float *dy, size_t lddy, float *dbias) {
    table()->bias_backward(rows, width, dy, lddy, dbias);
}
double rr_sum_squares(size_t count, const float *x) { return table()->sum_squares(count, x); }
float rr_max_abs(size_t count, const float *x) { return table()->max_abs(count, x); }

void rr_lstm_forward(size_t rows, size_t H, size_t first, size_t end, float *gates, const float *c_prev, float *c,
                     float *tanh_c, float *h, size_t ldh) {
    table()->lstm_forward(rows, H, first, end, gates, c_prev, c, tanh_c, h, ldh);
}
void rr_lstm_backward(size_t rows, size_t H, size_t first, size_t end, const float *gates, const float *c_prev,
                      const float *tanh_c, const float *dh, float *dc, float *dgates) {
    table()->lstm_backward(rows, H, first, end, gates, c_prev, tanh_c, dh, dc, dgates);
}
void rr_gru_forward(size_t rows, size_t H, size_t first, size_t end, float *gates_x, const float *gates_h,
                    const float *h_prev, float *h, size_t ldh) {
    table()->gru_forward(rows, H, first, end, gates_x, gates_h, h_prev, h, ldh);
}
void rr_gru_backward(size_t rows, size_t H, size_t first, size_t end, const float *gates, const float *gates_h,
                     const float *h_prev, const float *dh, float *dgates_x, float *dgates_h, float *dh_prev) {
    table()->gru_backward(rows, H, first, end, gates, gates_h, h_prev, dh, dgates_x, dgates_h, dh_prev);
}
void rr_elman_tanh_forward(size_t rows, size_t H, size_t first, size_t end, float *gates, float *h, size_t ldh) {
    table()->elman_tanh_forward(rows, H, first, end, gates, h, ldh);
}
void rr_elman_tanh_backward(size_t rows, size_t H, size_t first, size_t end, const float *h, const float *dh,
                            float *dgates) {
    table()->elman_tanh_backward(rows, H, first, end, h, dh, dgates);
}
void rr_elman_relu_forward(size_t rows, size_t H, size_t first, size_t end, float *gates, float *h, size_t ldh) {
    table()->elman_relu_forward(rows, H, first, end, gates, h, ldh);
}
void rr_elman_relu_backward(size_t rows, size_t H, size_t first, size_t end, const float *h, const float *dh,
                            float *dgates) {
    table()->elman_relu_backward(rows, H, first, end, h, dh, dgates);
}

void rr_softmax_nll(size_t rows, size_t width, float *logits, size_t ld, const int32_t *targets, float scale,
                    double *nll) {
    table()->softmax_nll(rows, width, logits, ld, targets, scale, nll);
}
void rr_softmax(size_t width, float *logits) { table()->softmax(width, logits); }
void rr_sigmoid_bce(size_t rows, size_t width, float *logits, size_t ld, const float *targets, float scale,
                    double *nll) {
    table()->sigmoid_bce(rows, width, logits, ld, targets, scale, nll);
}
void rr_squared_error(size_t rows, size_t width, float *y, size_t ld, const float *targets, float scale, double *loss) {
    table()->squared_error(rows, width, y, ld, targets, scale, loss);
}
void rr_adam_update(size_t count, const rr_adam_step *step, const float *grad, float *weight, float *exp_avg,
                    float *exp_avg_sq) {
    table()->adam_update(count, step, grad, weight, exp_avg, exp_avg_sq);
}
void rr_sgd_update(size_t count, const rr_sgd_step *step, const float *grad, float *weight, float *momentum_buffer) {
    table()->sgd_update(count, step, grad, weight, momentum_buffer);
}
void rr_dropout_row(size_t width, uint64_t key, const uint32_t counter[4], float p, const float *x, float *y) {
    table()->dropout(width, key, counter, p, x, y);
}
