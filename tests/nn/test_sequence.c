#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nn/sequence.h"

enum { MOST = 8 };

static void check(const size_t *lengths, size_t rows, const size_t *want) {
    size_t active[MOST + 1], offset[MOST + 2];
    for (size_t i = 0; i <= MOST; i++) active[i] = offset[i] = 99;
    offset[MOST + 1] = 99;
    rr_sequence_fill(lengths, rows, active, offset);
    size_t sum = 0;
    for (size_t t = 0; t < lengths[0]; t++) {
        assert_int_equal(active[t], want[t]);
        assert_int_equal(offset[t], sum);
        sum += want[t];
    }
    assert_int_equal(offset[lengths[0]], sum);
    assert_int_equal(active[lengths[0]], 99);
    assert_int_equal(offset[lengths[0] + 1], 99);
}

static void equal_lengths_are_a_rectangle(void **state) {
    (void)state;
    check((size_t[]){4, 4, 4}, 3, (size_t[]){3, 3, 3, 3});
    check((size_t[]){1}, 1, (size_t[]){1});
    check((size_t[]){8}, 1, (size_t[]){1, 1, 1, 1, 1, 1, 1, 1});
}

static void finished_rows_take_no_place(void **state) {
    (void)state;
    check((size_t[]){5, 3, 3, 1}, 4, (size_t[]){4, 3, 3, 1, 1});
    check((size_t[]){2, 1, 1, 1}, 4, (size_t[]){4, 1});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_lengths_are_a_rectangle),
        cmocka_unit_test(finished_rows_take_no_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
