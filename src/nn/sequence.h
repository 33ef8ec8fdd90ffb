/*
 * How a batch of sequences lies in memory: packed and time-major, as in PyTorch's PackedSequence. Rows are sorted by
 * length, longest first, so the rows that are still running at time t are the first active[t]; an array over the batch
 * has `total` rows and none of padding. With equal lengths this is plain [T, B].
 */
#ifndef RR_NN_SEQUENCE_H
#define RR_NN_SEQUENCE_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

struct rr_shard_rows;

typedef struct rr_sequence {
    size_t steps;                 /* T: the longest length */
    size_t rows;                  /* B */
    size_t total;                 /* sum of the lengths */
    const size_t *active;         /* [T], never increasing, each >= 1 */
    const size_t *offset;         /* [T + 1]: index of the first row of time t; offset[T] == total */
    const size_t *lengths;        /* [B], never increasing */
    size_t first_step;            /* time of step 0: not 0 where a part of the steps is run by itself */
    const uint64_t *row_id;       /* [B] global row, for randomness that does not depend on the rank */
    struct rr_shard_rows *shards; /* by which parameters' gradients are added (nn/shard_rows.h); NULL: all in a row */
} rr_sequence;

/** Fills active [T] and offset [T + 1] from lengths [rows] (sorted, longest first, each >= 1). T = lengths[0]. */
void rr_sequence_fill(const size_t *lengths, size_t rows, size_t *active, size_t *offset);

/** Memory that describes a batch: the caller fills lengths (sorted, longest first, each >= 1) and row_id. */
typedef struct rr_sequence_room {
    size_t *active, *offset, *lengths; /* [max_steps], [max_steps + 1], [max_rows] */
    uint64_t *row_id;                  /* [max_rows] */
} rr_sequence_room;

void rr_sequence_room_plan(rr_sequence_room *room, rr_arena *arena, size_t max_steps, size_t max_rows);

/** The batch of the first `rows` lengths. rows 0: nothing but zeros. */
rr_sequence rr_sequence_of(rr_sequence_room *room, size_t rows);

/**
 * Steps [begin, end) of a sequence, with at least one of them. Its offsets stay those of the whole: arrays over the
 * batch are given whole, and a layer that runs step by step leaves behind what it would have left in one run. No
 * lengths.
 */
rr_sequence rr_sequence_part(const rr_sequence *sequence, size_t begin, size_t end);

#endif
