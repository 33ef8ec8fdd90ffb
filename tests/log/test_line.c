#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "log/line.h"

static const rr_scalar scalars[] = {{"loss", 4.81234},  {"ppl", 123.0212},          {"bpc", 6.94},
                                    {"lr", 0.001},      {"grad_norm", 1.25},        {"tokens_per_s", 24123.0},
                                    {"step_s", 0.0123}, {"comm_exposed_s", 0.0031}, {"comm_hidden_s", 0.0204}};
static const rr_event train = {.kind = RR_EVENT_METRICS,
                               .step = 1200,
                               .epoch = 3,
                               .split = "train",
                               .scalars = scalars,
                               .scalar_count = sizeof scalars / sizeof *scalars,
                               .total_steps = 4800,
                               .total_epochs = 13,
                               .eta_s = 4000};

static void the_whole_line_holds_everything(void **state) {
    (void)state;
    rr_buffer line = {0};
    rr_line_whole(&train, &line);
    assert_string_equal(
        line.data, "train  step 1200/4800  epoch 3/13  loss 4.8123  ppl 123.02  bpc 6.94  lr 0.001  grad_norm 1.25  "
                   "24.1k tokens/s  12.3 ms/step  comm 3.1 ms  hidden 20.4 ms  ETA 1:06:40");
    rr_buffer_free(&line);
}

static void an_open_ended_run_has_no_total_no_bar_and_no_eta(void **state) {
    (void)state;
    rr_event event = train;
    event.total_steps = event.total_epochs = 0;
    event.scalar_count = 1;
    rr_buffer line = {0};
    rr_line_whole(&event, &line);
    assert_string_equal(line.data, "train  step 1200  epoch 3  loss 4.8123");
    rr_buffer_clear(&line);
    size_t begin, end;
    rr_line_fitting(&event, 100, &line, &begin, &end);
    assert_string_equal(line.data, "step 1200  epoch 3  loss 4.8123");
    assert_int_equal(begin, end);
    rr_buffer_clear(&line);
    event.total_steps = 4800;
    event.eta_s = NAN;
    rr_line_whole(&event, &line);
    assert_null(strstr(line.data, "ETA"));
    rr_buffer_free(&line);
}

static void every_width_is_kept_and_used(void **state) {
    (void)state;
    rr_buffer line = {0};
    size_t before = 0, begin, end;
    for (int columns = 0; columns <= 250; columns++) {
        rr_buffer_clear(&line);
        rr_line_fitting(&train, columns, &line, &begin, &end);
        const char *text = rr_buffer_text(&line);
        assert_int_equal(strlen(text), line.length);
        assert_true(line.length <= (size_t)columns);
        if (columns > 0) assert_true(line.length > 0);
        if (columns >= 14) assert_non_null(strstr(text, "step 1200/4800"));
        if (columns >= 27) assert_non_null(strstr(text, "loss 4.8123"));
        if (columns >= 40) assert_non_null(strstr(text, "ETA 1:06:40"));
        if (columns >= 79) assert_non_null(strstr(text, "comm 25%"));
        if (columns >= 160) assert_non_null(strstr(text, "["));
        assert_true(begin <= end && end <= line.length);
        for (size_t i = begin; i < end; i++) assert_true(text[i] == '#');
        assert_true(columns < 60 || line.length + 12 > before); /* more room does not mean much less text */
        before = line.length;
    }
    rr_buffer_free(&line);
}

static void the_bar_shows_the_fraction_done(void **state) {
    (void)state;
    rr_event event = train;
    rr_buffer line = {0};
    size_t begin, end;
    const uint64_t steps[] = {0, 1200, 2400, 4799, 4800, 9999};
    const size_t filled[] = {0, 7, 15, 29, 30, 30}; /* of 30 between the brackets */
    for (size_t i = 0; i < 6; i++) {
        event.step = steps[i];
        rr_buffer_clear(&line);
        rr_line_fitting(&event, 240, &line, &begin, &end);
        assert_int_equal(line.data[0], '[');
        assert_int_equal(strchr(line.data, ']') - line.data, 31);
        assert_int_equal(end - begin, filled[i]);
    }
    rr_buffer_free(&line);
}

static void durations_and_rates_read_well(void **state) {
    (void)state;
    struct {
        double eta, rate;
        const char *eta_text, *rate_text;
    } cases[] = {{0, 0, "ETA 0:00:00", "0 tokens/s"},
                 {59.6, 950, "ETA 0:01:00", "950 tokens/s"},
                 {3661, 999.6, "ETA 1:01:01", "1k tokens/s"},
                 {86399, 1254321, "ETA 23:59:59", "1.25M tokens/s"},
                 {90061, 2.5e9, "ETA 1d 01:01:01", "2.5G tokens/s"},
                 {1e300, 1e300, "ETA 11574d 01:46:40", "T tokens/s"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rr_event event = train;
        rr_scalar rate = {"tokens_per_s", cases[i].rate};
        event.scalars = &rate;
        event.scalar_count = 1;
        event.eta_s = cases[i].eta;
        rr_buffer line = {0};
        rr_line_whole(&event, &line);
        if (strstr(line.data, cases[i].eta_text) == NULL || strstr(line.data, cases[i].rate_text) == NULL)
            fail_msg("%s", line.data);
        rr_buffer_free(&line);
    }
}

static void odd_metrics_do_no_harm(void **state) {
    (void)state;
    char name[300];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = 0;
    rr_scalar many[40];
    for (size_t i = 0; i < 40; i++) many[i] = (rr_scalar){name, i % 2 ? NAN : -1e300};
    rr_event event = train;
    event.scalars = many;
    event.scalar_count = 40;
    event.step = event.total_steps = event.total_epochs = event.epoch = UINT64_MAX;
    rr_buffer line = {0};
    size_t begin, end;
    rr_line_whole(&event, &line);
    assert_true(line.length > 100);
    for (int columns = 0; columns < 400; columns += 13) {
        rr_buffer_clear(&line);
        rr_line_fitting(&event, columns, &line, &begin, &end);
        assert_true(line.length <= (size_t)columns);
    }
    rr_buffer_free(&line);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_line_holds_everything),
        cmocka_unit_test(an_open_ended_run_has_no_total_no_bar_and_no_eta),
        cmocka_unit_test(every_width_is_kept_and_used),
        cmocka_unit_test(the_bar_shows_the_fraction_done),
        cmocka_unit_test(durations_and_rates_read_well),
        cmocka_unit_test(odd_metrics_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
