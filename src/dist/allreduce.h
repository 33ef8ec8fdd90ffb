/* Sums of float arrays over ranks, non-blocking. A new algorithm is one file and one line in allreduce.c. */
#ifndef RR_DIST_ALLREDUCE_H
#define RR_DIST_ALLREDUCE_H

#include "dist/comm.h"

enum { RR_ALLREDUCE_AUTO = 0 };

typedef struct rr_allreduce rr_allreduce; /* one operation that is under way; defined by each algorithm */

typedef struct rr_allreduce_ops {
    const char *name, *help;
    /** True if it can sum that many bytes over these ranks and nodes. */
    bool (*fits)(size_t bytes, size_t ranks, size_t nodes);
    /** Collective. Prepares sums of up to max_count floats; tag (0 .. 4095): another one for each under way at once. */
    rr_status (*create)(rr_comm *comm, size_t max_count, size_t tag, rr_allreduce **out);
    /** Starts the sum of values[count] in place; all ranks pass the same count. values must stay until done. */
    rr_status (*start)(rr_allreduce *operation, float *values, size_t count);
    /** Moves it on without waiting; *done is set when values hold the sum. */
    rr_status (*test)(rr_allreduce *operation, bool *done);
    /** Waits until it is done. */
    rr_status (*wait)(rr_allreduce *operation);
    void (*free)(rr_allreduce *operation);
} rr_allreduce_ops;

extern const rr_allreduce_ops *const rr_allreduces[];
extern const size_t rr_allreduce_count;

/** What `auto` means: a pure function of bytes, ranks and nodes, from a committed table. */
const rr_allreduce_ops *rr_allreduce_choose(size_t choice, size_t bytes, size_t ranks, size_t nodes);

/** The rows of that table which count for so many ranks and nodes: ONE_NODE, ONE_RANK_A_NODE or SEVERAL_NODES. */
const char *rr_allreduce_layout(size_t ranks, size_t nodes);

/** MPI_Allreduce, which blocks, in place: what benchmarks compare with. */
rr_status rr_allreduce_baseline(rr_comm *comm, float *values, size_t count);

#endif
