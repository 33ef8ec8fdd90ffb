/*
 * Signs of life between the ranks, as datagrams (UDP) beside MPI: they come from a rank that computes or writes a file,
 * too, and they say who is silent when MPI waits. They may be lost, and nothing but watchdog.h hangs on them.
 */
#ifndef RR_DIST_HEARTBEAT_H
#define RR_DIST_HEARTBEAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dist/comm.h"

/**
 * What a rank says: the latest progress in the job that it knows of. Numbered and not timed, for hosts have clocks of
 * their own, and how long a message took nobody knows: whoever makes progress counts on from the largest number he
 * knows.
 */
typedef struct rr_beat {
    uint64_t number;
    size_t mover; /* the rank that made it */
} rr_beat;

typedef struct rr_heart rr_heart;

/**
 * Collective. Rank r sends to r + 1, 2, 4 ... and hears of r - 1, 2, 4 ..., so news is everywhere after log2(ranks)
 * beats. Where a host has no network, or its ranks no sockets, nothing comes from there: no failure.
 */
rr_status rr_heart_open(const rr_comm *comm, rr_heart **out);
void rr_heart_close(rr_heart *heart);

/** How many ranks this one hears of, and which. */
size_t rr_heart_peers(const rr_heart *heart);
size_t rr_heart_peer(const rr_heart *heart, size_t i);

void rr_heart_send(const rr_heart *heart, const rr_beat *beat);
/** The next beat that has come, and which of the peers sent it; false: there is none now. */
bool rr_heart_receive(const rr_heart *heart, size_t *peer, rr_beat *beat);

#endif
