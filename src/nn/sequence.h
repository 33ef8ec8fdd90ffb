/*
 * How a batch of sequences lies in memory: packed and time-major, as in PyTorch's PackedSequence. Rows are sorted by
 * length, longest first, so the rows that are still running at time t are the first active[t]; an array over the batch
 * has `total` rows and none of padding. With equal lengths this is plain [T, B].
 */
#ifndef RR_NN_SEQUENCE_H
#define RR_NN_SEQUENCE_H

#include <stddef.h>
#include <stdint.h>

typedef struct rr_sequence {
    size_t steps;           /* T: the longest length */
    size_t rows;            /* B */
    size_t total;           /* sum of the lengths */
    const size_t *active;   /* [T], never increasing, each >= 1 */
    const size_t *offset;   /* [T + 1]: index of the first row of time t; offset[T] == total */
    const size_t *lengths;  /* [B], never increasing */
    const uint64_t *row_id; /* [B] global row, for randomness that does not depend on the rank */
} rr_sequence;

/** Fills active [T] and offset [T + 1] from lengths [rows] (sorted, longest first, each >= 1). T = lengths[0]. */
void rr_sequence_fill(const size_t *lengths, size_t rows, size_t *active, size_t *offset);

#endif
