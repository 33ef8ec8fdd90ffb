/* The linear map against sums taken example by example, and a series that it must continue exactly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "task/ridge.h"

enum { WINDOW = 5, HORIZON = 3, WIDTH = 1 + WINDOW + HORIZON, WINDOWS = 40, STRIDE = 2 };
enum { VALUES = WINDOWS + WINDOW + HORIZON - 1 };

static void fill(float *x) {
    for (int i = 0; i < VALUES * STRIDE; i++) x[i] = (float)((i * 37) % 23 - 11);
}

static void neighbours_share_what_each_would_sum(void **state) {
    (void)state;
    float x[VALUES * STRIDE];
    rr_ridge ridge;
    fill(x);
    assert_int_equal(rr_ridge_create(WINDOW, HORIZON, &ridge), RR_OK);
    rr_ridge_add(&ridge, x, STRIDE, 0);
    rr_ridge_add(&ridge, x, STRIDE, WINDOWS - 1);
    rr_ridge_add(&ridge, x + (WINDOWS - 1) * STRIDE, STRIDE, 1);
    for (int a = 0; a < WIDTH; a++)
        for (int b = 0; b < WIDTH; b++) {
            double sum = 0; /* of whole numbers: exact in any order */
            for (int w = 0; w < WINDOWS; w++)
                sum +=
                    (a == 0 ? 1.0 : (double)x[(w + a - 1) * STRIDE]) * (b == 0 ? 1.0 : (double)x[(w + b - 1) * STRIDE]);
            assert_true(ridge.gram[a * WIDTH + b] == sum);
        }
    assert_true(ridge.count == WINDOWS);
    rr_ridge_free(&ridge);
}

/* At the minimum the derivative of the penalised error by each weight is 0. */
static void the_map_is_where_the_derivatives_vanish(void **state) {
    (void)state;
    float x[VALUES * STRIDE];
    double map[HORIZON * (1 + WINDOW)], penalty = 0.05;
    rr_ridge ridge;
    fill(x);
    assert_int_equal(rr_ridge_create(WINDOW, HORIZON, &ridge), RR_OK);
    rr_ridge_add(&ridge, x, STRIDE, WINDOWS);
    assert_int_equal(rr_ridge_solve(&ridge, penalty, map), RR_OK);
    double error = 0;
    for (int h = 0; h < HORIZON; h++)
        for (int i = 0; i <= WINDOW; i++) {
            double slope = i > 0 ? penalty * WINDOWS * map[h * (1 + WINDOW) + i] : 0;
            for (int w = 0; w < WINDOWS; w++) {
                double y[HORIZON];
                rr_ridge_apply(WINDOW, HORIZON, map, x + w * STRIDE, STRIDE, y);
                double off = y[h] - (double)x[(w + WINDOW + h) * STRIDE];
                slope += off * (i == 0 ? 1 : (double)x[(w + i - 1) * STRIDE]);
                if (i == 0) error += off * off;
            }
            assert_true(fabs(slope) < 1e-8);
        }
    assert_true(fabs(rr_ridge_error(&ridge, map) - error / (HORIZON * WINDOWS)) < 1e-9);
    rr_ridge_free(&ridge);
}

static void what_is_linear_is_continued(void **state) {
    (void)state;
    float x[VALUES];
    double map[HORIZON * (1 + WINDOW)], y[HORIZON], penalty;
    rr_ridge train, none;
    for (int i = 0; i < VALUES; i++) x[i] = (float)(3 + 0.25 * i);
    assert_int_equal(rr_ridge_create(WINDOW, HORIZON, &train), RR_OK);
    assert_int_equal(rr_ridge_create(WINDOW, HORIZON, &none), RR_OK);
    rr_ridge_add(&train, x, 1, WINDOWS);
    assert_int_equal(rr_ridge_choose(&train, &train, map, &penalty), RR_OK);
    assert_true(penalty < 1e-5);
    rr_ridge_apply(WINDOW, HORIZON, map, x + 10, 1, y);
    for (int h = 0; h < HORIZON; h++) assert_true(fabs(y[h] - (double)x[10 + WINDOW + h]) < 1e-3);
    assert_int_equal(rr_ridge_choose(&train, &none, map, &penalty), RR_OK);
    assert_int_equal(rr_ridge_choose(&none, &none, map, &penalty), RR_ERR_NUMERIC);
    rr_ridge_free(&train);
    rr_ridge_free(&none);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours_share_what_each_would_sum),
        cmocka_unit_test(the_map_is_where_the_derivatives_vanish),
        cmocka_unit_test(what_is_linear_is_continued),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
