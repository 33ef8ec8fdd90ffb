/*
 * A pass of a rank, forward and backward, recorded: when it ticks, and when which gradients are ready. What is known of
 * it can be played again by waiting, or be put into a model of a cluster.
 */
#ifndef RR_BENCH_TRACE_H
#define RR_BENCH_TRACE_H

#include "train/run.h"

/** A call of a hook. */
typedef struct rr_trace_event {
    double s;   /* since the pass began */
    size_t end; /* of the gradients that are ready, floats of the arena; 0: a tick */
} rr_trace_event;

/** Zero-initialise. */
typedef struct rr_trace {
    double pass_s; /* how long it took */
    rr_trace_event *events;
    size_t count, room;
    double start_s;
    bool failed; /* no memory */
} rr_trace;

/** The last of `warm_up` + 1 passes over this rank's rows, of the run's first batch. Not collective. */
rr_status rr_trace_record(rr_run *run, size_t warm_up, rr_trace *trace);
void rr_trace_free(rr_trace *trace);

/** Collective: ranks record one after the other, so that each has a core to itself. */
rr_status rr_trace_record_in_turns(rr_run *run, size_t warm_up, rr_trace *trace);

/** When the first gradients were ready: from then on there is something to hide. */
double rr_trace_first_ready(const rr_trace *trace);

#endif
