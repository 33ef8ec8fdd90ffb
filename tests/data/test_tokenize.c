#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "data/tokenize.h"
#include "text.h"

/* Tokens joined by "|", a line end is "$"; the text is copied, so that sanitizers see a read beyond it. */
static rr_status cut(rr_unit unit, const char *text, size_t length, rr_buffer *out) {
    char *copy = test_malloc(length + 1);
    memcpy(copy + 1, text, length); /* an odd address */
    rr_tokenizer tokenizer;
    rr_token token;
    rr_status status;
    rr_buffer_clear(out);
    rr_tokenizer_start(&tokenizer, unit, "a.txt", copy + 1, length);
    while ((status = rr_tokenizer_next(&tokenizer, &token)) == RR_OK && token.kind != RR_TOKEN_STOP) {
        if (token.kind == RR_TOKEN_LINE_END) {
            rr_buffer_puts(out, "$");
        } else {
            assert_true(token.length > 0);
            rr_buffer_append(out, token.bytes, token.length);
        }
        rr_buffer_puts(out, "|");
    }
    if (status == RR_OK) { /* and it stays over */
        assert_ok(rr_tokenizer_next(&tokenizer, &token));
        assert_int_equal(token.kind, RR_TOKEN_STOP);
    }
    test_free(copy);
    return status;
}

static void assert_cut_bytes(rr_unit unit, const char *text, size_t length, const char *expected,
                             size_t expected_length) {
    rr_buffer got = {0};
    assert_ok(cut(unit, text, length, &got));
    assert_int_equal(got.length, expected_length);
    assert_memory_equal(rr_buffer_text(&got), expected, expected_length);
    rr_buffer_free(&got);
}
#define assert_cut(unit, text, expected) assert_cut_bytes(unit, BYTES(text), BYTES(expected))

static void words_stand_between_blanks_and_lines_end_with_eos(void **state) {
    (void)state;
    assert_cut(RR_UNIT_WORD, "", "");
    assert_cut(RR_UNIT_WORD, "a", "a|$|");
    assert_cut(RR_UNIT_WORD, "a\n", "a|$|");
    assert_cut(RR_UNIT_WORD, " the cat \n sat\ton \n", "the|cat|$|sat|on|$|");
    assert_cut(RR_UNIT_WORD, "no it was n't black monday\nbut", "no|it|was|n't|black|monday|$|but|$|");
    assert_cut(RR_UNIT_WORD, "a  b", "a|b|$|");
}

static void an_empty_line_is_a_line_end_as_in_the_usual_reader(void **state) {
    (void)state;
    assert_cut(RR_UNIT_WORD, "\n", "$|");
    assert_cut(RR_UNIT_WORD, "\n\n", "$|$|");
    assert_cut(RR_UNIT_WORD, "a\n\nb\n", "a|$|$|b|$|");
    assert_cut(RR_UNIT_WORD, "a\n  \t\nb", "a|$|$|b|$|");
    assert_cut(RR_UNIT_WORD, "a\n ", "a|$|"); /* blanks behind the last newline are no line */
    assert_cut(RR_UNIT_WORD, "  ", "");
}

static void carriage_returns_and_a_byte_order_mark_leave_no_trace(void **state) {
    (void)state;
    assert_cut(RR_UNIT_WORD,
               "\xef\xbb\xbf"
               "a b\r\nc\r\n\r\n",
               "a|b|$|c|$|$|");
    assert_cut(RR_UNIT_CHAR,
               "\xef\xbb\xbf"
               "a\r\n\r\nb",
               "a|\n|\n|b|");
    assert_cut(RR_UNIT_CHAR, "\xef\xbb\xbf", "");
    assert_cut(RR_UNIT_CHAR, "\r\r\n\r", "\r|\n|\r|"); /* a lone CR is a char */
    assert_cut(RR_UNIT_CHAR, "a\xef\xbb\xbf", "a|\xef\xbb\xbf|");
    assert_cut(RR_UNIT_BYTE, "\xef\xbb\xbf\r\n", "\xef|\xbb|\xbf|\r|\n|"); /* bytes are as they are */
}

static void words_are_cut_at_every_blank_of_unicode_and_at_nothing_else(void **state) {
    (void)state;
    static const char *const blanks[] = {"\t",           "\v",           "\f",
                                         "\r",           "\x1c",         "\x1d",
                                         "\x1e",         "\x1f",         " ",
                                         "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80",
                                         "\xe2\x80\x80", "\xe2\x80\x81", "\xe2\x80\x82",
                                         "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85",
                                         "\xe2\x80\x86", "\xe2\x80\x87", "\xe2\x80\x88",
                                         "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8",
                                         "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f",
                                         "\xe3\x80\x80"};
    static const char *const letters[] = {"\x1b",         "\x7f",         "\xc2\x84",     "\xc2\xa1",
                                          "\xe1\x9a\x81", "\xe2\x80\x8b", "\xe2\x80\xa7", "\xe2\x80\xaa",
                                          "\xe2\x80\xae", "\xe2\x80\xb0", "\xe3\x80\x81", "\xe2\x80",
                                          "\xc2",         "\xff",         "\xe3"};
    char text[16], expected[32];
    for (size_t i = 0; i < sizeof blanks / sizeof *blanks; i++) {
        snprintf(text, sizeof text, "%sa%s%sb%s", blanks[i], blanks[i], blanks[i], blanks[i]);
        assert_cut_bytes(RR_UNIT_WORD, text, strlen(text), BYTES("a|b|$|"));
    }
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++) {
        snprintf(text, sizeof text, "%sa%sb%s", letters[i], letters[i], letters[i]);
        snprintf(expected, sizeof expected, "%s|$|", text);
        assert_cut_bytes(RR_UNIT_WORD, text, strlen(text), expected, strlen(expected));
    }
}

static void words_hold_any_other_byte(void **state) {
    (void)state;
    assert_cut(RR_UNIT_WORD, "a\0b \xff\xfe c", "a\0b|\xff\xfe|c|$|");
}

static void chars_are_code_points(void **state) {
    (void)state;
    assert_cut(RR_UNIT_CHAR, "", "");
    assert_cut(RR_UNIT_CHAR, "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z", "a|\xc3\xa9|\xe2\x82\xac|\xf0\x9f\x98\x80|z|");
    assert_cut(RR_UNIT_CHAR, "e\xcc\x81", "e|\xcc\x81|"); /* an accent of its own is a char */
    assert_cut(RR_UNIT_CHAR, "\0\x7f", "\0|\x7f|");
    assert_cut(RR_UNIT_CHAR, "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf|");
}

static void what_is_not_utf8_is_refused_with_line_and_byte(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *words;
    } cases[] = {
        {"\x80", "a.txt:1: not UTF-8: byte 0x80 at byte 1 of the line"},
        {"ab\xff", "a.txt:1: not UTF-8: byte 0xFF at byte 3 of the line"},
        {"one\ntwo\nthr\xe9"
         "e\n",
         "a.txt:3: not UTF-8: byte 0xE9 at byte 4 of the line"},
        {"\n\n\xc3", "a.txt:3: not UTF-8: byte 0xC3 at byte 1 of the line"},
        {"\xc3\xa9\n\xc3(", "a.txt:2: not UTF-8: byte 0xC3 at byte 1 of the line"},
        {"\xc0\xaf", "byte 0xC0"},         /* overlong */
        {"\xe0\x80\xaf", "byte 0xE0"},     /* overlong */
        {"\xed\xa0\x80", "byte 0xED"},     /* a surrogate */
        {"\xf4\x90\x80\x80", "byte 0xF4"}, /* beyond U+10FFFF */
        {"\xf0\x9f\x98", "byte 0xF0"},     /* cut off */
    };
    rr_buffer got = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_refused(cut(RR_UNIT_CHAR, cases[i].text, strlen(cases[i].text), &got), cases[i].words);
    rr_buffer_free(&got);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_stand_between_blanks_and_lines_end_with_eos),
        cmocka_unit_test(an_empty_line_is_a_line_end_as_in_the_usual_reader),
        cmocka_unit_test(carriage_returns_and_a_byte_order_mark_leave_no_trace),
        cmocka_unit_test(words_are_cut_at_every_blank_of_unicode_and_at_nothing_else),
        cmocka_unit_test(words_hold_any_other_byte),
        cmocka_unit_test(chars_are_code_points),
        cmocka_unit_test(what_is_not_utf8_is_refused_with_line_and_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
