/* The self-check of the matrix products, on any set of them: so that it can be shown to catch wrong ones. */
#ifndef RR_MATH_GEMM_CHECK_H
#define RR_MATH_GEMM_CHECK_H

#include "math/gemm.h"

/** Products with the contracts of rr_gemm_forward, rr_gemm_backward_input and rr_gemm_backward_weight. */
typedef struct rr_gemm_products {
    void (*forward)(size_t M, size_t N, size_t K, const float *x, size_t ldx, const float *w, size_t ldw,
                    bool accumulate, float *y, size_t ldy);
    void (*backward_input)(size_t M, size_t N, size_t K, const float *dy, size_t lddy, const float *w, size_t ldw,
                           bool accumulate, float *dx, size_t lddx);
    void (*backward_weight)(size_t M, size_t N, size_t K, const float *dy, size_t lddy, const float *x, size_t ldx,
                            float *dw, size_t lddw);
} rr_gemm_products;

/** As rr_gemm_self_check, of the products given. */
rr_status rr_gemm_check(const rr_gemm_products *products);

#endif
