#include "data/text_set.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

/* The text that tokens are found in: `normal`, or with codes `pieces`. */
static rr_status prepare(const rr_text_rules *rules, const char *text, size_t length, rr_buffer *normal,
                         rr_buffer *pieces, const rr_buffer **out) {
    rr_buffer_clear(normal);
    rr_normalise_text(rules->normalise, text, length, normal);
    if (normal->failed) return rr_fail(RR_ERR_NOMEM, "no memory for a text of %zu bytes", length);
    *out = normal;
    if (rules->bpe == NULL) return RR_OK;
    rr_buffer_clear(pieces);
    *out = pieces;
    return rr_bpe_apply(rules->bpe, rr_buffer_text(normal), normal->length, pieces);
}

rr_status rr_text_count(const rr_text_rules *rules, const char *name, const char *text, size_t length,
                        rr_buffer *scratch, rr_token_counts *counts) {
    rr_buffer pieces = {0};
    const rr_buffer *found = scratch;
    rr_status status = prepare(rules, text, length, scratch, &pieces, &found);
    if (status == RR_OK) status = rr_token_counts_add(counts, name, rr_buffer_text(found), found->length);
    rr_buffer_free(&pieces);
    return status;
}

static rr_status grow(rr_text_set *set) {
    if (set->count + 1 < set->capacity) return RR_OK;
    size_t capacity = 2 * set->capacity + 64;
    size_t *begin = realloc(set->begin, capacity * sizeof *begin);
    if (begin != NULL) set->begin = begin;
    size_t *lengths = realloc(set->lengths, capacity * sizeof *lengths);
    if (lengths != NULL) set->lengths = lengths;
    if (begin == NULL || lengths == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for %zu texts", capacity);
    set->capacity = capacity;
    return RR_OK;
}

/* Cuts the last text, which begins at `begin`. */
static void cut(rr_text_set *set, const rr_text_rules *rules, size_t begin) {
    size_t length = set->tokens.count - begin, kept = rules->max_length;
    if (kept == 0 || length <= kept) return;
    int32_t *ids = set->tokens.ids + begin;
    if (rules->keep == RR_KEEP_TAIL) memmove(ids, ids + length - kept, kept * sizeof *ids);
    set->tokens.count = begin + kept;
    set->cut++;
}

rr_status rr_text_set_add(rr_text_set *set, const rr_vocab *vocab, const rr_text_rules *rules, const char *name,
                          const char *text, size_t length) {
    RR_TRY(grow(set));
    const rr_buffer *found = &set->scratch;
    RR_TRY(prepare(rules, text, length, &set->scratch, &set->pieces, &found));
    size_t begin = set->tokens.count;
    RR_TRY(rr_vocab_encode(vocab, name, rr_buffer_text(found), found->length, false, &set->tokens));
    cut(set, rules, begin);
    set->begin[set->count] = begin;
    set->lengths[set->count++] = set->tokens.count - begin;
    set->begin[set->count] = set->tokens.count;
    return RR_OK;
}

static rr_status add_id(rr_tokens *tokens, int32_t id) {
    if (tokens->count == tokens->capacity) {
        size_t capacity = 2 * tokens->capacity + 1024;
        int32_t *ids = realloc(tokens->ids, capacity * sizeof *ids);
        if (ids == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for %zu tokens", capacity);
        tokens->ids = ids;
        tokens->capacity = capacity;
    }
    tokens->ids[tokens->count++] = id;
    return RR_OK;
}

rr_status rr_text_set_add_list(rr_text_set *set, const rr_vocab *vocab, const rr_text_rules *rules, const char *text,
                               size_t length) {
    RR_TRY(grow(set));
    size_t begin = set->tokens.count;
    for (const char *at = text, *end = text + length; at < end;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (stop == NULL) stop = end;
        rr_buffer_clear(&set->scratch);
        rr_normalise_text((rr_normalise){.lowercase = rules->normalise.lowercase}, at, (size_t)(stop - at),
                          &set->scratch);
        if (set->scratch.failed) return rr_fail(RR_ERR_NOMEM, "no memory for a text of %zu bytes", length);
        int32_t id = rr_vocab_id(vocab, rr_buffer_text(&set->scratch), set->scratch.length);
        set->tokens.unknown += id == rr_vocab_unk(vocab);
        RR_TRY(add_id(&set->tokens, id));
        at = stop + 1;
    }
    cut(set, rules, begin);
    set->begin[set->count] = begin;
    set->lengths[set->count++] = set->tokens.count - begin;
    set->begin[set->count] = set->tokens.count;
    return RR_OK;
}

void rr_text_set_drop(rr_text_set *set) { set->tokens.count = set->begin[--set->count]; }

void rr_text_set_clear(rr_text_set *set) { set->count = set->tokens.count = set->tokens.unknown = set->cut = 0; }

static int longest_first(const void *a, const void *b) {
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x < y) - (x > y);
}

size_t rr_text_set_most(const rr_text_set *set, size_t rows) {
    if (rows > set->count) rows = set->count;
    size_t *lengths = malloc((set->count + 1) * sizeof *lengths), sum = 0;
    if (lengths == NULL) return rows * rr_text_set_longest(set);
    if (set->count == 0) {
        free(lengths);
        return 0;
    }
    memcpy(lengths, set->lengths, set->count * sizeof *lengths);
    qsort(lengths, set->count, sizeof *lengths, longest_first);
    for (size_t i = 0; i < rows; i++) sum += lengths[i];
    free(lengths);
    return sum;
}

uint64_t rr_text_set_hash(const rr_text_set *set, uint64_t seed) {
    if (set->count == 0) return seed;
    seed = rr_hash64(set->lengths, set->count * sizeof *set->lengths, seed);
    return set->tokens.count > 0 ? rr_hash64(set->tokens.ids, set->tokens.count * sizeof *set->tokens.ids, seed) : seed;
}

void rr_text_set_free(rr_text_set *set) {
    rr_tokens_free(&set->tokens);
    rr_buffer_free(&set->scratch);
    rr_buffer_free(&set->pieces);
    free(set->begin);
    free(set->lengths);
    *set = (rr_text_set){.count = 0};
}
