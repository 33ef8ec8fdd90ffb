/* What the files of this room share about a communicator. */
#ifndef RR_DIST_COMM_PRIVATE_H
#define RR_DIST_COMM_PRIVATE_H

#include <mpi.h>

#include "dist/comm.h"
#include "dist/placement.h"
#include "dist/shared_memory.h"

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
    double timeout_s; /* of waits within a step; 0: none. Set by the reducer, which has the configuration */
    bool agreed;      /* the last failure is known to all ranks */
    bool owns_mpi;    /* this communicator started MPI and ends it */
};

/** RR_OK for MPI_SUCCESS; else an error worded by MPI, after what was being done. */
rr_status rr_mpi_check(int code, const char *what);

/**
 * One turn of a loop that waits for other ranks. Zero-initialise. After a thousand turns each gives the core away,
 * which another rank may need to make progress.
 */
typedef struct rr_patience {
    size_t turns;
    double start_s;
} rr_patience;

/** @param[in] limit_s  0: for ever. @return RR_ERR_RUNTIME after limit_s */
rr_status rr_patience_turn(rr_patience *patience, double limit_s, const char *what);

/** Waits for a request of a collective. @param[in] limit_s  0: for ever */
rr_status rr_mpi_wait(MPI_Request *request, double limit_s, const char *what);

#endif
