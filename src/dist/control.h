/* What all ranks must know about a step, in one small non-blocking allreduce. Nothing local decides. */
#ifndef RR_DIST_CONTROL_H
#define RR_DIST_CONTROL_H

#include "dist/comm.h"

enum { RR_CONTROL_SUMS = 8, RR_CONTROL_MAXES = 8 };

/** Doubles that are summed, and doubles of which the largest counts; their meaning is the caller's (train/step.c). */
typedef struct rr_control {
    double sum[RR_CONTROL_SUMS];
    double max[RR_CONTROL_MAXES];
} rr_control;

typedef struct rr_control_exchange rr_control_exchange;

rr_status rr_control_create(rr_comm *comm, rr_control_exchange **out);
void rr_control_free(rr_control_exchange *exchange);

/** Starts the exchange of *local (copied). One at a time. */
rr_status rr_control_start(rr_control_exchange *exchange, const rr_control *local);
/** Moves it on. */
void rr_control_tick(rr_control_exchange *exchange);
/** Waits for it; same bits on all ranks. */
rr_status rr_control_wait(rr_control_exchange *exchange, rr_control *out);

#endif
