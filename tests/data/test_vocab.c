#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "data/token_counts.h"
#include "text.h"

static void tokens_come_by_falling_count_and_ties_by_bytes(void **state) {
    (void)state;
    rr_vocab *vocab = vocab_of(RR_UNIT_WORD, BYTES("b a cc c a\nb aa \xc3\xa9 d a\n"), 1, 0);
    assert_int_equal(rr_vocab_unit(vocab), RR_UNIT_WORD);
    assert_int_equal(rr_vocab_size(vocab), 9);
    const char *const expected[] = {"<unk>", "<eos>", "a", "b", "aa", "c", "cc", "d", "\xc3\xa9"};
    for (int32_t id = 0; id < 9; id++) assert_token(vocab, id, expected[id], strlen(expected[id]));
    assert_int_equal(rr_vocab_unk(vocab), 0);
    assert_int_equal(rr_vocab_eos(vocab), 1);
    assert_int_equal(rr_vocab_id(vocab, BYTES("nowhere")), 0);
    rr_vocab_free(vocab);
}

static void a_literal_unk_or_eos_is_that_token_however_often_it_stands(void **state) {
    (void)state;
    const char text[] = "<unk> <unk> <unk> the <eos> <unk>\n";
    rr_vocab *vocab = vocab_of(RR_UNIT_WORD, BYTES(text), 1, 0);
    rr_tokens tokens = {0};
    assert_int_equal(rr_vocab_size(vocab), 3);
    assert_ok(rr_vocab_encode(vocab, "text", BYTES("<unk> the <eos> other <unk>\n"), true, &tokens));
    assert_ids(&tokens, (int32_t[]){0, 2, 1, 0, 0, 1}, 6);
    assert_int_equal(tokens.unknown, 1); /* "other": the text itself says <unk> twice */
    rr_tokens_free(&tokens);
    rr_vocab_free(vocab);
}

static void min_count_and_max_size_leave_rare_tokens_out(void **state) {
    (void)state;
    const char text[] = "a a a b b c\n";
    rr_vocab *vocab = vocab_of(RR_UNIT_WORD, BYTES(text), 2, 0);
    assert_int_equal(rr_vocab_size(vocab), 4);
    assert_token(vocab, 3, BYTES("b"));
    assert_int_equal(rr_vocab_id(vocab, BYTES("c")), 0);
    rr_vocab_free(vocab);
    static const size_t sizes[][2] = {{0, 5}, {2, 2}, {3, 3}, {4, 4}, {5, 5}, {6, 5}}; /* max_size, ids */
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        vocab = vocab_of(RR_UNIT_WORD, BYTES(text), 1, sizes[i][0]);
        assert_int_equal(rr_vocab_size(vocab), sizes[i][1]);
        rr_vocab_free(vocab);
    }
    rr_token_counts *counts = NULL;
    assert_ok(rr_token_counts_create(RR_UNIT_WORD, &counts));
    assert_refused(rr_vocab_build(counts, 1, 1, &vocab), "at least 2 ids, 1 are allowed");
    rr_token_counts_free(counts);
}

static void nothing_counted_gives_the_special_tokens(void **state) {
    (void)state;
    static const size_t sizes[] = {[RR_UNIT_BYTE] = 256, [RR_UNIT_CHAR] = 1, [RR_UNIT_WORD] = 2};
    for (int unit = 0; unit < 3; unit++) {
        rr_vocab *vocab = vocab_of((rr_unit)unit, "", 0, 1, 0);
        assert_int_equal(rr_vocab_size(vocab), sizes[unit]);
        rr_vocab_free(vocab);
    }
}

static void counts_of_several_texts_add_up(void **state) {
    (void)state;
    rr_token_counts *counts = NULL;
    rr_vocab *vocab = NULL;
    assert_ok(rr_token_counts_create(RR_UNIT_CHAR, &counts));
    assert_ok(rr_token_counts_add(counts, "one", BYTES("aab")));
    assert_ok(rr_token_counts_add(counts, "two", BYTES("bb")));
    assert_refused(rr_token_counts_add(counts, "three", BYTES("\xff")), "three:1:");
    assert_ok(rr_vocab_build(counts, 1, 0, &vocab));
    assert_int_equal(rr_vocab_size(vocab), 3);
    assert_token(vocab, 1, BYTES("b"));
    assert_token(vocab, 2, BYTES("a"));
    assert_int_equal(rr_vocab_eos(vocab), -1);
    rr_vocab_free(vocab);
    rr_token_counts_free(counts);
}

static void provisional_ids_are_those_of_first_appearance(void **state) {
    (void)state;
    rr_token_counts *counts = NULL;
    rr_tokens ids = {0};
    rr_vocab *vocab = NULL;
    assert_ok(rr_token_counts_create(RR_UNIT_WORD, &counts));
    assert_ok(rr_token_counts_index(counts, "text", BYTES("b a <unk> b\n<eos>\nc"), &ids));
    assert_ids(&ids, (int32_t[]){2, 3, 0, 2, 1, 1, 1, 4, 1}, 9);
    assert_ok(rr_token_counts_tally(counts, ids.ids, 4)); /* c is not counted */
    assert_ok(rr_vocab_build(counts, 0, 0, &vocab));
    assert_int_equal(rr_vocab_size(vocab), 4);
    rr_vocab_free(vocab);
    rr_tokens_free(&ids);
    rr_token_counts_free(counts);
}

static void bytes_are_their_own_ids(void **state) {
    (void)state;
    char all[256];
    for (int i = 0; i < 256; i++) all[i] = (char)(255 - i);
    rr_vocab *vocab = vocab_of(RR_UNIT_BYTE, BYTES("zzz"), 1, 0);
    rr_tokens tokens = {0};
    rr_buffer text = {0};
    assert_int_equal(rr_vocab_size(vocab), 256);
    assert_int_equal(rr_vocab_unk(vocab), -1);
    assert_int_equal(rr_vocab_eos(vocab), -1);
    assert_ok(rr_vocab_encode(vocab, "text", all, sizeof all, true, &tokens));
    assert_int_equal(tokens.count, 256);
    for (int i = 0; i < 256; i++) {
        assert_int_equal(tokens.ids[i], 255 - i);
        rr_vocab_decode(vocab, tokens.ids[i], &text);
    }
    assert_int_equal(text.length, 256);
    assert_memory_equal(text.data, all, 256);
    assert_int_equal(tokens.unknown, 0);
    rr_buffer_free(&text);
    rr_tokens_free(&tokens);
    rr_vocab_free(vocab);
}

static void encoding_appends_and_a_failure_leaves_what_was_there(void **state) {
    (void)state;
    rr_vocab *vocab = vocab_of(RR_UNIT_CHAR, BYTES("ba\n\xc3\xa9"), 1, 0); /* \n 1, a 2, b 3, e-acute 4 */
    rr_tokens tokens = {0};
    assert_ok(rr_vocab_encode(vocab, "text", BYTES("abx"), true, &tokens));
    assert_ok(rr_vocab_encode(vocab, "text", "", 0, true, &tokens));
    assert_ok(rr_vocab_encode(vocab, "text", BYTES("\xc3\xa9\r\n"), true, &tokens));
    assert_ids(&tokens, (int32_t[]){2, 3, 0, 4, 1}, 5);
    assert_int_equal(tokens.unknown, 1);
    assert_refused(rr_vocab_encode(vocab, "--prompt", BYTES("ayy\n\xc3"), true, &tokens), "--prompt:2: not UTF-8");
    assert_ids(&tokens, (int32_t[]){2, 3, 0, 4, 1}, 5);
    assert_int_equal(tokens.unknown, 1);
    rr_tokens_free(&tokens);
    rr_vocab_free(vocab);
}

static void without_eos_line_ends_leave_nothing(void **state) {
    (void)state;
    rr_vocab *vocab = vocab_of(RR_UNIT_WORD, BYTES("a b"), 1, 0);
    rr_tokens tokens = {0};
    assert_ok(rr_vocab_encode(vocab, "text", BYTES("a\nb <eos> a"), false, &tokens));
    assert_ids(&tokens, (int32_t[]){2, 3, 1, 2}, 4);
    rr_tokens_free(&tokens);
    rr_vocab_free(vocab);
}

static void decoded_words_stand_in_lines(void **state) {
    (void)state;
    rr_vocab *vocab = vocab_of(RR_UNIT_WORD, BYTES("a b"), 1, 0);
    const int32_t ids[] = {2, 3, 1, 2, 0, 1, 1, 3};
    rr_buffer text = {0};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) rr_vocab_decode(vocab, ids[i], &text);
    assert_string_equal(rr_buffer_text(&text), "a b\na <unk>\n\nb");
    rr_buffer_puts(&text, " "); /* a prompt that ends with a blank */
    rr_vocab_decode(vocab, 2, &text);
    assert_string_equal(rr_buffer_text(&text), "a b\na <unk>\n\nb a");
    rr_buffer_free(&text);
    rr_vocab_free(vocab);
}

/* Lengths around the growth of the array: 1024 and its double. */
static void any_number_of_tokens_is_encoded(void **state) {
    (void)state;
    static const size_t lengths[] = {0, 1, 1023, 1024, 1025, 2047, 2048, 2049, 30011};
    char *text = test_malloc(30011);
    for (size_t i = 0; i < 30011; i++) text[i] = (char)('a' + i % 7);
    rr_vocab *vocab = vocab_of(RR_UNIT_CHAR, text, 7, 1, 0);
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        rr_tokens tokens = {0};
        assert_ok(rr_vocab_encode(vocab, "text", text, lengths[k], true, &tokens));
        assert_int_equal(tokens.count, lengths[k]);
        for (size_t i = 0; i < lengths[k]; i++) assert_int_equal(tokens.ids[i], 1 + i % 7);
        rr_tokens_free(&tokens);
    }
    rr_vocab_free(vocab);
    test_free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_come_by_falling_count_and_ties_by_bytes),
        cmocka_unit_test(a_literal_unk_or_eos_is_that_token_however_often_it_stands),
        cmocka_unit_test(min_count_and_max_size_leave_rare_tokens_out),
        cmocka_unit_test(nothing_counted_gives_the_special_tokens),
        cmocka_unit_test(counts_of_several_texts_add_up),
        cmocka_unit_test(provisional_ids_are_those_of_first_appearance),
        cmocka_unit_test(bytes_are_their_own_ids),
        cmocka_unit_test(encoding_appends_and_a_failure_leaves_what_was_there),
        cmocka_unit_test(without_eos_line_ends_leave_nothing),
        cmocka_unit_test(decoded_words_stand_in_lines),
        cmocka_unit_test(any_number_of_tokens_is_encoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
