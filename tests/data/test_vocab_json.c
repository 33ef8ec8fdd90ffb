#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "data/tokenize.h"
#include "data/vocab_parts.h"
#include "text.h"

/* To JSON, back, and to JSON again: the same tokens and the same text. */
static void assert_round_trip(const rr_vocab *vocab) {
    rr_buffer json = {0}, again = {0};
    rr_vocab *copy = NULL;
    assert_ok(rr_vocab_to_json(vocab, &json));
    assert_true(rr_text_is_utf8(json.data, json.length, NULL));
    assert_int_equal(strlen(json.data), json.length);
    assert_ok(rr_vocab_from_json(json.data, &copy));
    assert_int_equal(rr_vocab_unit(copy), rr_vocab_unit(vocab));
    assert_int_equal(rr_vocab_size(copy), rr_vocab_size(vocab));
    assert_int_equal(rr_vocab_unk(copy), rr_vocab_unk(vocab));
    assert_int_equal(rr_vocab_eos(copy), rr_vocab_eos(vocab));
    for (int32_t id = 0; id < (int32_t)rr_vocab_size(vocab); id++) {
        size_t length;
        const char *bytes = rr_vocab_token(vocab, id, &length);
        assert_token(copy, id, bytes, length);
    }
    assert_true(rr_vocab_hash(copy) == rr_vocab_hash(vocab));
    assert_ok(rr_vocab_to_json(copy, &again));
    assert_string_equal(json.data, again.data);
    rr_vocab_free(copy);
    rr_buffer_free(&json);
    rr_buffer_free(&again);
}

static void a_vocabulary_is_readable_json(void **state) {
    (void)state;
    rr_vocab *vocab = vocab_of(RR_UNIT_WORD, BYTES("the \"q\\ \xc3\xa9 a\0b h\xff"), 1, 0);
    rr_buffer json = {0};
    assert_ok(rr_vocab_to_json(vocab, &json));
    assert_string_equal(json.data,
                        "{\"unit\":\"word\",\"tokens\":[\"<unk>\",\"<eos>\",\"\\\"q\\\\\",[97,0,98],[104,255],"
                        "\"the\",\"\xc3\xa9\"]}");
    rr_buffer_free(&json);
    assert_round_trip(vocab);
    rr_vocab_free(vocab);
}

static void nasty_bytes_come_back(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t length;
    } texts[] = {
        {BYTES("\\u0000 \\\\u0000 \\ \\\\ \" \\\" / \b \x01 \x7f [1,2] {} null \\udc80")},
        {BYTES("\0 \0\0 a\0 \0a")},
        {BYTES("\xff \xc3 \xed\xa0\x80 \xf4\x90\x80\x80 \xc0\x80 \xe2\x80\x8b \xef\xbf\xbf \xf0\x9f\x98\x80 "
               "\xef\xbf\xbd")},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        rr_vocab *vocab = vocab_of(RR_UNIT_WORD, texts[i].text, texts[i].length, 1, 0);
        assert_round_trip(vocab);
        rr_vocab_free(vocab);
    }
    rr_vocab *chars =
        vocab_of(RR_UNIT_CHAR, BYTES("\0\x01\n\r\t\"\\\x7f\xe2\x80\xa8\xef\xbf\xbf\xf0\x9f\x98\x80"), 1, 0);
    assert_int_equal(rr_vocab_size(chars), 12);
    assert_round_trip(chars);
    rr_vocab_free(chars);
    rr_vocab *bytes = vocab_of(RR_UNIT_BYTE, "", 0, 1, 0);
    assert_round_trip(bytes);
    rr_vocab_free(bytes);
}

static void random_bytes_come_back(void **state) {
    (void)state;
    enum { WORDS = 20011 };
    rr_buffer text = {0};
    for (uint32_t i = 0; i < WORDS; i++) {
        uint32_t random[4];
        rr_philox(7, RR_RNG_TEST, (uint32_t[4]){i}, random);
        rr_buffer_append(&text, random, 1 + random[3] % 12);
        rr_buffer_append(&text, " ", 1);
    }
    rr_vocab *vocab = vocab_of(RR_UNIT_WORD, text.data, text.length, 1, 0);
    assert_true(rr_vocab_size(vocab) > WORDS / 2);
    assert_round_trip(vocab);
    rr_vocab_free(vocab);
    rr_buffer_free(&text);
}

static void a_vocabulary_from_a_file_keeps_the_places_of_its_special_tokens(void **state) {
    (void)state;
    rr_vocab *vocab = NULL;
    assert_ok(rr_vocab_parse(RR_UNIT_WORD, "v.txt", BYTES("the\n<unk>\nof\n"), &vocab));
    assert_round_trip(vocab);
    rr_vocab_free(vocab);
}

static void blanks_between_values_are_fine(void **state) {
    (void)state;
    rr_vocab *vocab = NULL;
    assert_ok(
        rr_vocab_from_json(" { \"tokens\" : [ \"<unk>\" , [ 97 ] , \"\\u00e9\" ] , \"unit\" : \"char\" } \n", &vocab));
    assert_int_equal(rr_vocab_size(vocab), 3);
    assert_token(vocab, 1, BYTES("a"));
    assert_token(vocab, 2, BYTES("\xc3\xa9"));
    rr_vocab_free(vocab);
}

static void a_wrong_document_is_refused(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"", "not JSON"},
        {"{\"unit\":\"word\",\"tokens\":[\"<unk>\",\"<eos>\"]", "not JSON"},
        {"{\"unit\":\"word\",\"tokens\":[\"<unk>\",\"<eos>\"]} x", "not JSON"},
        {"[]", "\"unit\" must be"},
        {"{\"tokens\":[]}", "\"unit\" must be"},
        {"{\"unit\":\"line\",\"tokens\":[]}", "\"unit\" must be"},
        {"{\"unit\":3,\"tokens\":[]}", "\"unit\" must be"},
        {"{\"unit\":\"word\"}", "\"tokens\" must be"},
        {"{\"unit\":\"word\",\"tokens\":{}}", "\"tokens\" must be"},
        {"{\"unit\":\"word\",\"tokens\":[\"<eos>\",\"a\"]}", "<unk> is missing"},
        {"{\"unit\":\"word\",\"tokens\":[\"<unk>\",\"a\"]}", "<eos> is missing"},
        {"{\"unit\":\"char\",\"tokens\":[\"a\"]}", "<unk> is missing"},
        {"{\"unit\":\"char\",\"tokens\":[\"<unk>\",\"ab\"]}", "token 1: is not one character"},
        {"{\"unit\":\"char\",\"tokens\":[\"<unk>\",[255]]}", "token 1: is not one character"},
        {"{\"unit\":\"word\",\"tokens\":[\"<unk>\",\"<eos>\",\"a\",\"b\",\"a\"]}", "token 4: is that of id 2 again"},
        {"{\"unit\":\"word\",\"tokens\":[\"<unk>\",\"<eos>\",\"a\",[97]]}", "token 3: is that of id 2 again"},
        {"{\"unit\":\"word\",\"tokens\":[\"<unk>\",\"<eos>\",\"\"]}", "token 2: is empty"},
        {"{\"unit\":\"word\",\"tokens\":[\"<unk>\",\"<eos>\",[]]}", "token 2: is empty"},
        {"{\"unit\":\"word\",\"tokens\":[\"<unk>\",\"<eos>\",7]}", "token 2: neither a string nor an array"},
        {"{\"unit\":\"word\",\"tokens\":[\"<unk>\",\"<eos>\",null]}", "token 2: neither a string nor an array"},
        {"{\"unit\":\"word\",\"tokens\":[\"<unk>\",\"<eos>\",[256]]}", "token 2: a byte value"},
        {"{\"unit\":\"word\",\"tokens\":[\"<unk>\",\"<eos>\",[-1]]}", "token 2: a byte value"},
        {"{\"unit\":\"word\",\"tokens\":[\"<unk>\",\"<eos>\",[1.5]]}", "token 2: a byte value"},
        {"{\"unit\":\"word\",\"tokens\":[\"<unk>\",\"<eos>\",[\"a\"]]}", "token 2: a byte value"},
        {"{\"unit\":\"word\",\"tokens\":[\"<unk>\",\"<eos>\",\"a\\u0000b\"]}", "u0000"},
        {"{\"unit\":\"byte\",\"tokens\":[[0],[1]]}", "must be the 256 bytes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rr_vocab *vocab = NULL;
        assert_refused(rr_vocab_from_json(cases[i][0], &vocab), cases[i][1]);
        assert_refused(RR_ERR_INPUT, "vocabulary: ");
        assert_null(vocab);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_vocabulary_is_readable_json),
        cmocka_unit_test(nasty_bytes_come_back),
        cmocka_unit_test(random_bytes_come_back),
        cmocka_unit_test(a_vocabulary_from_a_file_keeps_the_places_of_its_special_tokens),
        cmocka_unit_test(blanks_between_values_are_fine),
        cmocka_unit_test(a_wrong_document_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
