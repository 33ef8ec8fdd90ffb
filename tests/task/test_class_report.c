#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "task/class_report.h"

/* Values of scikit-learn's precision_recall_fscore_support and f1_score(average="macro"). */
static void scores_are_those_of_scikit_learn(void **state) {
    (void)state;
    rr_class_score a = rr_class_score_of(3, 4, 5), never = rr_class_score_of(0, 2, 0),
                   absent = rr_class_score_of(0, 0, 0);
    assert_true(fabs(a.precision - 0.6) < 1e-15);
    assert_true(fabs(a.recall - 0.75) < 1e-15);
    assert_true(fabs(a.f1 - 2.0 / 3) < 1e-15);
    assert_true(never.precision == 0 && never.recall == 0 && never.f1 == 0);
    rr_class_score all[] = {a, never, absent};
    assert_true(fabs(rr_class_macro_f1(all, 3) - 1.0 / 3) < 1e-15); /* a class that is nowhere does not count */
    assert_true(rr_class_macro_f1(&absent, 1) == 0);
}

static void tables_name_every_class(void **state) {
    (void)state;
    rr_labels labels = {.count = 0};
    assert_int_equal(rr_labels_add(&labels, "spam", 4), RR_OK);
    assert_int_equal(rr_labels_add(&labels, "ham", 3), RR_OK);
    rr_class_score scores[] = {rr_class_score_of(9, 10, 9), rr_class_score_of(2, 2, 3)};
    static const size_t confusion[] = {9, 1, 0, 2};
    rr_buffer table = {0}, matrix = {0};
    rr_class_table(&labels, scores, &table);
    rr_class_confusion(&labels, confusion, &matrix);
    assert_non_null(
        strstr(rr_buffer_text(&table), "ham                         1.0000    0.9000    0.9474        10\n"));
    assert_non_null(strstr(rr_buffer_text(&matrix), "ham                              9         1\nspam "));
    rr_buffer_free(&table);
    rr_buffer_free(&matrix);
    rr_labels_free(&labels);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_those_of_scikit_learn),
        cmocka_unit_test(tables_name_every_class),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
