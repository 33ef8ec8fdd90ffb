/*
 * Packed rows of a batch by shards of the global batch: layers that have several shards in one call add the gradients
 * of their parameters in the order of the tree over shards (math/tree_sum.h), each shard's as if it were alone.
 */
#ifndef RR_NN_SHARD_ROWS_H
#define RR_NN_SHARD_ROWS_H

#include "math/panels.h"
#include "nn/sequence.h"

typedef struct rr_shard_rows {
    size_t count;           /* shards */
    size_t steps;           /* of the sequence */
    uint32_t *order;        /* [total] packed rows: by shard, then time, then row */
    size_t *offset;         /* [count, steps + 1]: where in `order` a shard's rows of a time begin; then its end */
    rr_strip_shards strips; /* the tree, and the pieces that rr_shard_rows_whole or _chunks made last */
    /* what plan took */
    size_t *row_shard, *rows; /* [max_rows] the shard of each row, of this batch; rows by shards */
    size_t *first_row;        /* [max_rows + 1] of each shard, in rows */
    unsigned char *merges;    /* [max_rows] */
    size_t *first_piece;      /* [max_rows + 1] */
    rr_strip_piece *pieces;   /* [max_total] */
} rr_shard_rows;

void rr_shard_rows_plan(rr_shard_rows *shards, rr_arena *arena, size_t max_total, size_t max_steps, size_t max_rows);

/**
 * Rows [begin, end) of a global batch of `rows`, whole shards of `shards` that are a node of the tree. The sequence has
 * those of them that have tokens.
 */
void rr_shard_rows_fill(rr_shard_rows *shards_rows, size_t shards, size_t rows, size_t begin, size_t end,
                        const rr_sequence *sequence);

/** A piece for each shard that has rows. */
void rr_shard_rows_whole(rr_shard_rows *shards);
/** Pieces as a recurrent layer would take the shard's time steps in chunks. */
void rr_shard_rows_chunks(rr_shard_rows *shards, bool reverse);

/**
 * dbias[width] = the sum of dy's rows, in the order of the pieces and of the tree.
 * @param[in] dy       [total, width] packed rows with row stride lddy
 * @param[out] scratch [depth, width]
 */
void rr_shard_rows_bias(const rr_shard_rows *shards, size_t width, const float *dy, size_t lddy, float *scratch,
                        float *dbias);

#endif
