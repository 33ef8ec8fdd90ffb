/* Sequences of different lengths by rows, as attention reads them: all vectors of a row stand one after the other. */
#ifndef RR_NN_MEMORY_H
#define RR_NN_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "nn/sequence.h"

typedef struct rr_memory {
    size_t rows, width;
    const size_t *begin; /* [rows + 1]: row b has vectors begin[b] .. begin[b + 1] - 1; at least one */
    const float *values; /* [begin[rows], width] */
} rr_memory;

/** begin [rows + 1] from lengths [rows]. */
void rr_memory_begin(const size_t *lengths, size_t rows, size_t *begin);

/** From packed, time-major x [total, width] to y [total, width] by rows, of the sequence's own order of rows. */
void rr_memory_from_packed(const rr_sequence *sequence, size_t width, const float *x, float *y);

/** The mirror: x += y or x = y (accumulate false). */
void rr_memory_to_packed(const rr_sequence *sequence, size_t width, const float *y, bool accumulate, float *x);

/** Values of a memory as means of consecutive vectors of x: vector i of those from first[i] on, before first[i + 1]. */
void rr_memory_means(const rr_memory *memory, const size_t *first, const float *x, float *values);

/** dx from the gradients of the means. */
void rr_memory_means_backward(const rr_memory *memory, const size_t *first, const float *dvalues, float *dx);

#endif
