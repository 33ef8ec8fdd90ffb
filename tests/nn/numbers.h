/* Numbers for tests: reproducible, exact in float, of both signs; and how far two arrays are apart. */
#ifndef RR_TESTS_NN_NUMBERS_H
#define RR_TESTS_NN_NUMBERS_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/rng.h"
#include "nn/sequence.h"

/* A stream of random words. */
typedef struct numbers {
    uint64_t seed;
    uint32_t next;
} numbers;

static inline uint32_t numbers_word(numbers *n) {
    uint32_t counter[4] = {n->next++, 0, 0, 0}, words[4];
    rr_philox(n->seed, RR_RNG_TEST, counter, words);
    return words[0];
}

/* A whole number in [first, last]. */
static inline size_t numbers_size(numbers *n, size_t first, size_t last) {
    return first + numbers_word(n) % (last - first + 1);
}

/* In [-scale, scale), a float. */
static inline double numbers_real(numbers *n, double scale) {
    return (double)(float)((2 * (double)rr_unit_float(numbers_word(n)) - 1) * scale);
}

static inline void numbers_fill(numbers *n, double scale, size_t count, double *out) {
    for (size_t i = 0; i < count; i++) out[i] = numbers_real(n, scale);
}

static inline void numbers_to_float(size_t count, const double *values, float *out) {
    for (size_t i = 0; i < count; i++) out[i] = (float)values[i];
}

/* max|got - want| / max|want|; 0 where both are 0 everywhere; NaN where got has one. */
static inline double numbers_distance(size_t count, const float *got, const double *want) {
    double apart = 0, largest = 0;
    for (size_t i = 0; i < count; i++) {
        double d = fabs((double)got[i] - want[i]);
        if (!(d <= apart)) apart = d; /* also where d is NaN */
        if (isnan(d)) return d;
        largest = fmax(largest, fabs(want[i]));
    }
    return apart == 0 ? 0 : apart / largest;
}

/* A batch of sequences of its own memory. */
typedef struct batch {
    rr_sequence sequence;
    size_t *lengths, *active, *offset;
    uint64_t *row_id;
} batch;

/* Rows of length T each, or, if unequal, of lengths drawn from [1, T], the first T. */
static inline batch batch_open(numbers *n, size_t rows, size_t T, int unequal) {
    batch b = {.lengths = calloc(rows, sizeof(size_t)),
               .active = calloc(T, sizeof(size_t)),
               .offset = calloc(T + 1, sizeof(size_t)),
               .row_id = calloc(rows, sizeof(uint64_t))};
    if (b.lengths == NULL || b.active == NULL || b.offset == NULL || b.row_id == NULL) abort();
    for (size_t row = 0; row < rows; row++) {
        b.lengths[row] = row == 0 || !unequal ? T : numbers_size(n, 1, T);
        b.row_id[row] = 1000 + 7 * row;
        for (size_t i = row; i > 0 && b.lengths[i] > b.lengths[i - 1]; i--) {
            size_t swap = b.lengths[i];
            b.lengths[i] = b.lengths[i - 1];
            b.lengths[i - 1] = swap;
        }
    }
    rr_sequence_fill(b.lengths, rows, b.active, b.offset);
    b.sequence = (rr_sequence){.steps = T,
                               .rows = rows,
                               .total = b.offset[T],
                               .active = b.active,
                               .offset = b.offset,
                               .lengths = b.lengths,
                               .row_id = b.row_id};
    return b;
}

static inline void batch_close(batch *b) {
    free(b->lengths);
    free(b->active);
    free(b->offset);
    free(b->row_id);
}

#endif
