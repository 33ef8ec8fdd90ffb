/*
 * A pass of a rank, forward and backward, recorded: when it ticks, and when which gradients are ready. What is known of
 * it can be played again by waiting, or be put into a model of a cluster.
 */
#ifndef RR_BENCH_TRACE_H
#define RR_BENCH_TRACE_H

#include "train/run.h"

/** A call of a hook. */
typedef struct rr_trace_event {
    double s;    /* since the pass began */
    size_t end;  /* of the gradients that are ready, floats of the arena; 0: a tick, or */
    size_t tail; /* where those begin that are ready up to the end of the arena */
} rr_trace_event;

/** Zero-initialise. */
typedef struct rr_trace {
    double pass_s; /* how long it took */
    rr_trace_event *events;
    size_t count, room;
    const rr_run *run;
    double start_s;
    bool failed; /* no memory */
} rr_trace;

/**
 * Seconds for what a rank does alone: with one thread those of the processor, which do not count what others on this
 * machine took of it; with several those of the clock.
 */
double rr_trace_seconds(const rr_run *run);

/** The last of `warm_up` + 1 passes over this rank's rows, of the run's first batch. Not collective. */
rr_status rr_trace_record(rr_run *run, size_t warm_up, rr_trace *trace);
void rr_trace_free(rr_trace *trace);

/**
 * The quickest pass of `turns`, and the least that a step takes beside it (clipping, optimiser). After the first turn
 * it ends when budget_s are over. Of a run of one rank.
 */
rr_status rr_trace_best(rr_run *run, size_t turns, double budget_s, rr_trace *out, double *rest_s);

/** The same of this rank by itself, without MPI, on a global batch of so many rows. */
rr_status rr_trace_alone(const rr_train_options *options, size_t rows, size_t turns, double budget_s, rr_trace *pass,
                         double *rest_s);

/** Collective: ranks record one after the other, so that each has a core to itself. */
rr_status rr_trace_record_in_turns(rr_run *run, size_t warm_up, rr_trace *trace);

/** When the first gradients were ready: from then on there is something to hide. */
double rr_trace_first_ready(const rr_trace *trace);

#endif
