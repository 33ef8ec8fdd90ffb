/* Ranks: who they are, where they run, and what they agree on. mpi.h is included in src/dist alone. */
#ifndef RR_DIST_COMM_H
#define RR_DIST_COMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

typedef struct rr_comm rr_comm;

/**
 * Starts MPI (FUNNELED). Before MPI_Init, refuses a singleton under srun (SLURM_STEP_NUM_TASKS > 1 and neither
 * OMPI_COMM_WORLD_SIZE nor a PMIx/PMI rank) with advice; after it, the same if the world has one rank.
 * @return RR_ERR_INPUT (singleton), RR_ERR_RUNTIME
 */
rr_status rr_comm_open(int *argc, char ***argv, rr_comm **out);
/**
 * The same where a launcher has started the program; else one rank without MPI, for whom agreeing, broadcasting and
 * gathering work: a command that people use without mpirun then starts at once, and where no MPI is set up.
 */
rr_status rr_comm_open_if_launched(int *argc, char ***argv, rr_comm **out);
/** One rank by itself, without MPI: what agrees, combines and waits over ranks works, and returns at once. */
rr_status rr_comm_alone(rr_comm **out);
/** Collective: the first `ranks` ranks get a communicator of their own, to be closed before the whole; others NULL. */
rr_status rr_comm_first(rr_comm *comm, size_t ranks, rr_comm **out);
/** Collective; MPI_Finalize. After a failure of one rank use rr_comm_abort. */
void rr_comm_close(rr_comm *comm);

size_t rr_comm_rank(const rr_comm *comm);
size_t rr_comm_size(const rr_comm *comm);
size_t rr_comm_local_rank(const rr_comm *comm); /* on its node */
size_t rr_comm_local_size(const rr_comm *comm);
size_t rr_comm_node(const rr_comm *comm); /* nodes are numbered by their lowest rank */
size_t rr_comm_nodes(const rr_comm *comm);
const char *rr_comm_host(const rr_comm *comm);
const char *rr_comm_mpi_version(const rr_comm *comm); /* "Open MPI 4.1.4"; "no MPI" of a rank by itself */

/**
 * Collective. Set-up errors: every rank passes its own status; if any is not RR_OK all return the status of the lowest
 * failing rank with its message ("rank 3 (node7): ..." where not all ranks failed alike). Only rank 0 then prints.
 */
rr_status rr_comm_agree(rr_comm *comm, rr_status status);
/**
 * True if the last rr_comm_agree, _compare or _broadcast ended in a failure, which all ranks then know of and leave
 * with. A rank that fails where this is false is alone with it: rr_comm_abort.
 */
bool rr_comm_agreed(const rr_comm *comm);

/** Collective: bytes of rank root reach all. out is replaced on the other ranks. */
rr_status rr_comm_broadcast(rr_comm *comm, size_t root, rr_buffer *bytes);
rr_status rr_comm_broadcast_floats(rr_comm *comm, size_t root, float *values, size_t count);

/** Collective: counts[size] values a rank (may differ, may be 0) arrive on rank 0 in rank order; others may pass NULL.
 */
rr_status rr_comm_gather_doubles(rr_comm *comm, const double *values, const size_t *counts, double *out);
rr_status rr_comm_gather_floats(rr_comm *comm, const float *values, const size_t *counts, float *out);
/** Collective: on rank 0 the bytes of all ranks, in rank order, take the place of its own; elsewhere they stay. */
rr_status rr_comm_gather_bytes(rr_comm *comm, rr_buffer *bytes);

/** Collective, in place: largest value (NaN if any is), and sum, added in rank order: the same bits on all ranks. */
rr_status rr_comm_max_doubles(rr_comm *comm, double *values, size_t count);
rr_status rr_comm_sum_doubles(rr_comm *comm, double *values, size_t count);
/**
 * Collective, in place: values that are 0 on all ranks but one each, such as parts of an array that ranks have filled.
 */
rr_status rr_comm_sum_disjoint(rr_comm *comm, double *values, size_t count);
rr_status rr_comm_barrier(rr_comm *comm);
/** A barrier for waits of seconds: it asks once a millisecond, and leaves the core to others meanwhile. */
rr_status rr_comm_rest(rr_comm *comm);

/**
 * Collective: compares a 64-bit value over ranks. Equal: RR_OK. Else all return RR_ERR_RUNTIME, and the message names
 * the ranks that differ from the majority (of `what`, "parameters after step 120").
 */
rr_status rr_comm_compare(rr_comm *comm, uint64_t value, const char *what);

/**
 * When for so long no rank of the job is known to have made progress, it is ended (watchdog.h); before this is called,
 * after 300 s. 0: never.
 */
void rr_comm_limit_waits(rr_comm *comm, double seconds);
/** What comes now, a literal, and in which step; for the messages of a job that hangs. */
void rr_comm_phase(rr_comm *comm, const char *phase, uint64_t step);

/** Ends the whole job at once with that exit code, after printing rr_last_error() with rank and host. Never returns. */
_Noreturn void rr_comm_abort(rr_comm *comm, rr_status status);

/** Lines for the banner: hosts, their ranks, the cores of each, MPI version; warnings where cores are shared. */
rr_status rr_comm_placement(rr_comm *comm, rr_buffer *out); /* collective; text on rank 0 */

/** "4 ranks: 2 nodes of 2; Open MPI 4.1.4": what a checkpoint records as placement. Same on all ranks. */
const char *rr_comm_placement_key(const rr_comm *comm);

#endif
