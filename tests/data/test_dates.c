/* Dates against those that POSIX knows: every day of 400 years, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <time.h>

#include "data/dates.h"

static int64_t parse(const char *text) {
    rr_date_style style;
    int64_t time;
    assert_true(rr_date_parse(text, strlen(text), &style, &time));
    rr_buffer again = {0};
    rr_date_write(&style, time, &again);
    assert_string_equal(rr_buffer_text(&again), text);
    rr_buffer_free(&again);
    return time;
}

static void days_are_those_of_the_system(void **state) {
    (void)state;
    enum { DAY = 86400 };
    for (int64_t day = -200 * 366; day < 200 * 366; day++) {
        time_t time = day * DAY + 3723;
        struct tm tm;
        assert_non_null(gmtime_r(&time, &tm));
        rr_date_parts parts = rr_date_split(time);
        assert_int_equal(parts.year, tm.tm_year + 1900);
        assert_int_equal(parts.month, tm.tm_mon + 1);
        assert_int_equal(parts.day, tm.tm_mday);
        assert_int_equal(parts.hour, 1);
        assert_int_equal(parts.minute, 2);
        assert_int_equal(parts.second, 3);
        assert_int_equal((parts.weekday + 1) % 7, tm.tm_wday);
        assert_int_equal(parts.yearday, tm.tm_yday);
        const rr_date_style style = {.kind = RR_DATE_ISO, .before_time = 'T', .seconds = true};
        rr_buffer text = {0};
        rr_date_write(&style, time, &text);
        assert_int_equal(parse(rr_buffer_text(&text)), time);
        rr_buffer_free(&text);
    }
}

static void every_format_is_read_and_written_alike(void **state) {
    (void)state;
    assert_int_equal(parse("1970-01-01"), 0);
    assert_int_equal(parse("1970/01/02"), 86400);
    assert_int_equal(parse("Jan 3 1970"), 2 * 86400);
    assert_int_equal(parse("2016-07-01 00:00:00"), 1467331200);
    assert_int_equal(parse("2016-07-01T01:30"), 1467331200 + 5400);
    assert_int_equal(parse("2000-02-29"), 951782400);
    assert_int_equal(parse("2016-07"), 1467331200);
    assert_int_equal(parse("01.07.2016 02:00"), 1467331200 + 7200);
    assert_int_equal(parse("2016-07-01T00:00:00Z"), 1467331200);
    assert_int_equal(parse("2016-07-01 00:00:00.000+05:30"), 1467331200 - 19800);
    assert_int_equal(parse("2016-06-30T22:00-02:00"), 1467331200);
}

static void formats_of_strptime_are_read_and_written_alike(void **state) {
    (void)state;
    static const struct {
        const char *format, *text;
        int64_t time;
    } cases[] = {{"%d/%m/%Y", "13/07/2016", 1468368000},
                 {"%m/%d/%y %H:%M", "07/13/16 01:02", 1468368000 + 3720},
                 {"%m/%d/%Y %I:%M %p", "07/13/2016 12:30 AM", 1468368000 + 1800},
                 {"%m/%d/%Y %I:%M %p", "07/13/2016 12:30 PM", 1468368000 + 45000},
                 {"%d. %B %Y", "13. July 2016", 1468368000},
                 {"%d-%b-%Y", "13-Jul-2016", 1468368000},
                 {"%Y%m%d%H%M%S", "20160713000001", 1468368001},
                 {"%FT%T", "2016-07-13T00:00:05", 1468368005},
                 {"%Y", "2016", 1451606400},
                 {"100%% %Y", "100% 1970", 0},
                 {"%s", "-12", -12},
                 {"%d.%m.%y", "31.12.69", -86400}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t time = 7;
        rr_buffer again = {0};
        assert_null(rr_date_format_error(cases[i].format));
        assert_true(rr_date_parse_as(cases[i].format, cases[i].text, strlen(cases[i].text), &time));
        assert_int_equal(time, cases[i].time);
        rr_date_write_as(cases[i].format, time, &again);
        assert_string_equal(rr_buffer_text(&again), cases[i].text);
        rr_buffer_free(&again);
    }
    static const char *const bad[][2] = {{"%d/%m/%Y", "07/13/2016"}, {"%d/%m/%Y", "1/1/2016 "},
                                         {"%d/%m/%Y", "1/1/"},       {"%I %Y", "13 2016"},
                                         {"%B %Y", "Foo 2016"},      {"%s", "x"},
                                         {"%p %Y", "XM 2016"},       {"%Y", ""}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t time;
        assert_false(rr_date_parse_as(bad[i][0], bad[i][1], strlen(bad[i][1]), &time));
    }
    static const char *const formats[] = {"%d.%m.", "%Q %Y", "%Y%", ""};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) assert_non_null(rr_date_format_error(formats[i]));
}

static void what_is_no_date_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "2016",
                                      "2016-13-01",
                                      "2015-02-29",
                                      "1900-02-29",
                                      "2016-7-1",
                                      "2016-07-01 ",
                                      "2016-07-01 24:00",
                                      "2016-07-01 00:60:00",
                                      "Foo 1 2000",
                                      "2016-07-01x",
                                      "12.5",
                                      "2016-07-00",
                                      "0000-01-01",
                                      "Jan 1",
                                      "2016-7",
                                      "2016-07 00:00",
                                      "01.07.16",
                                      "31.02.2016",
                                      "1.",
                                      "2016-07-01 00:00:00.5",
                                      "2016-07-01 00:00+1",
                                      "2016-07-01Z"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        rr_date_style style;
        int64_t time;
        assert_false(rr_date_parse(bad[i], strlen(bad[i]), &style, &time));
    }
}

static void months_end_where_the_calendar_says(void **state) {
    (void)state;
    const rr_date_step month = {.months = 1}, hour = {.seconds = 3600};
    assert_int_equal(rr_date_add(parse("2000-01-31"), month, 1), parse("2000-02-29"));
    assert_int_equal(rr_date_add(parse("2000-12-01"), month, 1), parse("2001-01-01"));
    assert_int_equal(rr_date_add(parse("2000-01-01"), month, -1), parse("1999-12-01"));
    assert_int_equal(rr_date_add(parse("1999-12-31 23:00:00"), hour, 1), parse("2000-01-01"));
    assert_int_equal(rr_date_months(parse("1999-11-30"), parse("2001-01-01")), 14);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_are_those_of_the_system),
        cmocka_unit_test(every_format_is_read_and_written_alike),
        cmocka_unit_test(formats_of_strptime_are_read_and_written_alike),
        cmocka_unit_test(what_is_no_date_is_refused),
        cmocka_unit_test(months_end_where_the_calendar_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
