/* Where ranks run, as text. Pure functions: the communicator gathers what they are given. */
#ifndef RR_DIST_PLACEMENT_H
#define RR_DIST_PLACEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

enum { RR_HOST_SIZE = 64, RR_MAX_CORES = 4096 };

typedef struct rr_rank_place {
    char host[RR_HOST_SIZE];
    size_t node; /* nodes are numbered by their lowest rank */
} rr_rank_place;

/** A set of cores, each named by the number of its first hardware thread. */
typedef struct rr_core_set {
    uint64_t words[RR_MAX_CORES / 64];
} rr_core_set;

/** The cores that the calling thread may run on; an empty set where the system does not say. */
void rr_core_set_of_this_thread(rr_core_set *out);

/**
 * "4 ranks: 2 nodes of 2; Open MPI 4.1.4": what bits may depend on. Which hosts the nodes are makes no difference.
 */
void rr_placement_key_write(const rr_rank_place *places, size_t ranks, const char *mpi_version, rr_buffer *out);

/**
 * Lines for the banner: nodes of equal shape (hosts numbered through, as many ranks, the same cores) share one; then
 * warnings.
 * @param[in] cores  [ranks]
 */
rr_status rr_placement_describe(const rr_rank_place *places, const rr_core_set *cores, size_t ranks,
                                const char *mpi_version, rr_buffer *out);

/** Appends "0-3, 7" for the numbers below size that are chosen; at most some 16 pieces, then "...". */
void rr_number_ranges(bool (*chosen)(const void *set, size_t number), const void *set, size_t size, rr_buffer *out);

#endif
