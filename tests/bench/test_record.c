#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "bench/record.h"

static void a_record_is_one_line_of_json(void **state) {
    (void)state;
    rr_bench_record record = {0};
    rr_buffer text = {0};
    rr_bench_record_text(&record, "name", "a \"b\" \\ c\n");
    rr_bench_record_number(&record, NULL, "bytes", 1048576);
    rr_bench_record_number(&record, NULL, "rate", 1.5);
    rr_bench_record_number(&record, NULL, "none", NAN);
    rr_bench_record_number(&record, "phases", "x", 0.25);
    rr_bench_record_number(&record, "phases", "y", 2);
    rr_bench_record_number(&record, "other", "z", -3);
    rr_bench_record_json(&record, &text);
    assert_string_equal(rr_buffer_text(&text),
                        "{\"name\": \"a \\\"b\\\" \\\\ c\\u000a\", \"bytes\": 1048576, \"rate\": 1.5, \"none\": null, "
                        "\"phases\": {\"x\": 0.25, \"y\": 2}, \"other\": {\"z\": -3}}\n");
    rr_buffer_free(&text);
}

static void a_group_may_be_followed_by_plain_fields(void **state) {
    (void)state;
    rr_bench_record record = {0};
    rr_buffer text = {0};
    rr_bench_record_number(&record, "g", "x", 1);
    rr_bench_record_number(&record, NULL, "y", 2);
    rr_bench_record_json(&record, &text);
    assert_string_equal(rr_buffer_text(&text), "{\"g\": {\"x\": 1}, \"y\": 2}\n");
    rr_buffer_free(&text);
}

static void a_median_lies_in_the_middle(void **state) {
    (void)state;
    assert_true(rr_median((double[]){3, 1, 2}, 3) == 2);
    assert_true(rr_median((double[]){4, 1, 3, 2}, 4) == 2.5);
    assert_true(rr_median((double[]){7}, 1) == 7);
    assert_true(isnan(rr_median(NULL, 0)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_one_line_of_json),
        cmocka_unit_test(a_group_may_be_followed_by_plain_fields),
        cmocka_unit_test(a_median_lies_in_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
