/* Memory that the ranks of a node share: a part of each rank, which all of them see. */
#ifndef RR_DIST_WINDOW_H
#define RR_DIST_WINDOW_H

#include "dist/comm_private.h"

typedef struct rr_window {
    const rr_comm *comm;
    MPI_Win mpi; /* MPI_WIN_NULL where the rank is alone on its node: then plain is the memory */
    void *plain;
    unsigned char **parts; /* [local_size] where this rank sees the parts of all, RR_ALIGN-aligned */
} rr_window;

/**
 * Collective over all nodes: bytes a rank, zeroed by the rank they belong to. A failure is agreed on.
 * @param[in] spare  bytes a rank that must stay free in /dev/shm beside them
 * @return RR_ERR_NOMEM where a node has no room, RR_ERR_RUNTIME where this MPI cannot share memory; *out is closed then
 */
rr_status rr_window_open(rr_comm *comm, size_t bytes, size_t spare, rr_window *out);

/** Collective over the ranks of a node: nobody may use the window any more. A window of zeroes is closed already. */
void rr_window_close(rr_window *window);

#endif
