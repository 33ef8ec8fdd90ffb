#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "data/synthetic.h"

static void the_vocabulary_and_the_count_are_as_asked_for(void **state) {
    (void)state;
    static const struct {
        rr_unit unit;
        size_t wanted, size;
    } cases[] = {{RR_UNIT_WORD, 500, 500}, {RR_UNIT_WORD, 0, 10000}, {RR_UNIT_CHAR, 90, 90},
                 {RR_UNIT_CHAR, 150, 150}, {RR_UNIT_CHAR, 0, 100},   {RR_UNIT_BYTE, 7, 256}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rr_corpus corpus = {0}, again = {0};
        assert_int_equal(rr_corpus_synthetic(cases[i].unit, cases[i].wanted, 3000, &corpus), RR_OK);
        assert_int_equal(rr_corpus_synthetic(cases[i].unit, cases[i].wanted, 3000, &again), RR_OK);
        const rr_tokens *tokens = &corpus.tokens[RR_SPLIT_TRAIN];
        assert_int_equal(rr_vocab_size(corpus.vocab), cases[i].size);
        assert_int_equal(tokens->count, 3000);
        for (size_t t = 0; t < tokens->count; t++)
            assert_true(tokens->ids[t] >= 0 && (size_t)tokens->ids[t] < cases[i].size);
        assert_memory_equal(tokens->ids, again.tokens[RR_SPLIT_TRAIN].ids, 3000 * sizeof *tokens->ids);
        rr_corpus_free(&corpus);
        rr_corpus_free(&again);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_vocabulary_and_the_count_are_as_asked_for)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
