/* Steps of one training over one communicator, measured: what `bench step` and `bench scaling` print. */
#ifndef RR_BENCH_STEPS_H
#define RR_BENCH_STEPS_H

#include "bench/bench.h"
#include "train/run.h"

typedef struct rr_steps {
    size_t steps;
    double median_s, least_s, mean_s; /* of a step, of the slowest rank */
    double exposed_s, hidden_s;       /* communication, mean, of the rank with most */
    double phases[RR_PHASE_COUNT];    /* mean seconds a step, of this rank */
    double peak_gflops, copy_gb_s;    /* of the slowest rank */
    double tokens_per_step;
    double padding; /* part of each rank's rows padded to its longest that is padding */
    size_t params, global_batch_size, threads;
    const char *cell;
    rr_roofline roofline;
} rr_steps;

/** Collective: opens a run on synthetic tokens, warms up, and measures options->steps steps (0: some seconds). */
rr_status rr_bench_steps(const rr_bench_options *options, rr_comm *comm, rr_steps *out);

#endif
