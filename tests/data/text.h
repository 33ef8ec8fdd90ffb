/* Short ways to say a test's input and what is expected of it. Include after cmocka.h. */
#ifndef RR_TESTS_DATA_TEXT_H
#define RR_TESTS_DATA_TEXT_H

#include <string.h>

#include "data/vocab.h"

/* Bytes and their number, NULs among them. */
#define BYTES(literal) (literal), sizeof(literal) - 1

static inline void assert_ok(rr_status status) {
    if (status != RR_OK) fail_msg("status %d: %s", (int)status, rr_last_error());
}

/* An input error whose message holds these words. */
static inline void assert_refused(rr_status status, const char *words) {
    assert_int_equal(status, RR_ERR_INPUT);
    if (strstr(rr_last_error(), words) == NULL) fail_msg("\"%s\" is not in: %s", words, rr_last_error());
}

static inline rr_vocab *vocab_of(rr_unit unit, const char *text, size_t length, size_t min_count, size_t max_size) {
    rr_token_counts *counts = NULL;
    rr_vocab *vocab = NULL;
    assert_ok(rr_token_counts_create(unit, &counts));
    assert_ok(rr_token_counts_add(counts, "text", text, length));
    assert_ok(rr_vocab_build(counts, min_count, max_size, &vocab));
    rr_token_counts_free(counts);
    return vocab;
}

static inline void assert_token(const rr_vocab *vocab, int32_t id, const char *bytes, size_t length) {
    size_t got_length = 0;
    const char *got = rr_vocab_token(vocab, id, &got_length);
    assert_int_equal(got_length, length);
    assert_memory_equal(got, bytes, length);
    assert_int_equal(got[length], 0);
    assert_int_equal(rr_vocab_id(vocab, bytes, length), id);
}

static inline void assert_ids(const rr_tokens *tokens, const int32_t *ids, size_t count) {
    assert_int_equal(tokens->count, count);
    for (size_t i = 0; i < count; i++) assert_int_equal(tokens->ids[i], ids[i]);
}

#endif
