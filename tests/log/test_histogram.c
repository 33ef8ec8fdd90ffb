#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>

#include "log/histogram.h"

/* Each limit rises, each value lies below its bucket's limit and not below the limit before. */
static void check(const float *values, size_t count) {
    rr_histogram h;
    rr_histogram_fill(values, count, &h);
    double total = 0, sum = 0, squares = 0;
    size_t finite = 0;
    for (size_t b = 0; b < h.bucket_count; b++) {
        double low = b > 0 ? h.limit[b - 1] : -DBL_MAX;
        assert_true(h.limit[b] > low);
        size_t inside = 0;
        for (size_t i = 0; i < count; i++) inside += values[i] >= low && values[i] < h.limit[b];
        assert_true(h.bucket[b] == (double)inside);
        if (h.bucket[b] == 0 && b > 0) assert_true(h.bucket[b - 1] != 0);
        total += h.bucket[b];
    }
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(values[i])) continue;
        finite++;
        sum += values[i];
        squares += (double)values[i] * values[i];
        assert_true(h.min <= values[i] && values[i] <= h.max);
    }
    assert_int_equal(h.count, finite);
    assert_true(total == (double)finite && h.sum == sum && h.sum_squares == squares);
}

static void every_value_is_in_its_bucket(void **state) {
    (void)state;
    const float mixed[] = {0,       -0.0F,  1,     1,      1,     -1,    0.5F,    1e-20F,
                           -1e-20F, 1e-12F, 3e38F, -3e38F, 1e20F, 7.25F, FLT_MIN, -42};
    for (size_t count = 0; count <= sizeof mixed / sizeof *mixed; count++) check(mixed, count);
    float many[999];
    for (size_t i = 0; i < 999; i++) many[i] = (float)((int)(i * 37 % 101) - 50) / 8;
    check(many, 999);
}

static void what_is_not_finite_is_left_out(void **state) {
    (void)state;
    const float values[] = {NAN, 2, INFINITY, -INFINITY, 3};
    check(values, 5);
    rr_histogram h;
    rr_histogram_fill(values, 1, &h);
    assert_int_equal(h.count, 0);
    assert_int_equal(h.bucket_count, 0);
}

static void the_buckets_are_tensorboards(void **state) {
    (void)state;
    const float values[] = {0.3F, 0.3F, 5};
    rr_histogram h;
    rr_histogram_fill(values, 3, &h);
    assert_int_equal(h.bucket_count, 4); /* edge, 0.3, edge, 5 */
    assert_true(h.bucket[1] == 2 && h.bucket[3] == 1);
    for (size_t b = 0; b < 4; b++) { /* each is 1e-12 * 1.1^k */
        double k = log(h.limit[b] / 1e-12) / log(1.1);
        assert_true(fabs(k - round(k)) < 1e-9);
    }
    assert_true(fabs(h.limit[1] / h.limit[0] - 1.1) < 1e-12);
    const float zero[] = {0};
    rr_histogram_fill(zero, 1, &h);
    assert_int_equal(h.bucket_count, 2);
    assert_true(h.limit[0] == 0 && h.limit[1] == 1e-12 && h.bucket[1] == 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_is_in_its_bucket),
        cmocka_unit_test(what_is_not_finite_is_left_out),
        cmocka_unit_test(the_buckets_are_tensorboards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
