/*
 * One order in which the sums of many are added, whoever adds them: a balanced binary tree over the numbers of shards.
 *
 * Its node of level k and number i adds shards [i 2^k, (i + 1) 2^k), those below the number of shards; a node without a
 * right half is its left half. A run of shards, wherever it begins and ends, is a few whole nodes; what those hold can
 * be added further without asking how they came about.
 */
#ifndef RR_MATH_TREE_SUM_H
#define RR_MATH_TREE_SUM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum { RR_TREE_NODES = 128 }; /* whole nodes that any run of shards can have, at most */

/** A node: shards [first, end). */
typedef struct rr_tree_node {
    size_t first, end;
} rr_tree_node;

/** The fewest whole nodes that make up shards [begin, end) of `shards`, in order. Returns how many. */
size_t rr_tree_nodes(size_t shards, size_t begin, size_t end, rr_tree_node out[RR_TREE_NODES]);

/** The halves of a node of more than one shard. */
void rr_tree_split(rr_tree_node node, rr_tree_node *left, rr_tree_node *right);

/** How to add parts [count] that make up one node: after part i, the last two of what is there are added merges[i]
 * times. */
typedef struct rr_tree_sum {
    size_t count, depth; /* depth: how many are there at once, at most */
    unsigned char *merges;
} rr_tree_sum;

/** @param[in] parts  nodes in order, without gaps. @return RR_ERR_RUNTIME if they are not one node together */
rr_status rr_tree_sum_create(size_t shards, const rr_tree_node *parts, size_t count, rr_tree_sum *out);
/**
 * The same for a node of single shards, into memory of the caller's: merges[end - first]. Returns the depth, which is
 * at most rr_tree_depth(end - first).
 */
size_t rr_tree_merges(size_t shards, rr_tree_node node, unsigned char *merges);
size_t rr_tree_depth(size_t shards);
/** The same for a node of single shards, to be freed. */
rr_status rr_tree_sum_of_shards(size_t shards, rr_tree_node node, rr_tree_sum *out);
void rr_tree_sum_free(rr_tree_sum *sum); /* zeroes are fine */

/** Floats of scratch memory that a run needs. */
size_t rr_tree_sum_scratch(const rr_tree_sum *sum);

/**
 * out[size] = sum of parts[i][begin .. begin + size). A part may be NULL, which stands for zeros.
 * out may be the place of one of the parts; else it overlaps none.
 */
void rr_tree_sum_run(const rr_tree_sum *sum, const float *const *parts, size_t begin, size_t size, float *scratch,
                     float *out);

#endif
