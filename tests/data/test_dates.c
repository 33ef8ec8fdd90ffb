/* Dates against the C library's calendar, and the formats that files have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <time.h>

#include "data/dates.h"

static int64_t parse(const char *text) {
    int64_t seconds = -1;
    assert_true(rr_date_parse(text, strlen(text), &seconds));
    return seconds;
}

static void refuse(const char *text) {
    int64_t seconds;
    assert_false(rr_date_parse(text, strlen(text), &seconds));
}

static void formats_that_files_have(void **state) {
    (void)state;
    assert_int_equal(parse("1970-01-01"), 0);
    assert_int_equal(parse("2016-07-01 13:30:05"), 1467379805);
    assert_int_equal(parse("2016-07-01T13:30:05.250Z"), 1467379805);
    assert_int_equal(parse("2016/7/1 13:30"), 1467379800);
    assert_int_equal(parse(" Jul 1 2016 "), parse("2016-07-01"));
    assert_int_equal(parse("Feb 29, 2000"), parse("2000-02-29"));
    assert_int_equal(parse("42"), 42);
    assert_int_equal(parse("-7"), -7);
    static const char *const bad[] = {"",           "2016-13-01",       "2016-02-30",      "2015-02-29",
                                      "July",       "2016-07-01 25:00", "2016-07-01x",     "1.5",
                                      "Foo 1 2016", "2016-07",          "2016-07-01 12:61"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) refuse(bad[i]);
}

static void the_calendar_is_that_of_the_c_library(void **state) {
    (void)state;
    for (int64_t seconds = -5000000000; seconds < 8000000000; seconds += 86400 * 13 + 4567) {
        time_t clock = (time_t)seconds;
        struct tm tm;
        char text[32];
        gmtime_r(&clock, &tm);
        rr_date d = rr_date_of(seconds);
        assert_int_equal(d.year, tm.tm_year + 1900);
        assert_int_equal(d.month, tm.tm_mon + 1);
        assert_int_equal(d.day, tm.tm_mday);
        assert_int_equal(d.hour * 3600 + d.minute * 60 + d.second, tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec);
        assert_int_equal(rr_date_seconds(d), seconds);
        rr_date_format(seconds, true, text);
        assert_int_equal(parse(text), seconds);
    }
}

static void steps_are_months_or_seconds(void **state) {
    (void)state;
    const int64_t monthly[] = {parse("2000-01-01"), parse("2000-02-01"), parse("2000-03-01"),
                               parse("2000-05-01"), parse("2000-06-01"), parse("2000-07-01")};
    rr_date_step step = rr_date_common_step(monthly, 6);
    assert_int_equal(step.months, 1);
    assert_int_equal(rr_date_add(parse("2000-12-31"), step, 2), parse("2001-02-28"));
    const int64_t hours[] = {0, 3600, 7200, 14400, 18000};
    step = rr_date_common_step(hours, 5);
    assert_int_equal(step.months, 0);
    assert_int_equal(step.seconds, 3600);
    assert_int_equal(rr_date_add(100, step, 3), 100 + 3 * 3600);
    assert_int_equal(rr_date_common_step(hours, 1).seconds, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(formats_that_files_have),
                                       cmocka_unit_test(the_calendar_is_that_of_the_c_library),
                                       cmocka_unit_test(steps_are_months_or_seconds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
