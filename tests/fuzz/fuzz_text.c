/*
 * Any bytes as a text, a vocabulary file and a vocabulary's JSON, by the first byte. What is accepted must come back:
 * text through ids, vocabularies through JSON.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "data/token_counts.h"
#include "data/vocab_parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void require(int fact) {
    if (!fact) abort();
}

/* Refusals are errors of the input, with words. */
static int accepted(rr_status status) {
    if (status == RR_OK) return 1;
    require(status == RR_ERR_INPUT && rr_last_error()[0] != 0);
    return 0;
}

static void check_json(const rr_vocab *vocab) {
    rr_buffer json = {0}, again = {0};
    rr_vocab *copy = NULL;
    require(rr_vocab_to_json(vocab, &json) == RR_OK);
    require(rr_vocab_from_json(json.data, &copy) == RR_OK);
    require(rr_vocab_hash(copy) == rr_vocab_hash(vocab) && rr_vocab_unit(copy) == rr_vocab_unit(vocab));
    require(rr_vocab_unk(copy) == rr_vocab_unk(vocab) && rr_vocab_eos(copy) == rr_vocab_eos(vocab));
    require(rr_vocab_to_json(copy, &again) == RR_OK);
    require(strcmp(json.data, again.data) == 0);
    rr_vocab_free(copy);
    rr_buffer_free(&json);
    rr_buffer_free(&again);
}

/* Ids to text and back. A char vocabulary has <unk> alone as a token of more than one char; it is not written. */
static void check_decoding(const rr_vocab *vocab, const rr_tokens *ids) {
    rr_buffer text = {0};
    rr_tokens again = {0};
    for (size_t i = 0; i < ids->count; i++) rr_vocab_decode(vocab, ids->ids[i], &text);
    int starts_with_mark = text.length >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0;
    int has_crlf = text.length > 0 && memmem(text.data, text.length, "\r\n", 2) != NULL;
    if (rr_vocab_unit(vocab) == RR_UNIT_BYTE || (!starts_with_mark && !has_crlf)) {
        require(rr_vocab_encode(vocab, "decoded", rr_buffer_text(&text), text.length, true, &again) == RR_OK);
        require(again.count == ids->count);
        require(ids->count == 0 || memcmp(again.ids, ids->ids, ids->count * sizeof *ids->ids) == 0);
    }
    rr_tokens_free(&again);
    rr_buffer_free(&text);
}

static void check_text(rr_unit unit, const char *text, size_t length) {
    rr_token_counts *counts = NULL, *provisional = NULL;
    rr_vocab *vocab = NULL, *small = NULL;
    rr_tokens ids = {0}, first = {0}, few = {0};
    require(rr_token_counts_create(unit, &counts) == RR_OK && rr_token_counts_create(unit, &provisional) == RR_OK);
    int fine = accepted(rr_token_counts_add(counts, "fuzz", text, length));
    require(rr_vocab_build(counts, 1, 0, &vocab) == RR_OK);
    require(rr_vocab_build(counts, 2, 256, &small) == RR_OK && rr_vocab_size(small) <= 256);
    require(accepted(rr_vocab_encode(vocab, "fuzz", text, length, true, &ids)) == fine);
    require(accepted(rr_token_counts_index(provisional, "fuzz", text, length, &first)) == fine);
    require(accepted(rr_vocab_encode(small, "fuzz", text, length, true, &few)) == fine);
    require(ids.count == first.count && ids.count == few.count && ids.unknown == 0 && few.unknown <= few.count);
    for (size_t i = 0; i < ids.count; i++) {
        size_t token_length;
        const char *token = rr_token_table_get(&provisional->table, first.ids[i], &token_length);
        require(rr_vocab_id(vocab, token, token_length) == ids.ids[i]);
        require(few.ids[i] >= 0 && (size_t)few.ids[i] < rr_vocab_size(small));
    }
    check_decoding(vocab, &ids);
    check_json(vocab);
    rr_tokens_free(&ids);
    rr_tokens_free(&first);
    rr_tokens_free(&few);
    rr_vocab_free(vocab);
    rr_vocab_free(small);
    rr_token_counts_free(counts);
    rr_token_counts_free(provisional);
}

static void check_vocab(rr_status status, rr_vocab *const *vocab) {
    if (!accepted(status)) return;
    check_json(*vocab);
    rr_vocab_free(*vocab);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    if (length == 0) return 0;
    char kind = (char)bytes[0];
    size_t text_length = length - 1;
    char *text = malloc(length); /* of that size, so that a sanitizer sees a read beyond it */
    require(text != NULL);
    memcpy(text, bytes + 1, text_length);
    text[text_length] = 0; /* for the JSON */
    rr_vocab *vocab = NULL;
    switch (kind) {
    case 'b':
        check_text(RR_UNIT_BYTE, text, text_length);
        break;
    case 'c':
        check_text(RR_UNIT_CHAR, text, text_length);
        break;
    case 'w':
        check_text(RR_UNIT_WORD, text, text_length);
        break;
    case 'C':
        check_vocab(rr_vocab_parse(RR_UNIT_CHAR, "fuzz", text, text_length, &vocab), &vocab);
        break;
    case 'W':
        check_vocab(rr_vocab_parse(RR_UNIT_WORD, "fuzz", text, text_length, &vocab), &vocab);
        break;
    case 'j':
        check_vocab(rr_vocab_from_json(text, &vocab), &vocab);
        break;
    default:
        break;
    }
    free(text);
    return 0;
}
