/* The table of kernels of one instruction set. kernels.inc is compiled once for each; pointwise.c calls through the
 * table. */
#ifndef RR_MATH_KERNELS_H
#define RR_MATH_KERNELS_H

#include "math/pointwise.h"
#include "math/runtime.h"

typedef struct rr_kernels {
    void (*exp)(size_t, const float *, float *);
    void (*sigmoid)(size_t, const float *, float *);
    void (*tanh)(size_t, const float *, float *);
    void (*log)(size_t, const float *, float *);
    void (*axpy)(size_t, float, const float *, float *);
    void (*scale)(size_t, float, float *);
    void (*multiply)(size_t, const float *, const float *, float *);
    void (*bias_fill)(size_t, size_t, const float *, const float *, float *, size_t);
    void (*bias_backward)(size_t, size_t, const float *, size_t, float *);
    double (*sum_squares)(size_t, const float *);
    float (*max_abs)(size_t, const float *);
    void (*lstm_forward)(size_t, size_t, float *, const float *, float *, float *, float *, size_t);
    void (*lstm_backward)(size_t, size_t, const float *, const float *, const float *, const float *, float *, float *);
    void (*gru_forward)(size_t, size_t, float *, const float *, const float *, float *, size_t);
    void (*gru_backward)(size_t, size_t, const float *, const float *, const float *, const float *, float *, float *,
                         float *);
    void (*elman_tanh_forward)(size_t, size_t, float *, float *, size_t);
    void (*elman_tanh_backward)(size_t, const float *, const float *, float *);
    void (*elman_relu_forward)(size_t, size_t, float *, float *, size_t);
    void (*elman_relu_backward)(size_t, const float *, const float *, float *);
    void (*softmax_nll)(size_t, size_t, float *, size_t, const int32_t *, float, double *);
    void (*softmax)(size_t, float *);
    void (*sigmoid_bce)(size_t, size_t, float *, size_t, const float *, float, double *);
    void (*squared_error)(size_t, size_t, float *, size_t, const float *, float, double *);
    void (*adam_update)(size_t, const rr_adam_step *, const float *, float *, float *, float *);
    void (*sgd_update)(size_t, const rr_sgd_step *, const float *, float *, float *);
} rr_kernels;

extern const rr_kernels rr_kernels_portable;
#if defined(__x86_64__)
extern const rr_kernels rr_kernels_avx2;
extern const rr_kernels rr_kernels_avx512;
#endif

/** The table of a level that this processor has. */
const rr_kernels *rr_kernels_of(rr_isa isa);

#endif
