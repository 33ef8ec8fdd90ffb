/*
 * Matrix products on operands that were packed before: weights once a step, into panels; gradients and inputs once for
 * all weights that they meet, into strips. The kernels (products.inc) then read memory in order.
 *
 * Each element of a product is a sum of chains of fused multiply-adds, one chain for each 1024 of depth: the same bits
 * for a row whatever rows are beside it, on any number of threads, with any instruction set.
 */
#ifndef RR_MATH_PANELS_H
#define RR_MATH_PANELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "math/tree_sum.h"

/**
 * The right operand of y[rows, groups * columns] = x[rows, depth] . w. Columns are in groups of equal size (the gates
 * of a cell; one group otherwise), and panel p of a group holds its columns [p, p + 1) * rr_panel_columns().
 */
typedef struct rr_panels {
    size_t depth, groups, columns; /* columns of a group */
    float *data;
} rr_panels;

/** Columns of a panel with the instruction set in use: 16, 32 with AVX-512, 8 without either. */
size_t rr_panel_columns(void);

/** Takes the memory of panels of that size. */
rr_panels rr_panels_plan(rr_arena *arena, size_t depth, size_t groups, size_t columns);

/** Panels of a group. */
size_t rr_panels_count(const rr_panels *panels);

/**
 * Makes panels [first, end) of every group from w[groups * columns, depth] with row stride ldw: y = x . w^T, the
 * product of a layer with PyTorch's weights.
 */
void rr_panels_pack_transposed(const rr_panels *panels, size_t first, size_t end, const float *w, size_t ldw);

/** Makes panels [first, end) from w[depth, columns] with row stride ldw, one group: y = x . w. */
void rr_panels_pack(const rr_panels *panels, size_t first, size_t end, const float *w, size_t ldw);

/**
 * For the columns of panels [first, end) of every group: y = x . w + add.
 *
 * @param[in] x      [rows, depth] with row stride ldx
 * @param[in] add    [rows, groups * columns] with row stride ld_add (0: one row for all), NULL for nothing; may be y
 * @param[out] y     [rows, groups * columns] with row stride ldy
 */
void rr_panels_multiply(const rr_panels *panels, size_t first, size_t end, size_t rows, const float *x, size_t ldx,
                        const float *add, size_t ld_add, float *y, size_t ldy);

/** Floats of the strips of x[rows, columns]. */
size_t rr_strips_floats(size_t rows, size_t columns);

/** Strips of x[.., columns]. */
size_t rr_strips_count(size_t columns);

/** Packs strips [first, end) of x[rows, columns] with row stride ldx: rr_panel_columns() columns each. */
void rr_strips_pack(size_t rows, size_t columns, size_t first, size_t end, const float *x, size_t ldx, float *strips);

/** The same with rows[i] of x as row i. */
void rr_strips_pack_rows(const uint32_t *rows, size_t count, size_t columns, size_t first, size_t end, const float *x,
                         size_t ldx, float *strips);

typedef struct rr_strip_piece {
    size_t begin, end; /* rows of the strips */
} rr_strip_piece;

/** Rows of packed strips that belong to shards, whose products are added in the order of the tree (tree_sum.h). */
typedef struct rr_strip_shards {
    size_t count, depth;
    const unsigned char *merges; /* [count], as rr_tree_merges makes them */
    const size_t *first_piece; /* [count + 1]: those of shard s are [first_piece[s], first_piece[s + 1]), maybe none */
    const rr_strip_piece *pieces; /* each with rows; a chain over each, or several where it is long */
} rr_strip_shards;

/** Floats of scratch memory for rr_strips_multiply_shards. */
size_t rr_strips_scratch(size_t depth);

/**
 * dw[N, K] = the sum over shards, in the order of the tree, of what rr_strips_multiply would make of each shard: of its
 * first piece, then accumulating the others.
 */
void rr_strips_multiply_shards(size_t rows, size_t N, size_t K, const float *dy_strips, const float *x_strips,
                               size_t first, size_t end, const rr_strip_shards *shards, float *scratch, float *dw,
                               size_t lddw);

/**
 * dw[N, K] (+)= dy[rows, N]^T . x[rows, K], both packed as strips: rows [first, end) of dw, first a multiple of
 * rr_panel_columns().
 */
void rr_strips_multiply(size_t rows, size_t N, size_t K, const float *dy_strips, const float *x_strips, size_t first,
                        size_t end, bool accumulate, float *dw, size_t lddw);

/** The same of some of the rows of the strips: what it would make of these alone. */
void rr_strips_multiply_piece(rr_strip_piece piece, size_t rows, size_t N, size_t K, const float *dy_strips,
                              const float *x_strips, size_t first, size_t end, bool accumulate, float *dw, size_t lddw);

#endif
