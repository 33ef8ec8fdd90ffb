#include "math/gemm.h"

#include <cblas.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "math/runtime.h"

/* BLAS takes int: longer arrays go in pieces of this many rows. Other dimensions are those of parameters, far below it.
 */
enum { MOST_ROWS = 1 << 24 };

static int as_int(size_t value) { return value > INT_MAX ? INT_MAX : (int)value; }

static void zero(size_t rows, size_t width, float *y, size_t ldy) {
    for (size_t row = 0; row < rows; row++) memset(y + row * ldy, 0, width * sizeof *y);
}

void rr_gemm_forward(size_t M, size_t N, size_t K, const float *x, size_t ldx, const float *w, size_t ldw,
                     bool accumulate, float *y, size_t ldy) {
    if (M == 0 || N == 0) return;
    if (K == 0) {
        if (!accumulate) zero(M, N, y, ldy);
        return;
    }
    for (size_t first = 0; first < M; first += MOST_ROWS) {
        size_t rows = M - first < MOST_ROWS ? M - first : MOST_ROWS;
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, as_int(rows), as_int(N), as_int(K), 1.0f, x + first * ldx,
                    as_int(ldx), w, as_int(ldw), accumulate ? 1.0f : 0.0f, y + first * ldy, as_int(ldy));
    }
}

void rr_gemm_backward_input(size_t M, size_t N, size_t K, const float *dy, size_t lddy, const float *w, size_t ldw,
                            bool accumulate, float *dx, size_t lddx) {
    if (M == 0 || K == 0) return;
    if (N == 0) {
        if (!accumulate) zero(M, K, dx, lddx);
        return;
    }
    for (size_t first = 0; first < M; first += MOST_ROWS) {
        size_t rows = M - first < MOST_ROWS ? M - first : MOST_ROWS;
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, as_int(rows), as_int(K), as_int(N), 1.0f,
                    dy + first * lddy, as_int(lddy), w, as_int(ldw), accumulate ? 1.0f : 0.0f, dx + first * lddx,
                    as_int(lddx));
    }
}

void rr_gemm_backward_weight(size_t M, size_t N, size_t K, const float *dy, size_t lddy, const float *x, size_t ldx,
                             float *dw, size_t lddw) {
    if (N == 0 || K == 0) return;
    for (size_t first = 0; first < M; first += MOST_ROWS) {
        size_t rows = M - first < MOST_ROWS ? M - first : MOST_ROWS;
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, as_int(N), as_int(K), as_int(rows), 1.0f,
                    dy + first * lddy, as_int(lddy), x + first * ldx, as_int(ldx), 1.0f, dw, as_int(lddw));
    }
}

void rr_recurrent_forward(size_t rows, size_t N, size_t H, const float *h, const float *w_hh, float *gates) {
    rr_gemm_forward(rows, N, H, h, H, w_hh, H, true, gates, N);
}

void rr_recurrent_backward(size_t rows, size_t N, size_t H, const float *dgates, const float *w_hh, bool accumulate,
                           float *dh) {
    rr_gemm_backward_input(rows, N, H, dgates, N, w_hh, H, accumulate, dh, H);
}

enum { CHECK_ROWS = 37, CHECK_WIDE = 67, CHECK_DEEP = 83 };

/* Numbers of both signs, none of them special, without a generator. */
static void fill(float *values, size_t count, unsigned seed) {
    for (size_t i = 0; i < count; i++)
        values[i] = (float)((int)((i * 2654435761u + seed * 40503u) >> 8 & 1023) - 512) / 512.0f;
}

static rr_status compare(const char *what, size_t M, size_t N, const float *got, const double *want, double scale) {
    for (size_t i = 0; i < M * N; i++)
        if (!(fabs((double)got[i] - want[i]) <= 1e-5 * scale))
            return rr_fail(
                RR_ERR_RUNTIME,
                "%s computes wrong products on this processor (%s, %zu x %zu, element %zu: %g instead of %g). Set "
                "OPENBLAS_CORETYPE to a core type that fits (Haswell, SkylakeX), or install a newer OpenBLAS",
                rr_math_blas_name(), what, M, N, i, (double)got[i], want[i]);
    return RR_OK;
}

static rr_status check_shape(size_t M, size_t N, size_t K) {
    static _Thread_local float x[CHECK_ROWS * CHECK_DEEP], w[CHECK_WIDE * CHECK_DEEP], y[CHECK_ROWS * CHECK_WIDE];
    static _Thread_local float dx[CHECK_ROWS * CHECK_DEEP], dw[CHECK_WIDE * CHECK_DEEP];
    static _Thread_local double want[CHECK_WIDE * CHECK_DEEP];
    fill(x, M * K, 1);
    fill(w, N * K, 2);
    fill(y, M * N, 3);
    for (size_t m = 0; m < M; m++)
        for (size_t k = 0; k < K; k++) {
            double sum = 0;
            for (size_t n = 0; n < N; n++) sum += (double)y[m * N + n] * (double)w[n * K + k];
            want[m * K + k] = sum;
        }
    rr_gemm_backward_input(M, N, K, y, N, w, K, false, dx, K);
    RR_TRY(compare("gradient of the input", M, K, dx, want, (double)N));
    for (size_t n = 0; n < N; n++)
        for (size_t k = 0; k < K; k++) {
            double sum = 0;
            for (size_t m = 0; m < M; m++) sum += (double)y[m * N + n] * (double)x[m * K + k];
            want[n * K + k] = sum;
        }
    memset(dw, 0, sizeof dw);
    rr_gemm_backward_weight(M, N, K, y, N, x, K, dw, K);
    RR_TRY(compare("gradient of the weight", N, K, dw, want, (double)M));
    for (size_t m = 0; m < M; m++)
        for (size_t n = 0; n < N; n++) {
            double sum = (double)y[m * N + n];
            for (size_t k = 0; k < K; k++) sum += (double)x[m * K + k] * (double)w[n * K + k];
            want[m * N + n] = sum;
        }
    rr_gemm_forward(M, N, K, x, K, w, K, true, y, N);
    return compare("forward", M, N, y, want, (double)K);
}

rr_status rr_gemm_self_check(void) {
    static const size_t rows[] = {1, 2, 7, 8, 16, 20, 33, CHECK_ROWS}, wide[] = {1, 16, 31, 48, CHECK_WIDE},
                        deep[] = {1, 5, 32, CHECK_DEEP};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t j = 0; j < sizeof wide / sizeof *wide; j++)
            for (size_t k = 0; k < sizeof deep / sizeof *deep; k++) RR_TRY(check_shape(rows[i], wide[j], deep[k]));
    return RR_OK;
}
