#include "data/token_counts.h"

#include <stdlib.h>
#include <string.h>

#include "data/tokenize.h"
#include "data/vocab_parts.h"

rr_status rr_token_counts_create(rr_unit unit, rr_token_counts **out) {
    rr_token_counts *counts = calloc(1, sizeof *counts);
    if (counts == NULL) return rr_fail(RR_ERR_NOMEM, "no memory to count tokens");
    counts->unit = unit;
    rr_status status = rr_token_table_add_specials(&counts->table, unit);
    if (status != RR_OK) {
        rr_token_counts_free(counts);
        return status;
    }
    *out = counts;
    return RR_OK;
}

static rr_status reserve(rr_token_counts *counts) {
    size_t need = counts->table.count;
    if (need <= counts->capacity) return RR_OK;
    size_t capacity = need * 2;
    uint64_t *grown = realloc(counts->counts, capacity * sizeof *grown);
    if (grown == NULL) return rr_fail(RR_ERR_NOMEM, "no memory to count %zu different tokens", need);
    memset(grown + counts->capacity, 0, (capacity - counts->capacity) * sizeof *grown);
    counts->counts = grown;
    counts->capacity = capacity;
    return RR_OK;
}

rr_status rr_token_counts_add(rr_token_counts *counts, const char *name, const char *text, size_t length) {
    rr_tokenizer tokenizer;
    rr_token token;
    rr_tokenizer_start(&tokenizer, counts->unit, name, text, length);
    for (;;) {
        RR_TRY(rr_tokenizer_next(&tokenizer, &token));
        if (token.kind == RR_TOKEN_STOP) return RR_OK;
        int32_t index = RR_COUNTS_EOS;
        if (token.kind == RR_TOKEN_TEXT) RR_TRY(rr_token_table_add(&counts->table, token.bytes, token.length, &index));
        RR_TRY(reserve(counts));
        counts->counts[index]++;
    }
}

rr_status rr_token_counts_index(rr_token_counts *counts, const char *name, const char *text, size_t length,
                                rr_tokens *out) {
    size_t before = out->count;
    rr_status status;
    rr_tokenizer tokenizer;
    rr_token token;
    rr_tokenizer_start(&tokenizer, counts->unit, name, text, length);
    while ((status = rr_tokenizer_next(&tokenizer, &token)) == RR_OK && token.kind != RR_TOKEN_STOP) {
        int32_t index = RR_COUNTS_EOS;
        if (token.kind == RR_TOKEN_TEXT) status = rr_token_table_add(&counts->table, token.bytes, token.length, &index);
        if (status == RR_OK) status = rr_tokens_push(out, index);
        if (status != RR_OK) break;
    }
    if (status != RR_OK) out->count = before;
    return status;
}

rr_status rr_token_counts_tally(rr_token_counts *counts, const int32_t *ids, size_t count) {
    RR_TRY(reserve(counts));
    for (size_t i = 0; i < count; i++) counts->counts[ids[i]]++;
    return RR_OK;
}

void rr_token_counts_free(rr_token_counts *counts) {
    if (counts == NULL) return;
    rr_token_table_free(&counts->table);
    free(counts->counts);
    free(counts);
}

rr_status rr_tokens_grow(rr_tokens *tokens) {
    size_t capacity = tokens->capacity > 0 ? tokens->capacity * 2 : 1024;
    int32_t *ids = realloc(tokens->ids, capacity * sizeof *ids);
    if (ids == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for more than %zu tokens", tokens->count);
    tokens->ids = ids;
    tokens->capacity = capacity;
    return RR_OK;
}

void rr_tokens_free(rr_tokens *tokens) {
    free(tokens->ids);
    *tokens = (rr_tokens){0};
}
