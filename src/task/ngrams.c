#include "task/ngrams.h"

#include <stdlib.h>
#include <string.h>

rr_status rr_ngram_text_add(rr_ngram_text *text, size_t begin, size_t end) {
    if (text->count == text->capacity) {
        size_t capacity = 2 * text->capacity + 64;
        size_t *units = malloc(2 * capacity * sizeof *units);
        if (units == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the n-grams of a text");
        if (text->count > 0) {
            memcpy(units, text->begin, text->count * sizeof *units);
            memcpy(units + capacity, text->end, text->count * sizeof *units);
        }
        free(text->begin);
        text->begin = units;
        text->end = units + capacity;
        text->capacity = capacity;
    }
    text->begin[text->count] = begin;
    text->end[text->count++] = end;
    return RR_OK;
}

typedef struct ngram {
    const char *bytes;
    size_t length;
} ngram;

static int compare(const void *x, const void *y) {
    const ngram *a = x, *b = y;
    if (a->length != b->length) return a->length < b->length ? -1 : 1;
    return memcmp(a->bytes, b->bytes, a->length);
}

static void list(const rr_ngram_text *text, size_t n, ngram *out) {
    size_t count = rr_ngram_count(text, n);
    for (size_t i = 0; i < count; i++)
        out[i] = (ngram){text->text + text->begin[i], text->end[i + n - 1] - text->begin[i]};
    qsort(out, count, sizeof *out, compare);
}

rr_status rr_ngram_matches(const rr_ngram_text *a, const rr_ngram_text *b, size_t n, size_t *matches) {
    size_t in_a = rr_ngram_count(a, n), in_b = rr_ngram_count(b, n);
    *matches = 0;
    if (in_a == 0 || in_b == 0) return RR_OK;
    ngram *all = malloc((in_a + in_b) * sizeof *all);
    if (all == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for %zu n-grams", in_a + in_b);
    list(a, n, all);
    list(b, n, all + in_a);
    for (size_t i = 0, j = 0; i < in_a && j < in_b;) {
        int order = compare(&all[i], &all[in_a + j]);
        *matches += order == 0;
        i += order <= 0;
        j += order >= 0;
    }
    free(all);
    return RR_OK;
}
