#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "optim/clip.h"

/* As the trainer does it, the pieces in two parts. */
static rr_status clip_norm(const float *grads, size_t count, double max_norm, double *norm, float *scale) {
    size_t pieces = rr_clip_pieces(count), middle = pieces / 2;
    double *squares = malloc((pieces + 1) * sizeof *squares);
    assert_non_null(squares);
    rr_clip_squares(grads, count, middle, pieces, squares);
    rr_clip_squares(grads, count, 0, middle, squares);
    rr_status status = rr_clip_norm(squares, pieces, max_norm, norm, scale);
    free(squares);
    return status;
}

static void a_long_vector_is_scaled_to_the_limit(void **state) {
    (void)state;
    const float grads[] = {3, 0, -4, 12}; /* norm 13 */
    double norm;
    float scale;
    assert_int_equal(clip_norm(grads, 4, 6.5, &norm, &scale), RR_OK);
    assert_true(norm == 13);
    assert_true(scale == 0.5F);
}

static void a_vector_within_the_limit_stays(void **state) {
    (void)state;
    const float grads[] = {3, 4};
    double norm;
    float scale;
    assert_int_equal(clip_norm(grads, 2, 5, &norm, &scale), RR_OK);
    assert_true(norm == 5 && scale == 1);
    assert_int_equal(clip_norm(grads, 2, INFINITY, &norm, &scale), RR_OK);
    assert_true(norm == 5 && scale == 1);
    assert_int_equal(clip_norm(grads, 0, 5, &norm, &scale), RR_OK);
    assert_true(norm == 0 && scale == 1);
}

/* Squares of these overflow or vanish in float; 2^24 ones would stop a float sum at 2^24. */
static void the_norm_is_summed_in_double(void **state) {
    (void)state;
    const float large[] = {3e30F, 4e30F}, small[] = {3e-30F, 4e-30F};
    double norm;
    float scale;
    assert_int_equal(clip_norm(large, 2, 1, &norm, &scale), RR_OK);
    assert_true(fabs(norm / 5e30 - 1) < 1e-6);
    assert_true(fabs(scale / 2e-31 - 1) < 1e-6);
    assert_int_equal(clip_norm(small, 2, 1, &norm, &scale), RR_OK);
    assert_true(fabs(norm / 5e-30 - 1) < 1e-6);

    size_t count = ((size_t)1 << 24) + 64;
    float *ones = malloc(count * sizeof *ones);
    assert_non_null(ones);
    for (size_t i = 0; i < count; i++) ones[i] = 1;
    assert_int_equal(clip_norm(ones, count, INFINITY, &norm, &scale), RR_OK);
    assert_true(norm * norm > 16777216.5);
    assert_true(norm == sqrt((double)count));
    free(ones);
}

static void what_is_not_finite_is_reported_and_nothing_is_set(void **state) {
    (void)state;
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t b = 0; b < 3; b++)
        for (size_t at = 0; at < 67; at++) {
            float grads[67] = {0};
            double norm = 0;
            float scale = 7;
            grads[at] = bad[b];
            assert_int_equal(clip_norm(grads, 67, 1, &norm, &scale), RR_ERR_NUMERIC);
            assert_false(isfinite(norm));
            assert_true(scale == 7);
            assert_non_null(strstr(rr_last_error(), "not finite"));
        }
}

static void values_are_clamped_and_the_buffer_behind_stays(void **state) {
    (void)state;
    enum { MOST = 70 };
    const size_t counts[] = {0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 69};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        float grads[MOST];
        for (size_t i = 0; i < MOST; i++) grads[i] = (float)i - 5;
        rr_clip_value(grads, counts[c], 2.5F);
        for (size_t i = 0; i < MOST; i++) {
            float before = (float)i - 5, expected = before > 2.5F ? 2.5F : before < -2.5F ? -2.5F : before;
            assert_true(grads[i] == (i < counts[c] ? expected : before));
        }
    }
}

static void clamping_does_not_hide_an_overflow(void **state) {
    (void)state;
    float grads[] = {1, INFINITY, -INFINITY, NAN, 3};
    rr_clip_value(grads, 5, 2);
    assert_true(grads[0] == 1 && grads[1] == INFINITY && grads[2] == -INFINITY && isnan(grads[3]) && grads[4] == 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_vector_is_scaled_to_the_limit),
        cmocka_unit_test(a_vector_within_the_limit_stays),
        cmocka_unit_test(the_norm_is_summed_in_double),
        cmocka_unit_test(what_is_not_finite_is_reported_and_nothing_is_set),
        cmocka_unit_test(values_are_clamped_and_the_buffer_behind_stays),
        cmocka_unit_test(clamping_does_not_hide_an_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
