/* Gradients over ranks: buckets of the gradient arena whose sums start while backward still runs. */
#ifndef RR_DIST_REDUCER_H
#define RR_DIST_REDUCER_H

#include "base/hooks.h"
#include "dist/allreduce.h"
#include "dist/dist_config.h"

typedef struct rr_reducer rr_reducer;

/** Times of one step, seconds, of this rank. */
typedef struct rr_reducer_times {
    double exposed; /* waiting after backward had ended */
    double total;   /* from the first start to the last end */
    double hidden;  /* total - exposed, not below 0 */
} rr_reducer_times;

/**
 * @param[in] grads  [count] the gradient arena, borrowed
 * @param[in] cuts   [cut_count] rising offsets where a bucket may end (ends of parameters); the last is count. A bucket
 *                   closes at the first cut at or beyond dist.bucket_mb; a larger parameter is cut inside.
 *
 * Collective; a failure is agreed on. From then on waits within a step, here and in control.h, end with an error after
 * dist.timeout_s.
 */
rr_status rr_reducer_create(rr_comm *comm, const rr_dist_config *config, float *grads, size_t count, const size_t *cuts,
                            size_t cut_count, rr_reducer **out);
void rr_reducer_free(rr_reducer *reducer);

/** Hooks for the backward pass that finishes the gradients (the last micro batch). Valid as long as the reducer. */
const rr_hooks *rr_reducer_hooks(rr_reducer *reducer);

/** Hooks that only tick (earlier micro batches). */
const rr_hooks *rr_reducer_tick_hooks(rr_reducer *reducer);

/** Another thing to move on at every tick (the control exchange). */
void rr_reducer_on_tick(rr_reducer *reducer, void (*tick)(void *ctx), void *ctx);

/** Begins a step: no bucket is ready. */
void rr_reducer_begin(rr_reducer *reducer);

/** All gradients are ready (also called by ranks without rows); waits for the sums. Same bits on all ranks. */
rr_status rr_reducer_finish(rr_reducer *reducer, rr_reducer_times *times);

size_t rr_reducer_buckets(const rr_reducer *reducer);
/** The algorithm of the largest bucket, for the banner. */
const char *rr_reducer_algorithm(const rr_reducer *reducer);
/** Bytes this rank sends in a step. */
double rr_reducer_bytes_sent(const rr_reducer *reducer);

#endif
