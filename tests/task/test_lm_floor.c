/* What counting reaches, against hand values. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "task/lm_floor.h"

static rr_tokens tokens_of(int32_t *ids, size_t count) { return (rr_tokens){.ids = ids, .count = count}; }

static void frequencies_with_one_count_added(void **state) {
    (void)state;
    int32_t train_ids[] = {0, 1, 0, 1, 0, 2}, held_out_ids[] = {1, 0, 2};
    rr_tokens train = tokens_of(train_ids, 6), held_out = tokens_of(held_out_ids, 3);
    rr_lm_floor floor;
    assert_int_equal(rr_lm_floor_count(&train, &held_out, 3, &floor), RR_OK);
    /* 0 stands 3 times, 2 once, of 6; 1 -> 0 twice of 2, 0 -> 2 once of 3. */
    assert_true(fabs(floor.unigram - -(log(4.0 / 9) + log(2.0 / 9)) / 2) < 1e-12);
    assert_true(fabs(floor.bigram - -(log(3.0 / 5) + log(2.0 / 6)) / 2) < 1e-12);
}

static void large_vocabularies_have_no_bigram_floor(void **state) {
    (void)state;
    int32_t ids[] = {0, 1, 4999};
    rr_tokens tokens = tokens_of(ids, 3);
    rr_lm_floor floor;
    assert_int_equal(rr_lm_floor_count(&tokens, &tokens, 5000, &floor), RR_OK);
    assert_true(isfinite(floor.unigram));
    assert_true(isnan(floor.bigram));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frequencies_with_one_count_added),
        cmocka_unit_test(large_vocabularies_have_no_bigram_floor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
