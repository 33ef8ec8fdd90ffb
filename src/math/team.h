/*
 * Threads that compute together. They are started once and kept; work is given to all of them at a time and shared by
 * the index of the thread. A NULL team is the calling thread alone.
 */
#ifndef RR_MATH_TEAM_H
#define RR_MATH_TEAM_H

#include <stddef.h>

#include "base/error.h"

typedef struct rr_team rr_team;

/** Starts threads - 1 threads beside the caller. @return RR_ERR_RUNTIME, RR_ERR_NOMEM; *out is NULL for one thread */
rr_status rr_team_create(size_t threads, rr_team **out);
void rr_team_free(rr_team *team);

size_t rr_team_size(const rr_team *team);

/** Calls work(ctx, thread, threads) on every thread, 0 on the caller, and returns when all have returned. */
void rr_team_run(rr_team *team, void (*work)(void *ctx, size_t thread, size_t threads), void *ctx);

/** Within work: waits until every thread is here. Memory written before is seen by all after. */
void rr_team_barrier(rr_team *team);

/** A part [first, end) of something counted. */
typedef struct rr_share {
    size_t first, end;
} rr_share;

/** The thread's even share of count things. */
static inline rr_share rr_share_of(size_t count, size_t thread, size_t threads) {
    return (rr_share){count * thread / threads, count * (thread + 1) / threads};
}

#endif
