#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "data/record_sets.h"
#include "text.h"

static const char *const fields[] = {"text", "label"};
static const rr_record_wish wish = {
    .fields = fields, .field_count = 2, .preset = "tsv", .group_field = 0, .class_field = 1};

enum { COUNT = 1000 };

/* One of ten is "rare"; every text stands there twice, 7 examples apart. */
static void fill(rr_records *records) {
    assert_ok(rr_records_file(records, "f"));
    for (size_t i = 0; i < COUNT; i++) {
        char text[32];
        size_t number = i % 500 * 7 % 500;
        snprintf(text, sizeof text, "text %zu", number);
        assert_ok(rr_records_add(records, i + 1));
        assert_ok(rr_records_append(records, 0, text, strlen(text)));
        const char *label = number % 10 == 0 ? "rare" : "often";
        assert_ok(rr_records_append(records, 1, label, strlen(label)));
    }
}

static void parts_have_their_share_of_each_class_and_equal_texts_stay_together(void **state) {
    (void)state;
    static const double fractions[] = {0.7, 0.2, 0.1};
    rr_records records = {.count = 0};
    uint8_t parts[COUNT], again[COUNT], other[COUNT];
    fill(&records);
    assert_ok(rr_records_divide(&records, &wish, fractions, 1, parts));
    assert_ok(rr_records_divide(&records, &wish, fractions, 1, again));
    assert_ok(rr_records_divide(&records, &wish, fractions, 2, other));
    assert_memory_equal(parts, again, COUNT);
    assert_memory_not_equal(parts, other, COUNT);
    size_t all[4] = {0}, rare[4] = {0};
    int32_t part_of[500];
    memset(part_of, -1, sizeof part_of);
    for (size_t i = 0; i < COUNT; i++) {
        size_t number = i % 500 * 7 % 500;
        assert_true(parts[i] < RR_SPLIT_COUNT);
        if (part_of[number] >= 0) assert_int_equal(part_of[number], parts[i]);
        part_of[number] = parts[i];
        all[parts[i]]++;
        rare[parts[i]] += number % 10 == 0;
    }
    assert_int_equal(all[0], 700);
    assert_int_equal(all[1], 200);
    assert_int_equal(all[2], 100);
    assert_int_equal(rare[0], 70);
    assert_int_equal(rare[1], 20);
    assert_int_equal(rare[2], 10);
    rr_records_free(&records);
}

static void what_the_fractions_leave_is_in_no_part(void **state) {
    (void)state;
    static const double fractions[] = {0.5, 0, 0.25};
    rr_records records = {.count = 0};
    uint8_t parts[COUNT];
    size_t all[4] = {0};
    fill(&records);
    assert_ok(rr_records_divide(&records, &wish, fractions, 1, parts));
    for (size_t i = 0; i < COUNT; i++) all[parts[i]]++;
    assert_in_range(all[0], 498, 502);
    assert_int_equal(all[1], 0);
    assert_in_range(all[2], 248, 252);
    assert_in_range(all[3], 248, 252);
    rr_records_free(&records);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_have_their_share_of_each_class_and_equal_texts_stay_together),
        cmocka_unit_test(what_the_fractions_leave_is_in_no_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
