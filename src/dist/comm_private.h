/* What the files of this room share about a communicator. */
#ifndef RR_DIST_COMM_PRIVATE_H
#define RR_DIST_COMM_PRIVATE_H

#include <mpi.h>

#include "dist/comm.h"
#include "dist/placement.h"
#include "dist/shared_memory.h"
#include "dist/watchdog.h"

enum {
    RR_TAGS = 4096, /* tags below are those of allreduces under way */
    RR_TAG_GATHER = 4096,
    RR_PIECE = 1 << 28 /* elements of one message at most: counts are int, and bytes should stay below 2^31 too */
};

struct rr_comm {
    MPI_Comm mpi;   /* a duplicate of MPI_COMM_WORLD whose errors return */
    MPI_Comm local; /* the ranks of this node */
    size_t rank, size, local_rank, local_size, node, nodes;
    size_t slices;         /* local_size of the smallest node: so many local ranks have a counterpart on every node */
    rr_comm *across;       /* these counterparts, rank = node; NULL on one node, and where there is not one on each */
    rr_shared *shared;     /* arrays that ranks of a node share, the newest first */
    size_t shared_created; /* how many there have been */
    rr_rank_place *places; /* [size] host and node of every rank */
    char mpi_version[64];  /* "Open MPI 4.1.4" */
    rr_buffer placement_key;
    rr_watchdog *watchdog; /* NULL: one rank */
    bool agreed;           /* the last failure is known to all ranks */
    bool owns_mpi;         /* this communicator started MPI and ends it */
    bool owns_watchdog;    /* one that was made of another borrows that one's */
};

/** RR_OK for MPI_SUCCESS; else an error worded by MPI, after what was being done. */
rr_status rr_mpi_check(int code, const char *what);

/**
 * A loop that waits for other ranks, as the watchdog sees it: begin, a turn each time round, end. Where it is left by
 * an error the next wait takes its place. After a thousand turns each gives the core away, which another rank may need
 * to make progress.
 */
typedef struct rr_wait {
    rr_watchdog *watchdog;
    size_t turns;
} rr_wait;

/** @param[in] what  a literal that goes on after "waits for" */
rr_wait rr_wait_begin(const rr_comm *comm, const char *what);
/** @return true where the watchdog would like to know more: then rr_watchdog_tell */
bool rr_wait_turn(rr_wait *wait);
void rr_wait_end(const rr_wait *wait);

/** Waits for a request of a collective. */
rr_status rr_mpi_wait(const rr_comm *comm, MPI_Request *request, const char *what);

/** The rank of comm that is local_rank on that node. */
size_t rr_comm_rank_on(const rr_comm *comm, size_t node, size_t local_rank);

#endif
