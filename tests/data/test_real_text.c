/* Published texts, read and written again. They are not part of the project: absent ones are skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/file.h"
#include "text.h"

static void read_or_skip(const char *name, rr_buffer *out) {
    const char *folder = getenv("RINGRNN_TEST_DATA");
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder != NULL ? folder : TEST_DATA_FOLDER, name);
    if (!rr_file_exists(path)) {
        print_message("skipped: %s is not there; RINGRNN_TEST_DATA names the folder it is in\n", path);
        skip();
    }
    assert_ok(rr_file_read(path, out));
}

static void decode(const rr_vocab *vocab, const rr_tokens *tokens, rr_buffer *out) {
    for (size_t i = 0; i < tokens->count; i++) rr_vocab_decode(vocab, tokens->ids[i], out);
}

/* Chars and bytes come back exactly; words with one blank between them, which is the same text to a second reading. */
static void assert_round_trip(const rr_buffer *text, rr_unit unit, size_t vocab_size, size_t tokens_expected) {
    rr_vocab *vocab = vocab_of(unit, text->data, text->length, 1, 0);
    rr_tokens first = {0}, second = {0};
    rr_buffer decoded = {0};
    assert_ok(rr_vocab_encode(vocab, "text", text->data, text->length, true, &first));
    assert_int_equal(rr_vocab_size(vocab), vocab_size);
    assert_int_equal(first.count, tokens_expected);
    assert_int_equal(first.unknown, 0);
    decode(vocab, &first, &decoded);
    if (unit != RR_UNIT_WORD) {
        assert_int_equal(decoded.length, text->length);
        assert_memory_equal(decoded.data, text->data, text->length);
    }
    assert_ok(rr_vocab_encode(vocab, "decoded", decoded.data, decoded.length, true, &second));
    assert_int_equal(second.count, first.count);
    assert_memory_equal(second.ids, first.ids, first.count * sizeof *first.ids);
    rr_tokens_free(&first);
    rr_tokens_free(&second);
    rr_buffer_free(&decoded);
    rr_vocab_free(vocab);
}

/* The counts are Python's: len(set(text)), len(text); len(set(text.split())), len(text.split()) + text.count("\n"). */
static void tinyshakespeare_comes_back(void **state) {
    (void)state;
    rr_buffer text = {0};
    read_or_skip("tinyshakespeare/input.txt", &text);
    assert_round_trip(&text, RR_UNIT_BYTE, 256, 1115394);
    assert_round_trip(&text, RR_UNIT_CHAR, 65 + 1, 1115394);
    assert_round_trip(&text, RR_UNIT_WORD, 25670 + 2, 242651);
    rr_buffer_free(&text);
}

static void french_and_english_come_back(void **state) {
    (void)state;
    rr_buffer text = {0};
    read_or_skip("tatoeba/fra.txt", &text);
    assert_round_trip(&text, RR_UNIT_BYTE, 256, 10009515);
    assert_round_trip(&text, RR_UNIT_CHAR, 121 + 1, 9856555);
    assert_round_trip(&text, RR_UNIT_WORD, 64690 + 2, 1981467);
    rr_buffer_free(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tinyshakespeare_comes_back),
        cmocka_unit_test(french_and_english_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
