#include "math/gemm.h"

#include <cblas.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* BLAS takes int: what is longer goes in blocks. A multiple of every kernel's tile. */
enum { BLOCK = 1 << 24 };

static int to_int(size_t value) {
    if (value > INT_MAX) abort(); /* a row of more than 8 GiB; dimensions are cut before */
    return (int)value;
}

static size_t block(size_t count, size_t first) { return count - first < BLOCK ? count - first : BLOCK; }

/* c[M, N] = a . b (+ c), where a is [M, K], or [K, M] if it is transposed, and b is [K, N], or [N, K] if transposed. */
static void gemm(bool a_transposed, bool b_transposed, size_t M, size_t N, size_t K, const float *a, size_t lda,
                 const float *b, size_t ldb, bool accumulate, float *c, size_t ldc) {
    if (K == 0 && !accumulate)
        for (size_t row = 0; row < M; row++) memset(c + row * ldc, 0, N * sizeof *c);
    for (size_t m = 0; m < M; m += BLOCK)
        for (size_t n = 0; n < N; n += BLOCK)
            for (size_t k = 0; k < K; k += BLOCK)
                cblas_sgemm(CblasRowMajor, a_transposed ? CblasTrans : CblasNoTrans,
                            b_transposed ? CblasTrans : CblasNoTrans, to_int(block(M, m)), to_int(block(N, n)),
                            to_int(block(K, k)), 1.0f, a_transposed ? a + k * lda + m : a + m * lda + k, to_int(lda),
                            b_transposed ? b + n * ldb + k : b + k * ldb + n, to_int(ldb),
                            accumulate || k > 0 ? 1.0f : 0.0f, c + m * ldc + n, to_int(ldc));
}

void rr_gemm_forward(size_t M, size_t N, size_t K, const float *x, size_t ldx, const float *w, size_t ldw,
                     bool accumulate, float *y, size_t ldy) {
    gemm(false, true, M, N, K, x, ldx, w, ldw, accumulate, y, ldy);
}

void rr_gemm_backward_input(size_t M, size_t N, size_t K, const float *dy, size_t lddy, const float *w, size_t ldw,
                            bool accumulate, float *dx, size_t lddx) {
    gemm(false, false, M, K, N, dy, lddy, w, ldw, accumulate, dx, lddx);
}

void rr_gemm_backward_weight(size_t M, size_t N, size_t K, const float *dy, size_t lddy, const float *x, size_t ldx,
                             float *dw, size_t lddw) {
    gemm(true, false, N, K, M, dy, lddy, x, ldx, true, dw, lddw);
}
