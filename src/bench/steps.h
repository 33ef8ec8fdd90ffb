/* Steps of one training over one communicator, measured: what `bench step` and `bench scaling` print. */
#ifndef RR_BENCH_STEPS_H
#define RR_BENCH_STEPS_H

#include "bench/bench.h"
#include "train/run.h"

typedef struct rr_steps {
    size_t steps;
    double median_s, least_s, mean_s;    /* of a step, of the slowest rank */
    double compute_s, slowest_compute_s; /* neither communication nor waiting: of the median rank, and of the slowest */
    double exposed_s, hidden_s;          /* communication, mean, of the rank with most */
    double phases[RR_PHASE_COUNT];       /* mean seconds a step, of this rank */
    double peak_gflops, copy_gb_s;       /* of the slowest rank */
    double tokens_per_step;
    double padding; /* part of each rank's rows padded to its longest that is padding */
    size_t params, global_batch_size, threads;
    const char *cell;
    rr_roofline roofline;
} rr_steps;

/** Collective: opens a run on synthetic tokens, warms up, and measures options->steps steps (0: some seconds). */
rr_status rr_bench_steps(const rr_bench_options *options, rr_comm *comm, rr_steps *out);

/**
 * The same with computing replaced by waiting as long as it takes a rank alone: for more ranks than cores. Without
 * phases and rates.
 */
rr_status rr_bench_waited_steps(const rr_bench_options *options, rr_comm *comm, rr_steps *out);

/** Collective: compute_s and slowest_compute_s, from the seconds of this rank. */
rr_status rr_steps_spread(rr_comm *comm, double compute_s, rr_steps *out);

/** What was measured: tokens, parameters, batch, threads, cell. */
void rr_steps_describe(const rr_run *run, rr_steps *out);

#endif
