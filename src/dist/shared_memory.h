/* Arrays in memory that the ranks of a node share, so that sums over ranks need no messages there. */
#ifndef RR_DIST_SHARED_MEMORY_H
#define RR_DIST_SHARED_MEMORY_H

#include "dist/comm.h"

typedef struct rr_shared rr_shared;

/**
 * Collective: count floats a rank (the same count on all), zeroed, RR_ALIGN-aligned, each rank's on pages that itself
 * touched first. They are shared with the other ranks of the node where these exist and /dev/shm has the room on every
 * node; else the memory is plain, which is no failure. The allreduce `shared` sums what lies in such an array in place,
 * and other memory through buffers of its own. A failure is agreed on.
 */
rr_status rr_comm_shared_floats(rr_comm *comm, size_t count, rr_shared **out);

/** Collective. Free it after the operations on it, and before the communicator is closed. */
void rr_shared_free(rr_shared *shared);

/** This rank's [count]. */
float *rr_shared_mine(const rr_shared *shared);

/** For the banner: "shared memory, 12.5 MiB a rank", or "plain memory: " and why. The same on all ranks. */
const char *rr_shared_line(const rr_shared *shared);

/** The [count] of another rank of the node; NULL in plain memory, except of this rank. */
float *rr_shared_of(const rr_shared *shared, size_t local_rank);

/** True if there is such an array that is no plain memory of a failed attempt; the same on all ranks. */
bool rr_shared_any(const rr_comm *comm);

/** A place in an array: the same on all ranks that passed the same place. */
typedef struct rr_shared_place {
    const rr_shared *shared;
    size_t number; /* of the array, from 1 on */
    size_t offset; /* floats */
} rr_shared_place;

/** True if values[count] lie in an array whose parts all ranks of this node see. */
bool rr_shared_find(const rr_comm *comm, const float *values, size_t count, rr_shared_place *out);

#endif
