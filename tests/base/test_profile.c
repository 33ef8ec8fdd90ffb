#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/profile.h"

static void rest(void) { nanosleep(&(struct timespec){.tv_nsec = 2 * 1000 * 1000}, NULL); }

static double total(const double seconds[RR_PHASE_COUNT]) {
    double sum = 0;
    for (int p = 0; p < RR_PHASE_COUNT; p++) sum += seconds[p];
    return sum;
}

static void phases_add_up_to_the_time_that_passed(void **state) {
    (void)state;
    double seconds[RR_PHASE_COUNT], start = rr_clock_seconds();
    rr_profile_start();
    rr_phase outer = rr_profile_enter(RR_PHASE_HEAD);
    assert_int_equal(outer, RR_PHASE_OTHER);
    rest();
    assert_int_equal(rr_profile_enter(RR_PHASE_LOSS), RR_PHASE_HEAD);
    rest();
    rr_profile_enter(outer);
    rr_profile_take(seconds);
    double passed = rr_clock_seconds() - start;
    assert_true(seconds[RR_PHASE_HEAD] >= 0.002 && seconds[RR_PHASE_LOSS] >= 0.002);
    assert_true(total(seconds) <= passed && total(seconds) >= 0.004);
    rr_profile_take(seconds); /* everything starts anew */
    assert_true(seconds[RR_PHASE_HEAD] == 0 && seconds[RR_PHASE_LOSS] == 0);
    rr_profile_stop();
}

static void a_pause_belongs_to_no_phase(void **state) {
    (void)state;
    double seconds[RR_PHASE_COUNT], start = rr_clock_seconds();
    rr_profile_start();
    rr_profile_pause();
    rest();
    rr_profile_enter(RR_PHASE_CLIP); /* goes unnoticed */
    rest();
    rr_profile_resume();
    rr_profile_take(seconds);
    assert_true(total(seconds) <= rr_clock_seconds() - start - 0.004); /* two rests are not in it */
    rr_profile_stop();
}

static void nothing_is_measured_unless_it_was_started(void **state) {
    (void)state;
    double seconds[RR_PHASE_COUNT];
    rr_profile_stop();
    rr_profile_enter(RR_PHASE_CLIP);
    rr_profile_pause();
    rr_profile_resume();
    rest();
    rr_profile_take(seconds);
    assert_true(total(seconds) == 0);
}

static void every_phase_has_a_name(void **state) {
    (void)state;
    for (int p = 0; p < RR_PHASE_COUNT; p++) {
        assert_int_equal(strncmp(rr_phase_tags[p], "phases_ms.", 10), 0);
        assert_string_equal(rr_phase_name((rr_phase)p), rr_phase_tags[p] + 10);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(phases_add_up_to_the_time_that_passed),
        cmocka_unit_test(a_pause_belongs_to_no_phase),
        cmocka_unit_test(nothing_is_measured_unless_it_was_started),
        cmocka_unit_test(every_phase_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
