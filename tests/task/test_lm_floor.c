/* What counting reaches, against hand values. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "task/lm_floor.h"

static rr_tokens tokens_of(int32_t *ids, size_t count) { return (rr_tokens){.ids = ids, .count = count}; }

static void frequencies_with_one_count_added(void **state) {
    (void)state;
    int32_t train_ids[] = {0, 1, 0, 1, 0, 2}, held_out_ids[] = {1, 0, 2};
    rr_tokens train = tokens_of(train_ids, 6), held_out = tokens_of(held_out_ids, 3);
    rr_lm_floor floor;
    uint64_t *counts = NULL;
    assert_int_equal(rr_lm_counts_of(&train, 3, &counts), RR_OK);
    assert_int_equal(rr_lm_floor_count(counts, &train, &held_out, 3, &floor), RR_OK);
    /* 0 stands 3 times, 2 once, of 6; 1 -> 0 twice of 2, 0 -> 2 once of 3. */
    assert_true(fabs(floor.unigram - -(log(4.0 / 9) + log(2.0 / 9)) / 2) < 1e-12);
    assert_true(fabs(floor.bigram - -(log(3.0 / 5) + log(2.0 / 6)) / 2) < 1e-12);
    rr_tokens none = tokens_of(NULL, 0);
    double unigram = floor.unigram;
    assert_int_equal(rr_lm_floor_count(counts, &none, &held_out, 3, &floor), RR_OK);
    assert_true(floor.unigram == unigram && isnan(floor.bigram));
    free(counts);
}

static void large_vocabularies_have_no_bigram_floor(void **state) {
    (void)state;
    int32_t ids[] = {0, 1, 4999};
    rr_tokens tokens = tokens_of(ids, 3);
    rr_lm_floor floor;
    uint64_t *counts = NULL;
    assert_int_equal(rr_lm_counts_of(&tokens, 5000, &counts), RR_OK);
    assert_int_equal(rr_lm_floor_count(counts, &tokens, &tokens, 5000, &floor), RR_OK);
    assert_true(isfinite(floor.unigram));
    assert_true(isnan(floor.bigram));
    free(counts);
}

static void counts_come_back_from_a_vocabulary(void **state) {
    (void)state;
    static const uint64_t counts[] = {3, 0, 4000000000000};
    uint64_t *back = NULL;
    rr_buffer json = {0};
    rr_buffer_puts(&json, "{\"tokens\":[1,2,3]}");
    rr_lm_counts_to_json(counts, 3, &json);
    assert_string_equal(rr_buffer_text(&json), "{\"tokens\":[1,2,3],\"counts\":[3,0,4000000000000]}");
    assert_int_equal(rr_lm_counts_from_json(rr_buffer_text(&json), 3, &back), RR_OK);
    assert_memory_equal(back, counts, sizeof counts);
    free(back);
    static const char *const bad[] = {"{\"counts\": [1, 2]}", "{\"counts\": [1, 2, 3, 4]}", "{\"counts\": [1, -2, 3]}",
                                      "{\"counts\": [1, \"2\", 3]}", "{\"counts\": [1, 3, -2]}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(rr_lm_counts_from_json(bad[i], 3, &back), RR_ERR_INPUT);
    assert_int_equal(rr_lm_counts_from_json("{\"tokens\": []}", 3, &back), RR_OK);
    assert_null(back);
    rr_buffer_free(&json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frequencies_with_one_count_added),
        cmocka_unit_test(large_vocabularies_have_no_bigram_floor),
        cmocka_unit_test(counts_come_back_from_a_vocabulary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
