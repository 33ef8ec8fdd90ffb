#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "optim/exact.h"

static void powers_of_small_integers_are_exact(void **state) {
    (void)state;
    assert_true(rr_exact_power(3, 0) == 1);
    assert_true(rr_exact_power(3, 1) == 3);
    assert_true(rr_exact_power(3, 33) == 5559060566555523.0);
    assert_true(rr_exact_power(-2, 63) == -0x1p63);
    assert_true(rr_exact_power(0.5, 1074) == 0x1p-1074);
    assert_true(rr_exact_power(0, 0) == 1);
    assert_true(rr_exact_power(0, 5) == 0);
}

static void powers_agree_with_libm(void **state) {
    (void)state;
    const double bases[] = {0.9, 0.95, 0.999, 0.9999, 1.01};
    for (size_t b = 0; b < sizeof bases / sizeof *bases; b++)
        for (uint64_t n = 1; n < 20000; n = n * 3 / 2 + 1) {
            double expected = pow(bases[b], (double)n), bound = 4 * (double)n * 0x1p-53;
            assert_true(fabs(rr_exact_power(bases[b], n) - expected) <= bound * expected);
        }
    assert_true(rr_exact_power(0.999, UINT64_MAX) == 0);
}

static void cosines_agree_with_libm(void **state) {
    (void)state;
    for (int i = -5000; i <= 5000; i++) {
        double x = i / 1237.0;
        assert_true(fabs(rr_exact_cos_pi(x) - cos(3.14159265358979323846 * fmod(x, 2))) <= 1e-15);
    }
}

static void cosines_of_quarters_are_exact(void **state) {
    (void)state;
    const double expected[] = {1, 0, -1, 0};
    for (int i = -20; i <= 20; i++) assert_true(rr_exact_cos_pi(i / 2.0) == expected[(i + 20) % 4]);
    assert_true(rr_exact_cos_pi(1e15) == 1);
    assert_true(fabs(rr_exact_cos_pi(1.0 / 3) - 0.5) <= 3e-16);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(powers_of_small_integers_are_exact),
        cmocka_unit_test(powers_agree_with_libm),
        cmocka_unit_test(cosines_agree_with_libm),
        cmocka_unit_test(cosines_of_quarters_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
