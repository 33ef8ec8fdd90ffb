#include "math/gemm_check.h"

#include <math.h>
#include <stdint.h>

#include "math/runtime.h"

/* Rows are longer than their content by PAD floats, which no product may touch. */
enum { MOST_ROWS = 37, MOST_WIDE = 67, MOST_DEEP = 83, PAD = 3 };
enum { LARGEST = MOST_WIDE * (MOST_DEEP + PAD) };
static const float UNTOUCHED = 12345.0f;

/* out[rows, width] (+)= sum over depth of left . right; steps from one element to the next in rows, columns, depth. */
typedef struct shape {
    const char *what;
    size_t rows, width, depth;
    const float *left, *right;
    size_t left_row, left_depth, right_column, right_depth;
    bool accumulate;
    size_t ld;
} shape;

/* Numbers of both signs, none of them special, without a generator. */
static void fill(size_t rows, size_t width, float *values, uint32_t seed) {
    for (size_t i = 0; i < rows * (width + PAD); i++) {
        uint32_t mixed = ((uint32_t)i + seed * 40503u) * 2654435761u;
        values[i] = i % (width + PAD) < width ? (float)((int)(mixed >> 16 & 1023) - 512) / 512.0f : UNTOUCHED;
    }
}

/* u * depth * sum |left . right| bounds the error of every order of summation, fused or not (Higham 2002, 3.1). */
static rr_status compare(const shape *s, const float *before, const float *got) {
    for (size_t i = 0; i < s->rows * s->ld; i++) {
        size_t row = i / s->ld, column = i % s->ld;
        double want = s->accumulate || column >= s->width ? (double)before[i] : 0, size = fabs(want);
        for (size_t k = 0; k < s->depth && column < s->width; k++) {
            double product = (double)s->left[row * s->left_row + k * s->left_depth] *
                             (double)s->right[column * s->right_column + k * s->right_depth];
            want += product;
            size += fabs(product);
        }
        double bound = column < s->width ? (double)(s->depth + 2) * 0x1p-24 * size : 0;
        if (!(fabs((double)got[i] - want) <= bound))
            return rr_fail(RR_ERR_RUNTIME,
                           "%s computes wrong products on this processor (%s [%zu, %zu] over %zu, row %zu, column %zu: "
                           "%g instead of %g). Set OPENBLAS_CORETYPE to a core type that fits (Haswell, SkylakeX), or "
                           "install a newer OpenBLAS",
                           rr_math_blas_name(), s->what, s->rows, s->width, s->depth, row, column, (double)got[i],
                           want);
    }
    return RR_OK;
}

static rr_status check_shape(const rr_gemm_products *products, size_t M, size_t N, size_t K, bool accumulate) {
    float x[LARGEST], w[LARGEST], dy[LARGEST], before[LARGEST], out[LARGEST];
    size_t ldn = N + PAD, ldk = K + PAD;
    fill(M, K, x, 1);
    fill(N, K, w, 2);
    fill(M, N, dy, 3);

    fill(M, N, before, 4);
    fill(M, N, out, 4);
    products->forward(M, N, K, x, ldk, w, ldk, accumulate, out, ldn);
    shape forward = {"forward", M, N, K, x, w, ldk, 1, ldk, 1, accumulate, ldn};
    RR_TRY(compare(&forward, before, out));

    fill(M, K, before, 5);
    fill(M, K, out, 5);
    products->backward_input(M, N, K, dy, ldn, w, ldk, accumulate, out, ldk);
    shape input = {"gradient of the input", M, K, N, dy, w, ldn, 1, 1, ldk, accumulate, ldk};
    RR_TRY(compare(&input, before, out));

    fill(N, K, before, 6);
    fill(N, K, out, 6);
    products->backward_weight(M, N, K, dy, ldn, x, ldk, out, ldk);
    shape weight = {"gradient of the weight", N, K, M, dy, x, 1, ldn, 1, ldk, true, ldk};
    return compare(&weight, before, out);
}

rr_status rr_gemm_check(const rr_gemm_products *products) {
    static const size_t rows[] = {1, 2, 7, 16, 33, MOST_ROWS}, wide[] = {1, 16, 31, MOST_WIDE},
                        deep[] = {1, 5, 32, MOST_DEEP};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t j = 0; j < sizeof wide / sizeof *wide; j++)
            for (size_t k = 0; k < sizeof deep / sizeof *deep; k++)
                RR_TRY(check_shape(products, rows[i], wide[j], deep[k], (i + j + k) % 2 == 0));
    return RR_OK;
}

rr_status rr_gemm_self_check(void) {
    static const rr_gemm_products in_use = {rr_gemm_forward, rr_gemm_backward_input, rr_gemm_backward_weight};
    return rr_gemm_check(&in_use);
}
