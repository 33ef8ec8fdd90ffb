/* Matrix products, single precision, row-major. The only place that knows which library computes them. */
#ifndef RR_MATH_GEMM_H
#define RR_MATH_GEMM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/**
 * y[M, N] = x[M, K] . w[N, K]^T  (+ y if accumulate). The forward product with weights as PyTorch stores them.
 * ldx, ldw, ldy: floats from one row to the next. M, N or K of 0 are fine (K = 0 gives zeros unless accumulating).
 */
void rr_gemm_forward(size_t M, size_t N, size_t K, const float *x, size_t ldx, const float *w, size_t ldw,
                     bool accumulate, float *y, size_t ldy);

/** dx[M, K] = dy[M, N] . w[N, K]  (+ dx if accumulate). */
void rr_gemm_backward_input(size_t M, size_t N, size_t K, const float *dy, size_t lddy, const float *w, size_t ldw,
                            bool accumulate, float *dx, size_t lddx);

/** dw[N, K] += dy[M, N]^T . x[M, K]. */
void rr_gemm_backward_weight(size_t M, size_t N, size_t K, const float *dy, size_t lddy, const float *x, size_t ldx,
                             float *dw, size_t lddw);

/**
 * Compares the products in use with plain loops on the shapes where libraries were seen to fail; takes a few ms.
 * @return RR_ERR_RUNTIME with advice when the library computes wrongly
 */
rr_status rr_gemm_self_check(void);

#endif
