/*
 * Which shards of the global batch (dist.logical_shards) are whose: a rank has a run of them, and an array for each of
 * the whole nodes of the tree (math/tree_sum.h) that its run is made of.
 */
#ifndef RR_DIST_SHARD_PARTS_H
#define RR_DIST_SHARD_PARTS_H

#include "dist/comm.h"
#include "math/tree_sum.h"

typedef struct rr_shard_parts {
    size_t shards, ranks;
    size_t *first; /* [ranks + 1]: rank r has shards [first[r], first[r + 1]) */
    size_t stride; /* floats from one array of a rank to its next */
} rr_shard_parts;

/** The first shard of a rank with even runs, which differ by one at most; that of rank `ranks` is their number. */
static inline size_t rr_first_shard(size_t shards, size_t rank, size_t ranks) { return shards * rank / ranks; }

/** Every rank's run, even: as rr_first_shard has it. @return RR_ERR_NOMEM */
rr_status rr_shard_parts_create(size_t shards, size_t ranks, size_t stride, rr_shard_parts *out);
/** Runs of counts[ranks] shards, which are all of them. @return RR_ERR_NOMEM */
rr_status rr_shard_parts_of_counts(const size_t *counts, size_t ranks, size_t stride, rr_shard_parts *out);
rr_status rr_shard_parts_copy(const rr_shard_parts *parts, rr_shard_parts *out);
/** The same for nodes of the cluster in the place of ranks; they must be runs of ranks (rr_comm_nodes_are_runs). */
rr_status rr_shard_parts_of_nodes(const rr_comm *comm, const rr_shard_parts *parts, rr_shard_parts *out);
void rr_shard_parts_free(rr_shard_parts *parts); /* zeroes are fine */

/** The whole nodes of a rank's run; returns their number. */
size_t rr_shard_parts_nodes(const rr_shard_parts *parts, size_t rank, rr_tree_node out[RR_TREE_NODES]);
/** The most of any rank, at least 1. */
size_t rr_shard_parts_most(const rr_shard_parts *parts);
/** The same of all ranks together. */
size_t rr_shard_parts_total(const rr_shard_parts *parts);

/** The order in which the arrays of ranks [first_rank, end_rank) are added, if their run is one whole node. */
rr_status rr_shard_parts_sum(const rr_shard_parts *parts, size_t first_rank, size_t end_rank, rr_tree_sum *out);

/** True if the ranks of each node of the cluster follow one another. */
bool rr_comm_nodes_are_runs(const rr_comm *comm);
/** Arrays that each rank needs so that sums within nodes of the cluster find room, too. @return RR_ERR_NOMEM */
rr_status rr_comm_shard_arrays(const rr_comm *comm, const rr_shard_parts *parts, size_t *out);

#endif
