/* The algorithms that allreduce.c lists. */
#ifndef RR_DIST_ALLREDUCES_H
#define RR_DIST_ALLREDUCES_H

#include "dist/allreduce.h"
#include "dist/shard_parts.h"

extern const rr_allreduce_ops rr_allreduce_ring;
extern const rr_allreduce_ops rr_allreduce_mpi;
extern const rr_allreduce_ops rr_allreduce_shared;
extern const rr_allreduce_ops rr_allreduce_halving;
extern const rr_allreduce_ops rr_allreduce_tree;

/**
 * Operations of `tree` and `shared` that add in the order of shards, as create makes those that add in the order of
 * ranks. values of start are then the first of this rank's arrays, others begin parts->stride floats apart, and the sum
 * takes the place of the first. parts is copied. `shared` wants the arrays in memory that ranks share, and nodes of the
 * cluster that are runs of ranks.
 */
rr_status rr_allreduce_tree_create(rr_comm *comm, const rr_shard_parts *parts, size_t max_count, size_t unit,
                                   size_t tag, rr_allreduce **out);
rr_status rr_allreduce_shared_create(rr_comm *comm, const rr_shard_parts *parts, size_t max_count, size_t unit,
                                     size_t tag, rr_allreduce **out);

#endif
