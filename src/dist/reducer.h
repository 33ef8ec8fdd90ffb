/*
 * Gradients over ranks: buckets of the gradient arena whose sums start while backward still runs. With a sharded
 * optimiser (ZeRO stage 1, Rajbhandari et al. 2020) each rank gets the sum of its own part of every bucket alone, and
 * what the ranks have made of their parts comes together in a second exchange of the same buckets.
 */
#ifndef RR_DIST_REDUCER_H
#define RR_DIST_REDUCER_H

#include "base/hooks.h"
#include "dist/allreduce.h"
#include "dist/dist_config.h"
#include "dist/shard_parts.h"
#include "dist/sum_rows.h"

typedef struct rr_reducer rr_reducer;

enum { RR_REDUCER_ROW_SUMS = 8 }; /* at most */

/** Times of one step, seconds, of this rank. */
typedef struct rr_reducer_times {
    double exposed; /* waiting after the last part had become ready */
    double total;   /* during which exchanges were under way */
    double hidden;  /* total - exposed, not below 0 */
} rr_reducer_times;

/** What a rank owns of a bucket: a range of the arenas, and where it lies when all that it owns stands in a row. */
typedef struct rr_owned {
    size_t begin, end, at;
} rr_owned;

/**
 * @param[in] grads  [count] the gradient arena, borrowed
 * @param[in] dense  floats that are summed whole, a cut; what is behind them rr_reducer_sum_rows sums
 * @param[in] tail   floats before what rr_hooks_tail may say of: a cut, at most dense
 * @param[in] unit   floats: buckets, and what ranks own of them, begin at multiples of it
 * @param[in] cuts   [cut_count] rising offsets where a bucket may end (ends of parameters); the last is count. A bucket
 *                   closes at the first cut at or beyond dist.bucket_mb; a larger parameter is cut inside.
 *
 * Collective; a failure is agreed on.
 */
rr_status rr_reducer_create(rr_comm *comm, const rr_dist_config *config, float *grads, size_t count, size_t dense,
                            size_t tail, size_t unit, const size_t *cuts, size_t cut_count, rr_reducer **out);
/**
 * The same in the order of shards, so that the sums do not depend on the ranks. Each rank has an arena of gradients for
 * every whole node of its run of shards, parts->stride floats apart, the first at grads; what is ready is so in all of
 * them. The sum takes the place of the first.
 *
 * @param[in] parts  borrowed; NULL: as above
 */
rr_status rr_reducer_create_by_shards(rr_comm *comm, const rr_dist_config *config, const rr_shard_parts *parts,
                                      float *grads, size_t count, size_t dense, size_t tail, size_t unit,
                                      const size_t *cuts, size_t cut_count, rr_reducer **out);
void rr_reducer_free(rr_reducer *reducer);

/** One of the sums for what lies behind `dense`; borrowed. It starts when that is ready. */
rr_status rr_reducer_sum_rows(rr_reducer *reducer, rr_sum_rows *sum);

/** Hooks for the backward pass that finishes the gradients (the last micro batch). Valid as long as the reducer. */
const rr_hooks *rr_reducer_hooks(rr_reducer *reducer);

/** Hooks that only tick (earlier micro batches). */
const rr_hooks *rr_reducer_tick_hooks(rr_reducer *reducer);

/** Another thing to move on at every tick (the control exchange). */
void rr_reducer_on_tick(rr_reducer *reducer, void (*tick)(void *ctx), void *ctx);

/** Begins the sum of the gradients: no bucket is ready. */
void rr_reducer_begin(rr_reducer *reducer);

/**
 * Begins to bring together what the ranks own of arena[count]: to all of them. The hooks say what is ready, as in a
 * backward pass. A sharded optimiser does so with the weights, each step.
 */
void rr_reducer_begin_gather(rr_reducer *reducer, float *arena);

/** Everything is ready (also called by ranks without rows); waits for the exchanges. Same bits on all ranks. */
rr_status rr_reducer_finish(rr_reducer *reducer, rr_reducer_times *times);

/** What this rank owns of a bucket: all of it without a sharded optimiser. */
rr_owned rr_reducer_owned(const rr_reducer *reducer, size_t bucket);
/** Floats that this rank owns in all. */
size_t rr_reducer_owned_count(const rr_reducer *reducer);
/** The end of a bucket in the arena, for rr_hooks_ready. */
size_t rr_reducer_bucket_end(const rr_reducer *reducer, size_t bucket);
/** True if ranks own parts: dist.shard_optimizer, and there are several. */
bool rr_reducer_sharded(const rr_reducer *reducer);

size_t rr_reducer_buckets(const rr_reducer *reducer);
/** The algorithm of the largest bucket, for the banner. */
const char *rr_reducer_algorithm(const rr_reducer *reducer);

#endif
