/*
 * Sums of the arrays of the ranks of a node of the cluster, in the order of the tree over shards: to the sum of all, on
 * one node; on several to what the node's run of shards has as whole nodes of the tree.
 */
#ifndef RR_DIST_SUM_SHARDS_H
#define RR_DIST_SUM_SHARDS_H

#include "dist/shard_parts.h"

typedef struct rr_sum_shards rr_sum_shards;

/** The nodes of the cluster are runs of ranks. Not collective. @return RR_ERR_NOMEM */
rr_status rr_sum_shards_create(const rr_comm *comm, const rr_shard_parts *parts, rr_sum_shards **out);
void rr_sum_shards_free(rr_sum_shards *sums); /* NULL is fine */

/** Floats that are read and written for each of what rr_sum_shards_into does for so many ranks. */
size_t rr_sum_shards_cost(const rr_sum_shards *sums, size_t ranks);

/**
 * Floats [begin, begin + count) of the arrays. The sums, the first of them in most cases the only one, are put into the
 * arrays of local ranks `first` .. `last - 1`, from the first array of each on.
 * @param[in] arrays  [local ranks] the first of each; the others begin parts->stride floats apart
 */
void rr_sum_shards_into(const rr_sum_shards *sums, float *const *arrays, size_t begin, size_t count, size_t first,
                        size_t last);

#endif
