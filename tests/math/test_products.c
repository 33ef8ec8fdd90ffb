/* The three matrix products against plain loops on small whole numbers, which are exact in any order of summing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "math/gemm_check.h"
#include "math/kernels.h"

enum { PAD = 3, CANARY = 12345 }; /* floats behind each row, that no product may touch */

static float *matrix(size_t rows, size_t width, size_t ld, int seed) {
    float *values = malloc((rows * ld + 1) * sizeof *values);
    for (size_t i = 0; i < rows * ld; i++)
        values[i] = i % ld < width ? (float)((int)((i * 7 + (size_t)seed * 13) % 9) - 4) : (float)CANARY;
    return values;
}

static void assert_canaries(const float *values, size_t rows, size_t width, size_t ld) {
    for (size_t row = 0; row < rows; row++)
        for (size_t i = width; i < ld; i++) assert_true(values[row * ld + i] == (float)CANARY);
}

static void check_forward(size_t M, size_t N, size_t K, bool accumulate) {
    float *x = matrix(M, K, K + PAD, 1), *w = matrix(N, K, K + PAD, 2), *y = matrix(M, N, N + PAD, 3),
          *start = matrix(M, N, N + PAD, 3);
    rr_gemm_forward(M, N, K, x, K + PAD, w, K + PAD, accumulate, y, N + PAD);
    for (size_t m = 0; m < M; m++)
        for (size_t n = 0; n < N; n++) {
            float sum = accumulate ? start[m * (N + PAD) + n] : 0;
            for (size_t k = 0; k < K; k++) sum += x[m * (K + PAD) + k] * w[n * (K + PAD) + k];
            assert_true(y[m * (N + PAD) + n] == sum);
        }
    assert_canaries(y, M, N, N + PAD);
    free(x);
    free(w);
    free(y);
    free(start);
}

static void check_backward(size_t M, size_t N, size_t K, bool accumulate) {
    float *dy = matrix(M, N, N + PAD, 1), *w = matrix(N, K, K + PAD, 2), *x = matrix(M, K, K + PAD, 4);
    float *dx = matrix(M, K, K + PAD, 5), *dw = matrix(N, K, K + PAD, 6);
    float *dx_start = matrix(M, K, K + PAD, 5), *dw_start = matrix(N, K, K + PAD, 6);
    rr_gemm_backward_input(M, N, K, dy, N + PAD, w, K + PAD, accumulate, dx, K + PAD);
    rr_gemm_backward_weight(M, N, K, dy, N + PAD, x, K + PAD, dw, K + PAD);
    for (size_t m = 0; m < M; m++)
        for (size_t k = 0; k < K; k++) {
            float sum = accumulate ? dx_start[m * (K + PAD) + k] : 0;
            for (size_t n = 0; n < N; n++) sum += dy[m * (N + PAD) + n] * w[n * (K + PAD) + k];
            assert_true(dx[m * (K + PAD) + k] == sum);
        }
    for (size_t n = 0; n < N; n++)
        for (size_t k = 0; k < K; k++) {
            float sum = dw_start[n * (K + PAD) + k];
            for (size_t m = 0; m < M; m++) sum += dy[m * (N + PAD) + n] * x[m * (K + PAD) + k];
            assert_true(dw[n * (K + PAD) + k] == sum);
        }
    assert_canaries(dx, M, K, K + PAD);
    assert_canaries(dw, N, K, K + PAD);
    float *const arrays[] = {dy, w, x, dx, dw, dx_start, dw_start};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) free(arrays[i]);
}

static void products_are_exact_for_any_shape_and_stride(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 2, 7, 16, 33, 70};
    enum { COUNT = sizeof sizes / sizeof *sizes };
    for (size_t m = 0; m < COUNT; m++)
        for (size_t n = 0; n < COUNT; n++)
            for (size_t k = 0; k < COUNT; k++)
                for (int accumulate = 0; accumulate < 2; accumulate++) {
                    check_forward(sizes[m], sizes[n], sizes[k], accumulate);
                    check_backward(sizes[m], sizes[n], sizes[k], accumulate);
                }
}

static void the_library_of_this_machine_passes_the_self_check(void **state) {
    (void)state;
    assert_int_equal(rr_gemm_self_check(), RR_OK);
}

/* A library whose products are right but for one element of large ones. */
static void wrong_forward(size_t M, size_t N, size_t K, const float *x, size_t ldx, const float *w, size_t ldw,
                          bool accumulate, float *y, size_t ldy) {
    rr_gemm_forward(M, N, K, x, ldx, w, ldw, accumulate, y, ldy);
    if (M > 8 && N > 8) y[(M - 1) * ldy] += 0.25f;
}

static void a_wrong_library_is_caught(void **state) {
    (void)state;
    rr_gemm_products products = {rr_gemm_forward, rr_gemm_backward_input, rr_gemm_backward_weight};
    assert_int_equal(rr_gemm_check(&products), RR_OK);
    products.forward = wrong_forward;
    assert_int_equal(rr_gemm_check(&products), RR_ERR_RUNTIME);
    assert_non_null(strstr(rr_last_error(), "OPENBLAS_CORETYPE"));
}

static void fill(float *values, size_t count, unsigned seed) {
    for (size_t i = 0; i < count; i++) values[i] = (float)((i * 2654435761u + seed) % 4001) / 1000.0f - 2;
}

/* All levels that this processor has, against the portable one, on sizes that are no multiple of any vector. */
static void every_level_gives_the_same_bits(void **state) {
    (void)state;
    enum { ROWS = 3, H = 37, GATES = 4 * H };
    for (int level = RR_ISA_AVX2; level <= (int)rr_isa_best(); level++) {
        static float a[2][12][ROWS * GATES];
        double nll[2][3][ROWS], squares[2];
        float sums[2][2];
        const int32_t targets[] = {3, RR_NO_TARGET, 36};
        const rr_adam_step adam = {0.5f, 0.01f, 0.9f, 0.999f, 1e-8f, 0.1f, 0.03f, 0.01f, 1};
        const rr_sgd_step sgd = {
            .grad_scale = 0.5f, .lr = 0.1f, .momentum = 0.9f, .weight_decay = 0.01f, .nesterov = 1};
        for (int which = 0; which < 2; which++) {
            const rr_kernels *k = rr_kernels_of(which == 0 ? RR_ISA_PORTABLE : (rr_isa)level);
            for (unsigned i = 0; i < 12; i++) fill(a[which][i] + 1, ROWS * GATES - 1, i); /* not aligned */
            float(*v)[ROWS * GATES] = a[which];
            k->lstm_forward(ROWS, H, 0, H, v[0] + 1, v[1] + 1, v[2] + 1, v[3] + 1, v[4] + 1, H);
            k->lstm_backward(ROWS, H, 1, H - 2, v[0] + 1, v[1] + 1, v[3] + 1, v[5] + 1, v[6] + 1, v[7] + 1);
            k->gru_forward(ROWS, H, 5, H, v[8] + 1, v[9] + 1, v[1] + 1, v[10] + 1, H);
            k->gru_backward(ROWS, H, 0, H - 1, v[8] + 1, v[9] + 1, v[1] + 1, v[10] + 1, v[6] + 1, v[7] + 1, v[4] + 1);
            k->elman_tanh_forward(ROWS, H, 2, H, v[10] + 1, v[2] + 1, H);
            k->elman_tanh_backward(ROWS, H, 0, H, v[10] + 1, v[1] + 1, v[6] + 1);
            k->elman_relu_forward(ROWS, H, 0, H - 1, v[5] + 1, v[3] + 1, H);
            k->elman_relu_backward(ROWS, H, 3, H, v[3] + 1, v[1] + 1, v[7] + 1);
            k->softmax_nll(ROWS, H, v[11] + 1, H, targets, 0.3f, nll[which][0]);
            k->sigmoid_bce(ROWS, H, v[11] + 1, H, v[0] + 1, 0.3f, nll[which][1]);
            k->squared_error(ROWS, H, v[11] + 1, H, v[9] + 1, 0.3f, nll[which][2]);
            k->softmax(GATES - 3, v[0] + 1);
            k->axpy(GATES, 0.7f, v[9] + 1, v[4] + 1);
            k->bias_backward(ROWS, H, v[9] + 1, H, v[4] + 1);
            k->sgd_update(ROWS * H, &sgd, v[6] + 1, v[1] + 1, v[10] + 1);
            sums[which][0] = k->dot(ROWS * GATES - 2, v[9] + 1, v[4] + 1);
            sums[which][1] = k->max_abs(ROWS * GATES - 2, v[9] + 1);
            k->adam_update(ROWS * H, &adam, v[5] + 1, v[2] + 1, v[3] + 1, v[8] + 1);
            squares[which] = k->sum_squares(ROWS * GATES - 1, v[7] + 1);
        }
        assert_memory_equal(a[0], a[1], sizeof a[0]);
        assert_memory_equal(nll[0], nll[1], sizeof nll[0]);
        assert_memory_equal(sums[0], sums[1], sizeof sums[0]);
        assert_true(squares[0] == squares[1] && squares[0] > 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_exact_for_any_shape_and_stride),
        cmocka_unit_test(the_library_of_this_machine_passes_the_self_check),
        cmocka_unit_test(a_wrong_library_is_caught),
        cmocka_unit_test(every_level_gives_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
