#include "data/bpe_learn.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "data/symbol_pairs.h"

static const char end_of_word[] = "</w>";

rr_status rr_word_counts_add(rr_word_counts *counts, const char *line, size_t length) {
    for (size_t at = 0, stop; at < length; at = stop + 1) {
        int32_t word;
        for (stop = at; stop < length && line[stop] != ' ';) stop++;
        if (stop == at) continue;
        RR_TRY(rr_token_table_add(&counts->words, line + at, stop - at, &word));
        if ((size_t)word >= counts->capacity) {
            size_t capacity = 2 * counts->capacity + 1024;
            uint64_t *larger = realloc(counts->counts, capacity * sizeof *larger);
            if (larger == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for %zu words", capacity);
            memset(larger + counts->capacity, 0, (capacity - counts->capacity) * sizeof *larger);
            counts->counts = larger;
            counts->capacity = capacity;
        }
        counts->counts[word]++;
    }
    return RR_OK;
}

void rr_word_counts_free(rr_word_counts *counts) {
    rr_token_table_free(&counts->words);
    free(counts->counts);
    *counts = (rr_word_counts){.capacity = 0};
}

/* A pair of symbols: how often it stands now, and the words where it has stood. */
typedef struct found {
    uint64_t count;
    uint32_t *words; /* [word_count], may name a word twice, or one that has lost the pair */
    size_t word_count, word_capacity;
} found;

/* What a pair's count once was: the heap's top is the most frequent pair when that is still so. */
typedef struct candidate {
    uint64_t count;
    int32_t pair;
} candidate;

typedef struct learner {
    rr_token_table symbols;
    rr_symbol_pairs pairs;
    found *found; /* [pairs.count] */
    size_t found_capacity;
    int32_t *text;        /* symbols of all words */
    size_t *begin, *size; /* [words] */
    const uint64_t *counts;
    candidate *heap;
    size_t heap_count, heap_capacity;
} learner;

static void learner_free(learner *l) {
    for (size_t i = 0; i < l->pairs.count && i < l->found_capacity; i++) free(l->found[i].words);
    rr_token_table_free(&l->symbols);
    rr_symbol_pairs_free(&l->pairs);
    free(l->found);
    free(l->text);
    free(l->begin);
    free(l->size);
    free(l->heap);
}

static int compare_symbols(const learner *l, int32_t a, int32_t b) {
    size_t m, n;
    const char *x = rr_token_table_get(&l->symbols, a, &m), *y = rr_token_table_get(&l->symbols, b, &n);
    int order = memcmp(x, y, m < n ? m : n);
    return order != 0 ? order : (m > n) - (m < n);
}

/* Whether a comes before b. */
static bool before(const learner *l, candidate a, candidate b) {
    if (a.count != b.count) return a.count > b.count;
    const rr_symbol_pair *x = &l->pairs.items[a.pair], *y = &l->pairs.items[b.pair];
    int order = compare_symbols(l, x->left, y->left);
    return (order != 0 ? order : compare_symbols(l, x->right, y->right)) > 0;
}

static rr_status push(learner *l, candidate new) {
    if (l->heap_count == l->heap_capacity) {
        size_t capacity = 2 * l->heap_capacity + 1024;
        candidate *heap = realloc(l->heap, capacity * sizeof *heap);
        if (heap == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for %zu pairs", capacity);
        l->heap = heap;
        l->heap_capacity = capacity;
    }
    size_t at = l->heap_count++;
    for (; at > 0 && before(l, new, l->heap[(at - 1) / 2]); at = (at - 1) / 2) l->heap[at] = l->heap[(at - 1) / 2];
    l->heap[at] = new;
    return RR_OK;
}

static candidate pop(learner *l) {
    candidate top = l->heap[0], last = l->heap[--l->heap_count];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < l->heap_count; at = child) {
        if (child + 1 < l->heap_count && before(l, l->heap[child + 1], l->heap[child])) child++;
        if (!before(l, l->heap[child], last)) break;
        l->heap[at] = l->heap[child];
    }
    l->heap[at] = last;
    return top;
}

static rr_status remember_word(found *f, uint32_t word) {
    if (f->word_count > 0 && f->words[f->word_count - 1] == word) return RR_OK;
    if (f->word_count == f->word_capacity) {
        size_t capacity = 2 * f->word_capacity + 4;
        uint32_t *words = realloc(f->words, capacity * sizeof *words);
        if (words == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the words of a pair");
        f->words = words;
        f->word_capacity = capacity;
    }
    f->words[f->word_count++] = word;
    return RR_OK;
}

/* The pairs of a word count, with candidates for them. */
static rr_status count_pairs(learner *l, uint32_t word) {
    const int32_t *symbols = l->text + l->begin[word];
    for (size_t i = 0; i + 1 < l->size[word]; i++) {
        int32_t pair;
        RR_TRY(rr_symbol_pairs_add(&l->pairs, symbols[i], symbols[i + 1], &pair));
        if (l->pairs.count > l->found_capacity) {
            size_t capacity = 2 * l->found_capacity + 1024;
            found *larger = realloc(l->found, capacity * sizeof *larger);
            if (larger == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for %zu pairs", capacity);
            memset(larger + l->found_capacity, 0, (capacity - l->found_capacity) * sizeof *larger);
            l->found = larger;
            l->found_capacity = capacity;
        }
        l->found[pair].count += l->counts[word];
        RR_TRY(remember_word(&l->found[pair], word));
    }
    for (size_t i = 0; i + 1 < l->size[word]; i++) {
        int32_t pair = rr_symbol_pairs_find(&l->pairs, symbols[i], symbols[i + 1]);
        if (pair >= 0) RR_TRY(push(l, (candidate){l->found[pair].count, pair}));
    }
    return RR_OK;
}

static void uncount_pairs(learner *l, uint32_t word) {
    const int32_t *symbols = l->text + l->begin[word];
    for (size_t i = 0; i + 1 < l->size[word]; i++) {
        int32_t pair = rr_symbol_pairs_find(&l->pairs, symbols[i], symbols[i + 1]);
        if (pair >= 0) l->found[pair].count -= l->counts[word];
    }
}

/* Symbols of a word: its characters, the last with the end of the word. */
static rr_status split(learner *l, const char *bytes, size_t length, size_t word, size_t *used) {
    rr_buffer last = {0};
    rr_status status = RR_OK;
    l->begin[word] = *used;
    for (size_t at = 0, stop; at < length && status == RR_OK; at = stop) {
        for (stop = at + 1; stop < length && ((unsigned char)bytes[stop] & 0xc0) == 0x80;) stop++;
        rr_buffer_clear(&last);
        rr_buffer_append(&last, bytes + at, stop - at);
        if (stop == length) rr_buffer_puts(&last, end_of_word);
        status = last.failed ? rr_fail(RR_ERR_NOMEM, "no memory for a symbol")
                             : rr_token_table_add(&l->symbols, rr_buffer_text(&last), last.length, &l->text[(*used)++]);
    }
    l->size[word] = *used - l->begin[word];
    rr_buffer_free(&last);
    return status;
}

static rr_status start(learner *l, const rr_word_counts *counts) {
    size_t words = counts->words.count, used = 0;
    l->counts = counts->counts;
    l->text = malloc((counts->words.bytes_used + 1) * sizeof *l->text);
    l->begin = calloc(words + 1, sizeof *l->begin);
    l->size = calloc(words + 1, sizeof *l->size);
    if (l->text == NULL || l->begin == NULL || l->size == NULL)
        return rr_fail(RR_ERR_NOMEM, "no memory for the symbols of %zu words", words);
    for (size_t word = 0; word < words; word++) {
        size_t length;
        const char *bytes = rr_token_table_get(&counts->words, (int32_t)word, &length);
        RR_TRY(split(l, bytes, length, word, &used));
    }
    for (size_t word = 0; word < words; word++) RR_TRY(count_pairs(l, (uint32_t)word));
    return RR_OK;
}

/* The most frequent pair. @param[out] best  count 0: there is none */
static rr_status most_frequent(learner *l, candidate *best) {
    *best = (candidate){.count = 0};
    while (l->heap_count > 0) {
        candidate top = pop(l);
        uint64_t now = l->found[top.pair].count;
        if (now == top.count && now > 0) {
            *best = top;
            return RR_OK;
        }
        if (now < top.count && now > 0) RR_TRY(push(l, (candidate){now, top.pair}));
    }
    return RR_OK;
}

static bool merge_word(learner *l, uint32_t word, rr_symbol_pair pair, int32_t merged) {
    int32_t *symbols = l->text + l->begin[word];
    bool there = false;
    for (size_t i = 0; i + 1 < l->size[word]; i++) there |= symbols[i] == pair.left && symbols[i + 1] == pair.right;
    if (!there) return false;
    uncount_pairs(l, word);
    size_t kept = 0;
    for (size_t i = 0; i < l->size[word]; i++) {
        bool here = i + 1 < l->size[word] && symbols[i] == pair.left && symbols[i + 1] == pair.right;
        symbols[kept++] = here ? merged : symbols[i];
        i += here;
    }
    l->size[word] = kept;
    return true;
}

/* Writes a pair, and merges it wherever it stands. */
static rr_status merge(learner *l, int32_t index, rr_buffer *out) {
    rr_symbol_pair pair = l->pairs.items[index];
    size_t left, right, count = l->found[index].word_count;
    const char *x = rr_token_table_get(&l->symbols, pair.left, &left);
    const char *y = rr_token_table_get(&l->symbols, pair.right, &right);
    rr_buffer both = {0};
    int32_t merged = -1;
    rr_buffer_printf(out, "%.*s %.*s\n", (int)left, x, (int)right, y);
    rr_buffer_append(&both, x, left);
    rr_buffer_append(&both, y, right);
    rr_status status = both.failed || out->failed
                           ? rr_fail(RR_ERR_NOMEM, "no memory for codes")
                           : rr_token_table_add(&l->symbols, rr_buffer_text(&both), both.length, &merged);
    for (size_t i = 0; i < count && status == RR_OK; i++) {
        uint32_t word = l->found[index].words[i];
        if (merge_word(l, word, pair, merged)) status = count_pairs(l, word);
    }
    rr_buffer_free(&both);
    return status;
}

rr_status rr_bpe_learn(const rr_word_counts *counts, size_t merges, uint64_t min_count, rr_buffer *out) {
    learner l = {.heap_count = 0};
    rr_status status = start(&l, counts);
    rr_buffer_puts(out, "#version: 0.2\n");
    for (size_t i = 0; i < merges && status == RR_OK; i++) {
        candidate best;
        status = most_frequent(&l, &best);
        if (status != RR_OK || best.count == 0 || best.count < min_count) break;
        status = merge(&l, best.pair, out);
    }
    learner_free(&l);
    return status;
}
