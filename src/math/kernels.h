/* The table of kernels of one instruction set. kernels.inc is compiled once for each; pointwise.c and panels.c call
 * through the table. */
#ifndef RR_MATH_KERNELS_H
#define RR_MATH_KERNELS_H

#include "math/pointwise.h"
#include "math/runtime.h"

/**
 * y[rows, width of `count` panels] = x[rows, depth] . panels (+ add). Panel p, [depth, panel], starts p * panel_step
 * floats after the first; its columns are p * y_step floats after those of the first, in y and in add.
 */
typedef struct rr_panel_product {
    size_t rows, depth;
    const float *x;
    size_t ldx;
    const float *panel;
    size_t panel_step, count, width;
    const float *add; /* NULL: nothing is added; add_ld 0: the same row for all */
    size_t add_ld;
    float *y;
    size_t ldy, y_step;
} rr_panel_product;

typedef struct rr_kernels {
    void (*exp)(size_t, const float *, float *);
    void (*sigmoid)(size_t, const float *, float *);
    void (*tanh)(size_t, const float *, float *);
    void (*log)(size_t, const float *, float *);
    void (*axpy)(size_t, float, const float *, float *);
    void (*scale)(size_t, float, float *);
    void (*multiply)(size_t, const float *, const float *, float *);
    float (*dot)(size_t, const float *, const float *);
    void (*bias_fill)(size_t, size_t, const float *, const float *, float *, size_t);
    void (*bias_backward)(size_t, size_t, const float *, size_t, float *);
    double (*sum_squares)(size_t, const float *);
    float (*max_abs)(size_t, const float *);
    void (*lstm_forward)(size_t, size_t, size_t, size_t, float *, const float *, float *, float *, float *, size_t);
    void (*lstm_backward)(size_t, size_t, size_t, size_t, const float *, const float *, const float *, const float *,
                          float *, float *);
    void (*gru_forward)(size_t, size_t, size_t, size_t, float *, const float *, const float *, float *, size_t);
    void (*gru_backward)(size_t, size_t, size_t, size_t, const float *, const float *, const float *, const float *,
                         float *, float *, float *);
    void (*elman_tanh_forward)(size_t, size_t, size_t, size_t, float *, float *, size_t);
    void (*elman_tanh_backward)(size_t, size_t, size_t, size_t, const float *, const float *, float *);
    void (*elman_relu_forward)(size_t, size_t, size_t, size_t, float *, float *, size_t);
    void (*elman_relu_backward)(size_t, size_t, size_t, size_t, const float *, const float *, float *);
    void (*softmax_nll)(size_t, size_t, float *, size_t, const int32_t *, float, double *);
    void (*softmax)(size_t, float *);
    void (*sigmoid_bce)(size_t, size_t, float *, size_t, const float *, float, double *);
    void (*squared_error)(size_t, size_t, float *, size_t, const float *, float, double *);
    void (*adam_update)(size_t, const rr_adam_step *, const float *, float *, float *, float *);
    void (*sgd_update)(size_t, const rr_sgd_step *, const float *, float *, float *);
    void (*dropout)(size_t, uint64_t, const uint32_t[4], float, const float *, float *);
    size_t panel; /* columns of a panel */
    void (*panel_product)(const rr_panel_product *);
    void (*strip_product)(size_t depth, size_t rows, size_t width, const float *a, const float *b, bool accumulate,
                          float *y, size_t ldy);
    void (*pack_panel)(size_t depth, size_t width, const float *w, size_t ldw, float *panel);
    void (*pack_strip)(size_t rows, size_t width, const float *x, size_t ldx, float *strip);
    double (*fma_chains)(size_t iterations, float *values); /* values [192]; returns its floating-point operations */
} rr_kernels;

extern const rr_kernels rr_kernels_portable;
#if defined(__x86_64__)
extern const rr_kernels rr_kernels_avx2;
extern const rr_kernels rr_kernels_avx512;
#endif

/** The table of a level that this processor has. */
const rr_kernels *rr_kernels_of(rr_isa isa);

/** The table of the level in use. */
const rr_kernels *rr_kernels_used(void);

#endif
