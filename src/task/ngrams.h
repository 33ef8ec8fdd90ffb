/* N-grams that two texts have in common, counted as often as both have them. */
#ifndef RR_TASK_NGRAMS_H
#define RR_TASK_NGRAMS_H

#include <stddef.h>

#include "base/error.h"

/** Where the units (words, characters) of a text lie. Zero-initialise; free `begin`. */
typedef struct rr_ngram_text {
    const char *text;
    size_t *begin, *end; /* [count] bytes of each unit; one allocation, begin's */
    size_t count, capacity;
} rr_ngram_text;

/** Appends a unit. @return RR_ERR_NOMEM */
rr_status rr_ngram_text_add(rr_ngram_text *text, size_t begin, size_t end);

/** Those of n units, as the bytes from the first's begin to the last's end; n >= 1. @return RR_ERR_NOMEM */
rr_status rr_ngram_matches(const rr_ngram_text *a, const rr_ngram_text *b, size_t n, size_t *matches);

static inline size_t rr_ngram_count(const rr_ngram_text *text, size_t n) {
    return text->count >= n ? text->count - n + 1 : 0;
}

#endif
