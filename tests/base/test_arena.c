#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"

/* The address sanitizer would end the program where malloc says no. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "allocator_may_return_null=1"; }

static const size_t requests[] = {0, 1, 63, 64, 65, 1000, 7};
enum { REQUESTS = sizeof requests / sizeof *requests };

static void what_was_measured_fits_exactly(void **state) {
    (void)state;
    rr_arena measure = {0}, real = {0};
    for (size_t i = 0; i < REQUESTS; i++) assert_null(rr_arena_take(&measure, requests[i]));
    assert_int_equal(measure.used, 64 + 64 + 64 + 128 + 1024 + 64);
    assert_int_equal(rr_arena_reserve(measure.used, &real), RR_OK);
    assert_int_equal(real.capacity, measure.used);
    unsigned char *taken[REQUESTS];
    for (size_t i = 0; i < REQUESTS; i++) {
        taken[i] = rr_arena_take(&real, requests[i]);
        assert_int_equal((uintptr_t)taken[i] % RR_ALIGN, 0);
        for (size_t k = 0; k < requests[i]; k++) assert_int_equal(taken[i][k], 0);
        memset(taken[i], (int)i + 1, requests[i]);
    }
    for (size_t i = 0; i < REQUESTS; i++) /* none overlaps another */
        for (size_t k = 0; k < requests[i]; k++) assert_int_equal(taken[i][k], i + 1);
    assert_int_equal(real.used, measure.used);
    rr_arena_release(&real);
    assert_null(real.base);
    assert_int_equal(real.used + real.capacity, 0);
    rr_arena_release(&measure);
    assert_int_equal(measure.used, 0);
}

static void floats_are_counted_in_floats(void **state) {
    (void)state;
    rr_arena measure = {0};
    rr_arena_floats(&measure, 17);
    assert_int_equal(measure.used, 128);
}

static void more_than_was_measured_ends_the_program(void **state) {
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        rr_arena arena = {0};
        if (freopen("/dev/null", "w", stderr) == NULL || rr_arena_reserve(64, &arena) != RR_OK) _exit(0);
        rr_arena_take(&arena, 1);
        rr_arena_take(&arena, 1);
        _exit(0);
    }
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how));
}

static void too_much_is_an_error(void **state) {
    (void)state;
    rr_arena arena = {0};
    assert_int_equal(rr_arena_reserve(SIZE_MAX / 2, &arena), RR_ERR_NOMEM);
    assert_null(arena.base);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_measured_fits_exactly),
        cmocka_unit_test(floats_are_counted_in_floats),
        cmocka_unit_test(more_than_was_measured_ends_the_program),
        cmocka_unit_test(too_much_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
