/* Time series from CSV: columns, several series, missing numbers, errors with file and line; scale and transforms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/series_math.h"
#include "data/series_scale.h"

static const rr_series_wish plain = {.header = true};

static void read_text(const rr_series_wish *wish, const char *text, rr_series *out) {
    *out = (rr_series){.count = 0};
    assert_int_equal(rr_series_parse(wish, "a.csv", text, strlen(text), out), RR_OK);
}

static void refuse(const rr_series_wish *wish, const char *text, const char *message) {
    rr_series series = {.count = 0};
    assert_int_equal(rr_series_parse(wish, "a.csv", text, strlen(text), &series), RR_ERR_INPUT);
    if (strstr(rr_last_error(), message) == NULL) print_error("%s\n", rr_last_error());
    assert_non_null(strstr(rr_last_error(), message));
    rr_series_free(&series);
}

static void columns_of_numbers_are_found(void **state) {
    (void)state;
    rr_series s;
    read_text(&plain, "x,,date,word,y\n1,0,2000-01-01,a,2\n3,1,2000-01-02,b,-4.5e1\n", &s);
    assert_int_equal(s.columns.count, 2);
    assert_string_equal(s.columns.items[0], "x");
    assert_string_equal(s.columns.items[1], "y");
    assert_string_equal(s.date_name, "date");
    assert_int_equal(s.count, 2);
    assert_true(s.values[0] == 1 && s.values[1] == 2 && s.values[2] == 3 && s.values[3] == -45);
    assert_int_equal(s.rows[1].line, 3);
    rr_series_free(&s);

    const char *const names[] = {"y", "x"};
    const rr_series_wish wish = {.header = true, .columns = names, .column_count = 2};
    read_text(&wish, "x,day,y\n1,2000-01-01,2\n", &s);
    assert_true(s.values[0] == 2 && s.values[1] == 1);
    rr_series_free(&s);
}

static void without_dates_rows_are_numbered(void **state) {
    (void)state;
    rr_series s;
    const rr_series_wish bare = {.header = false};
    read_text(&bare, "1,2\n3,4\n5,6\n", &s);
    assert_null(s.date_name);
    assert_string_equal(s.columns.items[1], "2");
    assert_int_equal(s.rows[2].time, 2);
    assert_int_equal(rr_series_find_steps(&s).step.seconds, 1);
    rr_series_free(&s);
}

static void numbers_may_have_commas(void **state) {
    (void)state;
    rr_series s;
    const rr_series_wish wish = {.header = true, .delimiter = ';', .decimal_comma = true};
    read_text(&wish, "date;x\n01.02.2000;3,25\n02.02.2000;-,5\n03.02.2000;1e1\n", &s);
    assert_true(s.values[0] == 3.25 && s.values[1] == -0.5 && s.values[2] == 10);
    rr_series_free(&s);
    refuse(&wish, "x\n1,5\n1.5\n", "a.csv:3: column x: \"1.5\" is no number");
    refuse(&wish, "x\n1,5\n1,5,0\n", "a.csv:3: column x: \"1,5,0\" is no number");
    refuse(&wish, "date;x\n2000-01-01;1.5\n", "a.csv:1: no column holds numbers; is task.decimal point?");
    refuse(&(rr_series_wish){.header = true, .delimiter = ';'}, "date;x\n2000-01-01;1,5\n", "is task.decimal comma?");
    refuse(&plain, "date;x\n2000-01-01;1\n", "a.csv:1: no column holds numbers; is data.delimiter ;?");
}

static void numbers_are_no_names(void **state) {
    (void)state;
    refuse(&plain, "2000-01-01,1\n2000-01-02,2\n", "a.csv:1: the first line holds numbers");
    refuse(&plain, "date,x\n20000101,1\n20000102,2\n", "a.csv:1: column date holds numbers");
    rr_series s;
    const rr_series_wish wish = {.header = true, .date_format = "%Y%m%d"};
    read_text(&wish, "x,date\n1,20000101\n2,20000102\n", &s);
    assert_int_equal(s.columns.count, 1);
    assert_int_equal(s.rows[1].time - s.rows[0].time, 86400);
    rr_series_free(&s);
    refuse(&wish, "date,x\n20000101,1\n2000-01-02,2\n",
           "a.csv:3: column date: \"2000-01-02\" is no date; allowed: %Y%m%d");
}

static void rows_are_sorted_where_that_is_wanted(void **state) {
    (void)state;
    const char *text =
        "name,date,v\na,2000-01-03,3\nb,2000-01-02,20\na,2000-01-01,1\na,2000-01-03,4\nb,2000-01-01,10\n";
    rr_series s;
    const rr_series_wish wish = {.header = true, .series_column = "name", .sort = true};
    read_text(&wish, text, &s);
    assert_int_equal(s.count, 4);
    assert_int_equal(s.begin[1], 2);
    assert_int_equal(s.begin[2], 4);
    assert_true(s.values[0] == 1 && s.values[1] == 3 && s.values[2] == 10 && s.values[3] == 20);
    assert_int_equal(s.disordered, 2);
    assert_int_equal(s.skipped, 1);
    assert_string_equal(rr_buffer_text(&s.first_bad),
                        "a.csv:5: the date is that of the row at line 2 of series a; dates must grow within a series");
    rr_series_free(&s);
    refuse(&(rr_series_wish){.header = true, .series_column = "name"}, text, "a.csv:4: the date lies before");
}

static void several_series_come_one_after_the_other(void **state) {
    (void)state;
    rr_series s;
    const rr_series_wish wish = {.header = true, .series_column = "name"};
    read_text(&wish, "name,date,v\nb,Jan 1 2000,1\na,Jan 1 2000,10\nb,Feb 1 2000,2\na,Feb 1 2000,20\nb,Mar 1 2000,3\n",
              &s);
    assert_int_equal(s.series.count, 2);
    assert_string_equal(s.series.items[0], "b");
    assert_int_equal(s.begin[1], 3);
    assert_true(s.values[0] == 1 && s.values[2] == 3 && s.values[3] == 10 && s.values[4] == 20);
    rr_series_steps steps = rr_series_find_steps(&s);
    assert_int_equal(steps.step.months, 1);
    assert_int_equal(steps.others, 0);
    rr_series_free(&s);
}

static void steps_that_differ_are_counted(void **state) {
    (void)state;
    rr_series s;
    read_text(&plain, "date,v\n2000-01-01,1\n2000-01-02,1\n2000-01-04,1\n2000-01-05,1\n2000-01-07,1\n2000-01-08,1\n",
              &s);
    rr_series_steps steps = rr_series_find_steps(&s);
    assert_int_equal(steps.step.seconds, 86400);
    assert_int_equal(steps.others, 2);
    assert_int_equal(s.rows[steps.first].line, 4);
    rr_series_free(&s);
}

static void missing_numbers_stop_or_are_counted(void **state) {
    (void)state;
    rr_series s;
    const char *text =
        "date,v\n2000-01-01,1\n2000-01-02,\n2000-01-03,NaN\n2000-01-04,1.2.3\n2000-01-05\n2000-01-06,7\n";
    refuse(&plain, text, "a.csv:3: column v: the number is missing");
    const rr_series_wish skip = {.header = true, .on_error = RR_ON_ERROR_SKIP};
    read_text(&skip, text, &s);
    assert_int_equal(s.count, 5);
    assert_int_equal(s.missing, 3);
    assert_int_equal(s.skipped, 1);
    assert_true(isnan(s.values[1]) && isnan(s.values[3]) && s.values[4] == 7);
    assert_non_null(strstr(rr_buffer_text(&s.first_bad), "a.csv:3"));
    rr_series_free(&s);
}

static void errors_name_file_and_line(void **state) {
    (void)state;
    refuse(&plain, "date,v\n2000-01-02,1\n2000-01-01,1\n", "a.csv:3: the date lies before that of the row at line 2");
    refuse(&plain, "date,v\n2000-01-02,1\n2000-01-02,1\n", "a.csv:3: the date is that of the row at line 2");
    refuse(&plain, "date,v\n2000-01-02,1\n02/01/2000,1\n", "a.csv:3: column date: \"02/01/2000\" is no date; allowed:");
    refuse(&plain, "date,v\n2000-01-02,1\n2000-01-03,one\n", "a.csv:3: column v: \"one\" is no number");
    refuse(&plain, "date,v\n2000-01-02,1\n2000-01-03,1e999\n", "is no number");
    refuse(&plain, "date,v\n2000-01-02,1\n2000-01-03,0x10\n", "is no number");
    refuse(&plain, "date,v\n2000-01-02,1,3\n2000-01-03,1\n", "a.csv:2: has 3 columns, the first line 2");
    refuse(&plain, "date,v,v\n2000-01-02,1,3\n", "two columns are named \"v\"");
    refuse(&plain, "date,v\n", "holds no rows");
    refuse(&plain, "", "holds no rows");
    refuse(&plain, "a,b\nx,y\n", "no column holds numbers");
    const char *const names[] = {"w"};
    const rr_series_wish wish = {.header = true, .columns = names, .column_count = 1};
    refuse(&wish, "date,v\n2000-01-02,1\n", "there is no column \"w\"; there are: date, v");
}

static void transforms_are_those_of_the_formula(void **state) {
    (void)state;
    rr_series s;
    double out[6];
    const rr_series_wish wish = {.header = true, .series_column = "name"};
    read_text(&wish, "name,v\na,1\na,3\na,2\nb,5\nb,20\n", &s);
    assert_int_equal(rr_series_apply(&s, RR_TRANSFORM_DIFFERENCE, out), RR_OK);
    assert_true(isnan(out[0]) && out[1] == 2 && out[2] == -1 && isnan(out[3]) && out[4] == 15);
    assert_int_equal(rr_series_apply(&s, RR_TRANSFORM_LOG_RETURN, out), RR_OK);
    assert_true(fabs(out[4] - log(4)) < 1e-15);
    s.values[1] = 0;
    assert_int_equal(rr_series_apply(&s, RR_TRANSFORM_LOG_RETURN, out), RR_ERR_INPUT);
    assert_non_null(strstr(rr_last_error(), "a.csv:3: column v"));
    rr_series_free(&s);
    for (double x = 1e-300; x < 1e300; x *= 1.37)
        assert_true(fabs(rr_series_log(x) - log(x)) <= 4e-16 * fabs(log(x)) + 1e-16);
    for (int64_t t = 0; t < 400LL * 86400; t += 3599) {
        float feature[2];
        rr_time_feature(0, t, feature);
        double angle = 2 * acos(-1) * (double)(t % 86400) / 86400;
        assert_true(fabs((double)feature[0] - sin(angle)) < 1e-7 && fabs((double)feature[1] - cos(angle)) < 1e-7);
    }
}

static void scale_comes_back_from_json(void **state) {
    (void)state;
    rr_series s;
    rr_series_scale scale = {.inputs = 0}, again = {.inputs = 0};
    rr_buffer json = {0};
    read_text(&plain, "date,\"a \"\"b\",c,d\n2000-01-01,1,5,7\n2000-01-02,3,5,\"1\"\n", &s);
    assert_int_equal(rr_series_scale_start(&scale, &s, 2), RR_OK);
    rr_series_scale_fit(&scale, 0, s.values, 0, 2);
    assert_true(scale.mean[0] == 2 && scale.std[0] == 1 && scale.std[1] == 1 && scale.mean[2] == 4 &&
                scale.std[2] == 3);
    scale.mean[0] = 1.0 / 3;
    scale.step = rr_series_find_steps(&s).step;
    scale.targets = calloc(1, sizeof *scale.targets);
    scale.targets[0] = 2;
    scale.target_count = 1;
    assert_int_equal(rr_series_scale_to_json(&scale, &json), RR_OK);
    assert_int_equal(rr_series_scale_from_json(rr_buffer_text(&json), &again), RR_OK);
    assert_string_equal(again.columns.items[0], "a \"b");
    assert_true(again.mean[0] == 1.0 / 3 && again.std[2] == 3 && again.targets[0] == 2 && again.inputs == 2);
    assert_int_equal(again.step.seconds, 86400);
    rr_series_scale_free(&again);
    assert_int_equal(rr_series_scale_from_json("{\"columns\": [\"a\"]}", &again), RR_ERR_INPUT);
    rr_series_scale_free(&again);
    assert_int_equal(rr_series_scale_from_json("no json", &again), RR_ERR_INPUT);
    rr_series_scale_free(&again);
    rr_series_scale_free(&scale);
    rr_buffer_free(&json);
    rr_series_free(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_of_numbers_are_found),
        cmocka_unit_test(without_dates_rows_are_numbered),
        cmocka_unit_test(numbers_may_have_commas),
        cmocka_unit_test(numbers_are_no_names),
        cmocka_unit_test(rows_are_sorted_where_that_is_wanted),
        cmocka_unit_test(several_series_come_one_after_the_other),
        cmocka_unit_test(steps_that_differ_are_counted),
        cmocka_unit_test(missing_numbers_stop_or_are_counted),
        cmocka_unit_test(errors_name_file_and_line),
        cmocka_unit_test(transforms_are_those_of_the_formula),
        cmocka_unit_test(scale_comes_back_from_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
