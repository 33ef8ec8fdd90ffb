/* Byte pair encoding: what subword-nmt 0.3.8 learns from, and makes of, the same words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "data/bpe.h"
#include "data/bpe_learn.h"

static const char *const lines[] = {"low low low low low lower lower", "newest newest newest newest newest newest",
                                    "widest widest widest", "", " two  blanks "};

static void learn(size_t merges, uint64_t min_count, rr_buffer *out) {
    rr_word_counts counts = {.capacity = 0};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        assert_int_equal(rr_word_counts_add(&counts, lines[i], strlen(lines[i])), RR_OK);
    assert_int_equal(rr_bpe_learn(&counts, merges, min_count, out), RR_OK);
    rr_word_counts_free(&counts);
}

static void pairs_are_merged_by_their_counts_and_then_by_their_bytes(void **state) {
    (void)state;
    rr_buffer codes = {0};
    learn(8, 2, &codes);
    assert_string_equal(codes.data,
                        "#version: 0.2\ns t</w>\ne st</w>\nl o\nw est</w>\nn e\nne west</w>\nlo w</w>\nw i\n");
    rr_buffer_clear(&codes);
    learn(1000, 7, &codes);
    assert_string_equal(codes.data, "#version: 0.2\ns t</w>\ne st</w>\nl o\n");
    rr_buffer_free(&codes);
}

static void applied(const char *codes, const char *text, const char *expected) {
    rr_bpe *bpe = NULL;
    rr_buffer out = {0};
    assert_int_equal(rr_bpe_parse("codes", codes, strlen(codes), &bpe), RR_OK);
    assert_int_equal(rr_bpe_apply(bpe, text, strlen(text), &out), RR_OK);
    assert_string_equal(rr_buffer_text(&out), expected);
    rr_buffer_free(&out);
    rr_bpe_free(bpe);
}

static void words_are_split_by_the_codes_that_were_learnt_first(void **state) {
    (void)state;
    rr_buffer codes = {0};
    learn(8, 2, &codes);
    applied(codes.data, "lowest  newer \xc3\xa9 wide ", "lo@@ west ne@@ w@@ e@@ r \xc3\xa9 wi@@ d@@ e ");
    applied("#version: 0.2\r\na b</w>\r\n\r\n", "ab aab", "ab a@@ ab");
    applied("a b\nab </w>\n", "ab aab aba", "ab a@@ ab ab@@ a"); /* version 0.1 */
    applied("#version: 0.2\na a\n", "aaaa", "aa@@ a@@ a");
    applied("#version: 0.2\na b\n", "", "");
    rr_buffer_free(&codes);
}

static void what_are_no_codes_is_named_with_its_line(void **state) {
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {{"#version: 0.2\na b\nabc\n", "codes:3"}, {"#version: 0.2\na b c\n", "codes:2"},  {"a \n", "codes:1"},
                 {"#version: 0.2\n", "no merges"},         {"#version: 0.2\n\xff b\n", "codes:2"}, {"", "no merges"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rr_bpe *bpe = NULL;
        assert_int_equal(rr_bpe_parse("codes", cases[i].text, strlen(cases[i].text), &bpe), RR_ERR_INPUT);
        assert_non_null(strstr(rr_last_error(), cases[i].words));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(pairs_are_merged_by_their_counts_and_then_by_their_bytes),
                                       cmocka_unit_test(words_are_split_by_the_codes_that_were_learnt_first),
                                       cmocka_unit_test(what_are_no_codes_is_named_with_its_line)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
