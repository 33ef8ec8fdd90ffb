#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "data/vocab_parts.h"
#include "support/scratch.h"
#include "text.h"

static rr_vocab *parse(rr_unit unit, const char *text, size_t length) {
    rr_vocab *vocab = NULL;
    assert_ok(rr_vocab_parse(unit, "v.txt", text, length, &vocab));
    return vocab;
}

static void assert_tokens(rr_vocab *vocab, const char *const *expected, int32_t unk, int32_t eos) {
    int32_t count = 0;
    for (; expected[count] != NULL; count++) assert_token(vocab, count, expected[count], strlen(expected[count]));
    assert_int_equal(rr_vocab_size(vocab), count);
    assert_int_equal(rr_vocab_unk(vocab), unk);
    assert_int_equal(rr_vocab_eos(vocab), eos);
    rr_vocab_free(vocab);
}
#define TOKENS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void special_tokens_that_are_missing_come_first(void **state) {
    (void)state;
    assert_tokens(parse(RR_UNIT_WORD, BYTES("the\nof\n")), TOKENS("<unk>", "<eos>", "the", "of"), 0, 1);
    assert_tokens(parse(RR_UNIT_WORD, BYTES("the\n<unk>\nof")), TOKENS("<eos>", "the", "<unk>", "of"), 2, 0);
    assert_tokens(parse(RR_UNIT_WORD, BYTES("<eos>\nthe\n")), TOKENS("<unk>", "<eos>", "the"), 0, 1);
    assert_tokens(parse(RR_UNIT_WORD, BYTES("x\n<eos>\n<unk>\n")), TOKENS("x", "<eos>", "<unk>"), 2, 1);
    assert_tokens(parse(RR_UNIT_CHAR, BYTES("b\na\n")), TOKENS("<unk>", "b", "a"), 0, -1);
    assert_tokens(parse(RR_UNIT_CHAR, BYTES("b\n<unk>\n")), TOKENS("b", "<unk>"), 1, -1);
}

static void carriage_returns_and_a_byte_order_mark_are_understood(void **state) {
    (void)state;
    assert_tokens(parse(RR_UNIT_WORD, BYTES("\xef\xbb\xbf<unk>\r\n<eos>\r\nthe\r\n")), TOKENS("<unk>", "<eos>", "the"),
                  0, 1);
}

static void chars_that_no_line_can_hold_are_escaped(void **state) {
    (void)state;
    assert_tokens(parse(RR_UNIT_CHAR, BYTES("\\n\n\\t\n\\\\\n\\r\n \n\xc3\xa9\n")),
                  TOKENS("<unk>", "\n", "\t", "\\", "\r", " ", "\xc3\xa9"), 0, -1);
    assert_tokens(parse(RR_UNIT_CHAR, BYTES("\\\nn\n")), TOKENS("<unk>", "\\", "n"), 0, -1);
    assert_tokens(parse(RR_UNIT_WORD, BYTES("\\n\n")), TOKENS("<unk>", "<eos>", "\\n"), 0, 1); /* words: as it is */
}

static void a_wrong_line_is_refused_with_its_number(void **state) {
    (void)state;
    rr_vocab *vocab = NULL;
    assert_refused(rr_vocab_parse(RR_UNIT_WORD, "v.txt", "", 0, &vocab), "v.txt: is empty");
    assert_refused(rr_vocab_parse(RR_UNIT_WORD, "v.txt", BYTES("a\n\nb\n"), &vocab), "v.txt:2: is empty");
    assert_refused(rr_vocab_parse(RR_UNIT_WORD, "v.txt", BYTES("a\nb 17\n"), &vocab), "v.txt:2: holds blanks");
    assert_refused(rr_vocab_parse(RR_UNIT_WORD, "v.txt", BYTES("a\n\tb\n"), &vocab), "v.txt:2: holds blanks");
    assert_refused(rr_vocab_parse(RR_UNIT_WORD, "v.txt", BYTES("a\nbb\nc\nbb"), &vocab),
                   "v.txt:4: this token stands in line 2 already");
    assert_refused(rr_vocab_parse(RR_UNIT_WORD, "v.txt", BYTES("<unk>\na\n<unk>\n"), &vocab),
                   "v.txt:3: this token stands in line 1 already");
    assert_refused(rr_vocab_parse(RR_UNIT_CHAR, "v.txt", BYTES("a\nbc\n"), &vocab), "v.txt:2: holds 2 characters");
    assert_refused(rr_vocab_parse(RR_UNIT_CHAR, "v.txt", BYTES("a\n\xff\n"), &vocab), "v.txt:2: not UTF-8");
    assert_refused(rr_vocab_parse(RR_UNIT_CHAR, "v.txt", BYTES("a\n\n\n"), &vocab), "v.txt:2: is empty");
    assert_refused(rr_vocab_parse(RR_UNIT_BYTE, "v.txt", BYTES("a\n"), &vocab), "bytes have no vocabulary file");
    assert_null(vocab);
}

static void a_file_is_read(void **state) {
    const char *path = scratch_path(*state, "vocab.txt");
    rr_vocab *vocab = NULL;
    assert_ok(rr_file_write(path, BYTES("the\ncat")));
    assert_ok(rr_vocab_read(RR_UNIT_WORD, path, &vocab));
    assert_tokens(vocab, TOKENS("<unk>", "<eos>", "the", "cat"), 0, 1);
    assert_refused(rr_vocab_read(RR_UNIT_WORD, scratch_path(*state, "absent"), &vocab), "absent: No such file");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(special_tokens_that_are_missing_come_first),
        cmocka_unit_test(carriage_returns_and_a_byte_order_mark_are_understood),
        cmocka_unit_test(chars_that_no_line_can_hold_are_escaped),
        cmocka_unit_test(a_wrong_line_is_refused_with_its_number),
        cmocka_unit_test_setup_teardown(a_file_is_read, scratch_open, scratch_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
