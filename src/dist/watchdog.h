/*
 * Ends a job in which nothing moves any more, from a thread outside MPI: also where MPI blocks, or MPI_Abort would.
 *
 * A rank is either at work (computing, reading, writing: however long that takes) or waits for others. It makes
 * progress while it is at work, and when something that it waited for has come. Heartbeats carry to all ranks when any
 * of them last made progress. So nobody is ended because another is slow; but when for dist.timeout_s no rank is known
 * to have made progress, there is nothing left to wait for: each says what it waits for and who is silent, and leaves
 * with _exit(1), those who miss a rank first. Time counts while the thread runs: a job that was suspended goes on.
 */
#ifndef RR_DIST_WATCHDOG_H
#define RR_DIST_WATCHDOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dist/comm.h"

typedef struct rr_watchdog rr_watchdog;

/** Collective, after the places are known. The limit is 300 s until it is set. NULL is a watchdog of one rank. */
rr_status rr_watchdog_start(const rr_comm *comm, rr_watchdog **out);
void rr_watchdog_stop(rr_watchdog *watchdog);

/** @param[in] seconds  without progress anywhere; 0: for ever */
void rr_watchdog_limit(rr_watchdog *watchdog, double seconds);
/** What the rank is about, a literal, and the step; for the message. Before the first: set-up. */
void rr_watchdog_phase(rr_watchdog *watchdog, const char *phase, uint64_t step);

/** This rank waits for others now (what: a literal), or is at work (NULL). Two stores. */
void rr_watchdog_waits(rr_watchdog *watchdog, const char *what);
/** Something that it waits for has come, though not yet all of it. */
void rr_watchdog_moved(rr_watchdog *watchdog);
/** True where the thread would like to know more about the wait: then rr_watchdog_tell it, in words. */
bool rr_watchdog_asks(const rr_watchdog *watchdog);
void rr_watchdog_tell(rr_watchdog *watchdog, const char *text);

/** The rank leaves the job with that code: if it is still there in 5 s, by _exit. */
void rr_watchdog_leave(rr_watchdog *watchdog, int exit_code);

#endif
