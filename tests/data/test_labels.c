#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data/labels.h"
#include "text.h"

static rr_labels three(void) {
    rr_labels labels = {.count = 0};
    static const char *const names[] = {"pear", "apple", "pear", "fig \"f\"", "fig \"f\"", "apple", "pear"};
    for (size_t i = 0; i < 7; i++) assert_ok(rr_labels_add(&labels, names[i], strlen(names[i])));
    return labels;
}

static void classes_are_sorted_and_counted(void **state) {
    (void)state;
    rr_labels labels = three();
    assert_int_equal(labels.count, 3);
    assert_string_equal(labels.names[0], "apple");
    assert_string_equal(labels.names[1], "fig \"f\"");
    assert_int_equal(labels.counts[2], 3);
    assert_int_equal(rr_labels_find(&labels, BYTES("pear")), 2);
    assert_int_equal(rr_labels_find(&labels, BYTES("pea")), -1);
    assert_int_equal(rr_labels_find(&labels, BYTES("pears")), -1);
    assert_int_equal(rr_labels_majority(&labels), 2);
    labels.counts[0] = 3;
    assert_int_equal(rr_labels_majority(&labels), 0); /* ties: the lower */
    rr_labels_free(&labels);
}

static void json_gives_them_back(void **state) {
    (void)state;
    rr_labels labels = three(), back = {.count = 0};
    rr_buffer json = {0};
    rr_labels_to_json(&labels, &json);
    assert_ok(rr_labels_from_json(rr_buffer_text(&json), &back));
    assert_int_equal(back.count, 3);
    assert_true(rr_labels_hash(&back, 1) == rr_labels_hash(&labels, 1));
    back.counts[1]++;
    assert_true(rr_labels_hash(&back, 1) != rr_labels_hash(&labels, 1));
    rr_labels_free(&back);
    assert_refused(rr_labels_from_json("{}", &back), "no JSON array");
    assert_refused(rr_labels_from_json("[{\"name\": 3}]", &back), "no name or count");
    rr_buffer_free(&json);
    rr_labels_free(&labels);
    rr_labels_free(&back);
}

static rr_status collect(void *ctx, const char *part, size_t length) {
    rr_buffer_append(ctx, part, length);
    rr_buffer_puts(ctx, "/");
    return RR_OK;
}

static void assert_parts(const char *text, const char *separator, const char *expected) {
    rr_buffer out = {0};
    assert_ok(rr_labels_each(text, strlen(text), separator, collect, &out));
    assert_string_equal(rr_buffer_text(&out), expected);
    rr_buffer_free(&out);
}

static void a_separator_divides_a_field_into_labels(void **state) {
    (void)state;
    assert_parts("a, b ,c", ",", "a/b/c/");
    assert_parts(" a,b ", NULL, "a,b/");
    assert_parts("a||b|c", "||", "a/b|c/");
    assert_parts(",,a,", ",", "a/");
    assert_parts("", ",", "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_are_sorted_and_counted),
        cmocka_unit_test(json_gives_them_back),
        cmocka_unit_test(a_separator_divides_a_field_into_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
