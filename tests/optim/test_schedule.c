#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "optim/golden.h"
#include "optim/schedule.h"

static rr_schedule_state fresh(uint64_t steps_per_epoch, uint64_t total_steps) {
    return (rr_schedule_state){
        .steps_per_epoch = steps_per_epoch, .total_steps = total_steps, .plateau_best = NAN, .plateau_factor = 1};
}

static double lr_at(const rr_schedule_config *config, double base_lr, rr_schedule_state state, uint64_t step) {
    state.step = step;
    state.epoch = step / state.steps_per_epoch;
    return rr_schedule_lr(config, base_lr, &state);
}

/* 1e-9 of the value; where a cosine ends at 0, what remains of rounding in both, 1e-12 of the first lr. */
static bool close_to(double value, double expected, double base_lr) {
    return fabs(value - expected) <= 1e-9 * fabs(expected) + 1e-12 * base_lr;
}

static void rates_agree_with_pytorch(void **state) {
    (void)state;
    FILE *file = golden_open("schedules.txt");
    char line[256], flow[1024];
    size_t cases = 0;
    for (; golden_line(file, line, sizeof line); cases++) {
        double base_lr;
        unsigned long long epoch, length;
        assert_int_equal(sscanf(line, "case %lf %llu %llu", &base_lr, &epoch, &length), 3);
        assert_true(golden_line(file, flow, sizeof flow));
        rr_config *config;
        rr_schedule_config schedule;
        must_bind(&rr_schedule_section, flow, &config, &schedule);
        for (uint64_t step = 0; step < length; step++) {
            double expected = golden_number(file), lr = lr_at(&schedule, base_lr, fresh(epoch, length), step);
            if (!close_to(lr, expected, base_lr))
                fail_msg("%s: step %llu: %.17g, PyTorch has %.17g", flow, (unsigned long long)step, lr, expected);
        }
        rr_config_free(config);
    }
    assert_true(cases >= 16);
    fclose(file);
}

static void plateaus_agree_with_pytorch(void **state) {
    (void)state;
    FILE *file = golden_open("plateaus.txt");
    char line[256], flow[1024];
    size_t cases = 0;
    for (; golden_line(file, line, sizeof line); cases++) {
        double base_lr;
        unsigned long long count;
        assert_int_equal(sscanf(line, "case %lf %llu", &base_lr, &count), 2);
        assert_true(golden_line(file, flow, sizeof flow));
        rr_config *config;
        rr_schedule_config schedule;
        must_bind(&rr_schedule_section, flow, &config, &schedule);
        rr_schedule_state at = fresh(10, 0);
        assert_true(rr_schedule_lr(&schedule, base_lr, &at) == base_lr);
        for (size_t i = 0; i < count; i++) {
            assert_true(golden_line(file, line, sizeof line));
            char *end;
            double loss = strtod(line, &end), expected = strtod(end, NULL);
            rr_schedule_validated(&schedule, loss, &at);
            double lr = rr_schedule_lr(&schedule, base_lr, &at);
            if (!close_to(lr, expected, 0))
                fail_msg("%s: evaluation %zu: %.17g, PyTorch has %.17g", flow, i, lr, expected);
        }
        assert_true(at.plateau_factor < 1);
        rr_config_free(config);
    }
    assert_true(cases >= 3);
    fclose(file);
}

static void an_infinite_first_loss_is_no_best(void **state) {
    (void)state;
    rr_config *config;
    rr_schedule_config schedule;
    must_bind(&rr_schedule_section, "{type: reduce_on_plateau, factor: 0.5, patience: 0}", &config, &schedule);
    rr_schedule_state at = fresh(1, 0);
    rr_schedule_validated(&schedule, INFINITY, &at);
    assert_true(rr_schedule_lr(&schedule, 1, &at) == 0.5);
    rr_schedule_validated(&schedule, 3, &at);
    assert_true(at.plateau_best == 3);
    assert_true(rr_schedule_lr(&schedule, 1, &at) == 0.5);
    rr_config_free(config);
}

static void validations_during_the_warm_up_do_not_count(void **state) {
    (void)state;
    rr_config *config;
    rr_schedule_config schedule;
    must_bind(&rr_schedule_section, "{type: reduce_on_plateau, factor: 0.5, patience: 0, warmup_steps: 10}", &config,
              &schedule);
    rr_schedule_state at = fresh(1, 0);
    at.step = 9;
    rr_schedule_validated(&schedule, 1, &at);
    rr_schedule_validated(&schedule, 2, &at);
    assert_true(isnan(at.plateau_best) && at.plateau_factor == 1);
    at.step = 10;
    rr_schedule_validated(&schedule, 1, &at);
    rr_schedule_validated(&schedule, 2, &at);
    assert_true(at.plateau_factor == 0.5);
    rr_config_free(config);
}

/* The recipe of Zaremba et al. 2014, small model: 1.0 for four epochs, then halved in each. */
static void the_penn_treebank_recipe_halves_after_the_fourth_epoch(void **state) {
    (void)state;
    rr_config *config;
    rr_schedule_config schedule;
    must_bind(&rr_schedule_section, "{type: exponential, gamma: 0.5, start_epoch: 4}", &config, &schedule);
    const double expected[] = {1, 1, 1, 1, 0.5, 0.25, 0.125, 0.0625};
    for (uint64_t step = 0; step < 8 * 2323; step++)
        assert_true(lr_at(&schedule, 1, fresh(2323, 0), step) == expected[step / 2323]);
    rr_config_free(config);
}

/* Every entry of the registry: finite and not negative at every step, at lr when the warm-up ends, at home without a
 * total. */
static void every_schedule_takes_a_warm_up(void **state) {
    (void)state;
    for (size_t s = 0; s < rr_schedule_count; s++)
        for (uint64_t total = 0; total <= 60; total += 20) {
            char flow[128];
            snprintf(flow, sizeof flow, "{type: %s, warmup_steps: 25}", rr_schedules[s]->name);
            rr_config *config;
            rr_schedule_config schedule;
            must_bind(&rr_schedule_section, flow, &config, &schedule);
            assert_int_equal(schedule.type, s);
            for (uint64_t step = 0; step < 25; step++)
                assert_true(fabs(lr_at(&schedule, 2, fresh(7, total), step) - 2.0 * (double)(step + 1) / 25) < 1e-15);
            for (uint64_t step = 25; step < 200; step++) {
                double lr = lr_at(&schedule, 2, fresh(7, total), step);
                assert_true(isfinite(lr) && lr >= 0 && lr <= 2);
            }
            rr_config_free(config);
        }
}

static void only_a_null_length_needs_the_end_of_training(void **state) {
    (void)state;
    struct {
        const char *flow;
        bool needs;
    } cases[] = {{"{type: cosine_annealing}", true},
                 {"{type: cosine_annealing, T_max: null}", true},
                 {"{type: cosine_annealing, T_max: 5}", false},
                 {"{type: one_cycle}", true},
                 {"{type: one_cycle, total_steps: 9}", false},
                 {"{type: constant}", false},
                 {"{type: linear}", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rr_config *config;
        rr_schedule_config schedule;
        must_bind(&rr_schedule_section, cases[i].flow, &config, &schedule);
        const rr_schedule_ops *ops = rr_schedules[schedule.type];
        assert_int_equal(ops->needs_total != NULL && ops->needs_total(&schedule), cases[i].needs);
        rr_config_free(config);
    }
}

static void short_cycles_have_no_division_by_zero(void **state) {
    (void)state;
    for (uint64_t total = 1; total < 12; total++)
        for (int tenth = 0; tenth <= 10; tenth++) {
            char flow[128];
            snprintf(flow, sizeof flow, "{type: one_cycle, total_steps: %d, pct_start: %g}", (int)total, tenth / 10.0);
            rr_config *config;
            rr_schedule_config schedule;
            must_bind(&rr_schedule_section, flow, &config, &schedule);
            for (uint64_t step = 0; step < total + 3; step++) {
                double lr = lr_at(&schedule, 1, fresh(5, 0), step);
                assert_true(isfinite(lr) && lr > 0 && lr <= 1);
            }
            rr_config_free(config);
        }
}

static void wrong_values_are_refused_by_name(void **state) {
    (void)state;
    struct {
        const char *flow, *key;
    } wrong[] = {
        {"{type: step, step_size: 0}", "schedule.step_size"},
        {"{type: step, gamma: 0}", "schedule.gamma"},
        {"{type: multi_step, milestones: [1, -2]}", "schedule.milestones"},
        {"{type: linear, interval: month}", "schedule.interval"},
        {"{type: cosine_annealing, T_max: 0}", "schedule.T_max"},
        {"{type: one_cycle, pct_start: 1.5}", "schedule.pct_start"},
        {"{type: reduce_on_plateau, factor: 1}", "schedule.factor"},
        {"{type: exponental}", "exponential"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        rr_config *config = NULL;
        rr_schedule_config out;
        if (bind_section(&rr_schedule_section, wrong[i].flow, &config, &out) != RR_ERR_INPUT)
            fail_msg("%s is taken", wrong[i].flow);
        if (strstr(rr_last_error(), wrong[i].key) == NULL) fail_msg("%s: %s", wrong[i].flow, rr_last_error());
        rr_config_free(config);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_agree_with_pytorch),
        cmocka_unit_test(plateaus_agree_with_pytorch),
        cmocka_unit_test(an_infinite_first_loss_is_no_best),
        cmocka_unit_test(validations_during_the_warm_up_do_not_count),
        cmocka_unit_test(the_penn_treebank_recipe_halves_after_the_fourth_epoch),
        cmocka_unit_test(every_schedule_takes_a_warm_up),
        cmocka_unit_test(only_a_null_length_needs_the_end_of_training),
        cmocka_unit_test(short_cycles_have_no_division_by_zero),
        cmocka_unit_test(wrong_values_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
