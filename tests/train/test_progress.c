/* The state of a run as JSON: what is read is what was written, to the bit. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "train/run.h"

static void assert_same_double(double a, double b) {
    assert_true(memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b)));
}

static void round_trip(const rr_progress *progress) {
    rr_buffer text = {0};
    rr_progress again = {0};
    assert_int_equal(rr_progress_to_json(progress, &text), RR_OK);
    assert_int_equal(rr_progress_from_json(rr_buffer_text(&text), &again), RR_OK);
    assert_true(again.position.step == progress->position.step);
    assert_true(again.position.epoch == progress->position.epoch);
    assert_true(again.position.step_in_epoch == progress->position.step_in_epoch);
    assert_true(again.best_step == progress->best_step);
    assert_true(again.bad_evaluations == progress->bad_evaluations);
    assert_true(again.finished == progress->finished);
    assert_true(again.schedule.plateau_bad == progress->schedule.plateau_bad);
    assert_true(again.schedule.plateau_cooldown == progress->schedule.plateau_cooldown);
    assert_same_double(again.best_value, progress->best_value);
    assert_same_double(again.schedule.plateau_best, progress->schedule.plateau_best);
    assert_same_double(again.schedule.plateau_factor, progress->schedule.plateau_factor);
    rr_buffer_free(&text);
}

static void what_is_read_is_what_was_written(void **state) {
    (void)state;
    rr_progress fresh = {.best_value = NAN, .schedule = {.plateau_best = NAN, .plateau_factor = 1}};
    round_trip(&fresh);
    rr_progress late = {
        .position = {UINT64_MAX, UINT64_C(1) << 60, 12345678901234567},
        .best_value = 0.1 + 0.2,
        .best_step = (UINT64_C(1) << 53) + 1,
        .bad_evaluations = 3,
        .finished = true,
        .schedule = {.plateau_best = 1.0 / 3, .plateau_bad = 2, .plateau_cooldown = 9, .plateau_factor = 1e-300}};
    round_trip(&late);
}

static void what_is_missing_or_wrong_is_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {"", "{}", "[1]", "nonsense", "{\"step\": \"1\"}", "{\"step\": 1}"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        rr_progress progress = {.best_step = 77};
        assert_int_equal(rr_progress_from_json(wrong[i], &progress), RR_ERR_INPUT);
        assert_true(progress.best_step == 77);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_is_what_was_written),
        cmocka_unit_test(what_is_missing_or_wrong_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
