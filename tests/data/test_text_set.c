#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data/text_set.h"
#include "text.h"

static void assert_normal(rr_normalise rules, const char *text, const char *expected) {
    rr_buffer out = {0};
    rr_normalise_text(rules, text, strlen(text), &out);
    assert_string_equal(rr_buffer_text(&out), expected);
    rr_buffer_free(&out);
}

static void text_gets_its_normal_form(void **state) {
    (void)state;
    rr_normalise none = {false, false}, lower = {true, false}, split = {false, true}, both = {true, true};
    assert_normal(none, "Don't, \xc3\x89!", "Don't, \xc3\x89!");
    assert_normal(lower, "AbC \xc3\x89\xce\xa9", "abc \xc3\xa9\xcf\x89");
    assert_normal(split,
                  "Don't, \xc2\xab"
                  "a\xc2\xbb $3",
                  "Don ' t ,   \xc2\xab a \xc2\xbb  $3");
    assert_normal(both, "A.B", "a . b");
    assert_normal(both,
                  "\xff"
                  "A",
                  "\xff"
                  "a"); /* other bytes stay */
}

static void a_text_becomes_its_tokens(void **state) {
    (void)state;
    rr_vocab *vocab = vocab_of(RR_UNIT_WORD, BYTES("a b c d e\n"), 1, 0);
    rr_text_rules rules = {.unit = RR_UNIT_WORD, .normalise = {true, false}};
    rr_text_set set = {.count = 0};
    assert_ok(rr_text_set_add(&set, vocab, &rules, "t", BYTES("E a\nx")));
    assert_ok(rr_text_set_add(&set, vocab, &rules, "t", BYTES("  ")));
    assert_ok(rr_text_set_add(&set, vocab, &rules, "t", BYTES("d")));
    assert_int_equal(set.count, 3);
    assert_int_equal(set.lengths[0], 3); /* a line end is no token */
    assert_int_equal(set.lengths[1], 0);
    assert_int_equal(rr_text_set_at(&set, 0)[0], rr_vocab_id(vocab, BYTES("e")));
    assert_int_equal(rr_text_set_at(&set, 0)[2], rr_vocab_unk(vocab));
    assert_int_equal(rr_text_set_at(&set, 2)[0], rr_vocab_id(vocab, BYTES("d")));
    assert_int_equal(rr_text_set_longest(&set), 3);
    assert_int_equal(rr_text_set_most(&set, 1), 3);
    assert_int_equal(rr_text_set_most(&set, 2), 4);
    assert_int_equal(rr_text_set_most(&set, 9), 4);
    uint64_t hash = rr_text_set_hash(&set, 1);
    rr_text_set_drop(&set);
    assert_true(rr_text_set_hash(&set, 1) != hash);
    assert_ok(rr_text_set_add(&set, vocab, &rules, "t", BYTES("d")));
    assert_true(rr_text_set_hash(&set, 1) == hash);
    rr_text_set_free(&set);
    rr_vocab_free(vocab);
}

static void a_longer_text_keeps_its_head_or_its_tail(void **state) {
    (void)state;
    rr_vocab *vocab = vocab_of(RR_UNIT_CHAR, BYTES("abcde"), 1, 0);
    for (int keep = RR_KEEP_HEAD; keep <= RR_KEEP_TAIL; keep++)
        for (size_t most = 1; most <= 6; most++) {
            rr_text_rules rules = {.unit = RR_UNIT_CHAR, .max_length = most, .keep = (rr_keep)keep};
            rr_text_set set = {.count = 0};
            assert_ok(rr_text_set_add(&set, vocab, &rules, "t", BYTES("abcde")));
            assert_ok(rr_text_set_add(&set, vocab, &rules, "t", BYTES("b")));
            size_t kept = most < 5 ? most : 5, first = keep == RR_KEEP_HEAD ? 0 : 5 - kept;
            assert_int_equal(set.lengths[0], kept);
            assert_int_equal(set.cut, most < 5);
            for (size_t i = 0; i < kept; i++)
                assert_int_equal(rr_text_set_at(&set, 0)[i], rr_vocab_id(vocab, &"abcde"[first + i], 1));
            assert_int_equal(rr_text_set_at(&set, 1)[0], rr_vocab_id(vocab, "b", 1));
            rr_text_set_free(&set);
        }
    rr_vocab_free(vocab);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_gets_its_normal_form),
        cmocka_unit_test(a_text_becomes_its_tokens),
        cmocka_unit_test(a_longer_text_keeps_its_head_or_its_tail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
