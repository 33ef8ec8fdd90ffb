#include "data/vocab.h"

#include <stdlib.h>
#include <string.h>

#include "data/token_counts.h"
#include "data/tokenize.h"
#include "data/vocab_parts.h"

const char *const rr_unit_names[] = {"byte", "char", "word", NULL};

rr_status rr_token_table_add_specials(rr_token_table *table, rr_unit unit) {
    int32_t index;
    if (unit == RR_UNIT_BYTE) {
        for (int value = 0; value < 256; value++) RR_TRY(rr_token_table_add(table, &(char){(char)value}, 1, &index));
        return RR_OK;
    }
    RR_TRY(rr_token_table_add(table, RR_UNK, strlen(RR_UNK), &index));
    if (unit == RR_UNIT_WORD) RR_TRY(rr_token_table_add(table, RR_EOS, strlen(RR_EOS), &index));
    return RR_OK;
}

rr_status rr_vocab_create(rr_unit unit, rr_vocab **out) {
    rr_vocab *vocab = calloc(1, sizeof *vocab);
    if (vocab == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a vocabulary");
    *vocab = (rr_vocab){.unit = unit, .unk = -1, .eos = -1};
    *out = vocab;
    return RR_OK;
}

rr_status rr_vocab_finish(rr_vocab *vocab) {
    const rr_token_table *table = &vocab->table;
    if (vocab->unit == RR_UNIT_BYTE) {
        bool ordered = table->count == 256;
        for (uint32_t value = 0; value < 256; value++) ordered = ordered && table->single[value] == value + 1;
        return ordered ? RR_OK : rr_fail(RR_ERR_INPUT, "the tokens of unit byte must be the 256 bytes in order");
    }
    vocab->unk = rr_token_table_find(table, RR_UNK, strlen(RR_UNK));
    if (vocab->unk < 0) return rr_fail(RR_ERR_INPUT, "the token " RR_UNK " is missing");
    if (vocab->unit == RR_UNIT_CHAR) return RR_OK;
    vocab->eos = rr_token_table_find(table, RR_EOS, strlen(RR_EOS));
    return vocab->eos >= 0 ? RR_OK : rr_fail(RR_ERR_INPUT, "the token " RR_EOS " is missing");
}

typedef struct counted_token {
    uint64_t count;
    const char *bytes;
    size_t length;
} counted_token;

static int by_falling_count(const void *left, const void *right) {
    const counted_token *a = left, *b = right;
    if (a->count != b->count) return a->count < b->count ? 1 : -1;
    int order = memcmp(a->bytes, b->bytes, a->length < b->length ? a->length : b->length);
    if (order != 0) return order;
    return (a->length > b->length) - (a->length < b->length);
}

/* Adds the tokens that are frequent enough, in order, up to max_size ids. */
static rr_status add_frequent(const rr_token_counts *counts, size_t min_count, size_t max_size, rr_token_table *out) {
    size_t specials = out->count, found = 0, candidates = counts->table.count - specials;
    if (candidates == 0) return RR_OK;
    counted_token *sorted = malloc(candidates * sizeof *sorted);
    if (sorted == NULL) return rr_fail(RR_ERR_NOMEM, "no memory to sort %zu tokens", candidates);
    for (size_t i = specials; i < counts->table.count; i++) {
        uint64_t count = i < counts->capacity ? counts->counts[i] : 0;
        if (count == 0 || count < min_count) continue;
        sorted[found].count = count;
        sorted[found].bytes = rr_token_table_get(&counts->table, (int32_t)i, &sorted[found].length);
        found++;
    }
    qsort(sorted, found, sizeof *sorted, by_falling_count);
    rr_status status = RR_OK;
    for (size_t i = 0; i < found && status == RR_OK && (max_size == 0 || out->count < max_size); i++) {
        int32_t id;
        status = rr_token_table_add(out, sorted[i].bytes, sorted[i].length, &id);
    }
    free(sorted);
    return status;
}

rr_status rr_vocab_build(const rr_token_counts *counts, size_t min_count, size_t max_size, rr_vocab **out) {
    rr_vocab *vocab;
    RR_TRY(rr_vocab_create(counts->unit, &vocab));
    rr_status status = rr_token_table_add_specials(&vocab->table, counts->unit);
    if (status == RR_OK && max_size > 0 && max_size < vocab->table.count)
        status = rr_fail(RR_ERR_INPUT, "a vocabulary of unit %s has at least %zu ids, %zu are allowed",
                         rr_unit_names[counts->unit], vocab->table.count, max_size);
    if (status == RR_OK && counts->unit != RR_UNIT_BYTE)
        status = add_frequent(counts, min_count, max_size, &vocab->table);
    if (status == RR_OK) status = rr_vocab_finish(vocab);
    if (status != RR_OK) {
        rr_vocab_free(vocab);
        return status;
    }
    *out = vocab;
    return RR_OK;
}

void rr_vocab_free(rr_vocab *vocab) {
    if (vocab == NULL) return;
    rr_token_table_free(&vocab->table);
    free(vocab);
}

rr_unit rr_vocab_unit(const rr_vocab *vocab) { return vocab->unit; }
size_t rr_vocab_size(const rr_vocab *vocab) { return vocab->table.count; }
int32_t rr_vocab_unk(const rr_vocab *vocab) { return vocab->unk; }
int32_t rr_vocab_eos(const rr_vocab *vocab) { return vocab->eos; }

int32_t rr_vocab_id(const rr_vocab *vocab, const char *token, size_t length) {
    int32_t id = rr_token_table_find(&vocab->table, token, length);
    return id >= 0 ? id : vocab->unk;
}

const char *rr_vocab_token(const rr_vocab *vocab, int32_t id, size_t *length) {
    return rr_token_table_get(&vocab->table, id, length);
}

uint64_t rr_vocab_hash(const rr_vocab *vocab) { return rr_token_table_hash(&vocab->table, (uint64_t)vocab->unit); }

rr_status rr_vocab_encode(const rr_vocab *vocab, const char *name, const char *text, size_t length, bool eos,
                          rr_tokens *out) {
    size_t count_before = out->count, unknown_before = out->unknown;
    rr_status status;
    rr_tokenizer tokenizer;
    rr_token token;
    rr_tokenizer_start(&tokenizer, vocab->unit, name, text, length);
    while ((status = rr_tokenizer_next(&tokenizer, &token)) == RR_OK && token.kind != RR_TOKEN_STOP) {
        int32_t id = vocab->eos;
        if (token.kind == RR_TOKEN_TEXT) {
            id = rr_token_table_find(&vocab->table, token.bytes, token.length);
            if (id < 0) {
                id = vocab->unk;
                out->unknown++;
            }
        } else if (!eos) {
            continue;
        }
        if ((status = rr_tokens_push(out, id)) != RR_OK) break;
    }
    if (status != RR_OK) {
        out->count = count_before;
        out->unknown = unknown_before;
    }
    return status;
}

void rr_vocab_decode(const rr_vocab *vocab, int32_t id, rr_buffer *out) {
    size_t length;
    const char *bytes = rr_vocab_token(vocab, id, &length);
    if (vocab->unit == RR_UNIT_WORD) {
        if (id == vocab->eos) {
            rr_buffer_append(out, "\n", 1);
            return;
        }
        char before = out->length > 0 ? out->data[out->length - 1] : '\n';
        if (before != '\n' && before != '\t' && before != ' ') rr_buffer_append(out, " ", 1);
    }
    rr_buffer_append(out, bytes, length);
}
