/*
 * Tests that run on several ranks. None may leave a test early: the others would wait for it for ever. So a test counts
 * what it finds wrong, and ends with settle(), where all ranks learn how much that was and pass or fail together.
 */
#ifndef RR_TESTS_DIST_RANKS_H
#define RR_TESTS_DIST_RANKS_H

#include <mpi.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dist/comm.h"

static rr_comm *comm;
static size_t rank, ranks;
static int wrong;

#define expect(condition)                                                                                              \
    do {                                                                                                               \
        if (!(condition) && wrong++ < 5)                                                                               \
            fprintf(stderr, "%s:%d: rank %zu of %zu: %s\n    last error: %s\n", __FILE__, __LINE__, rank, ranks,       \
                    #condition, rr_last_error());                                                                      \
    } while (0)

/* MPI directly: what is tested here does not judge itself. */
static inline void settle(void) {
    int all = 0;
    MPI_Allreduce(&wrong, &all, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    wrong = 0;
    assert_int_equal(all, 0);
}

/* Collective: true on all ranks if all have the same bytes. */
static inline int same_on_all(uint64_t value) {
    uint64_t bounds[2] = {value, ~value};
    MPI_Allreduce(MPI_IN_PLACE, bounds, 2, MPI_UINT64_T, MPI_MIN, MPI_COMM_WORLD);
    return bounds[0] == ~bounds[1];
}

/* A small generator of test values; each rank may have a seed of its own. */
static inline uint32_t next_random(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

static inline int run_ranks(int *argc, char ***argv, int (*run)(void)) {
    if (rr_comm_open(argc, argv, &comm) != RR_OK) {
        fprintf(stderr, "%s\n", rr_last_error());
        return 1;
    }
    rank = rr_comm_rank(comm);
    ranks = rr_comm_size(comm);
    if (rank != 0 && freopen("/dev/null", "w", stdout) == NULL) return 1; /* one rank reports */
    int failed = run();
    rr_comm_close(comm);
    return failed;
}

#endif
