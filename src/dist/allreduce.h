/* Sums of float arrays over ranks, whole or in halves, non-blocking. A new algorithm is one file and one line in
 * allreduce.c. */
#ifndef RR_DIST_ALLREDUCE_H
#define RR_DIST_ALLREDUCE_H

#include "dist/comm.h"

enum { RR_ALLREDUCE_AUTO = 0 };

typedef struct rr_allreduce rr_allreduce; /* one operation that is under way; defined by each algorithm */

/** What is done with values[count]. The halves one after the other give the bits of the whole. */
typedef enum rr_exchange {
    RR_ALLREDUCE,      /* all ranks get the sum of all */
    RR_REDUCE_SCATTER, /* the part that a rank owns holds the sum; the rest of its values, anything */
    RR_ALLGATHER       /* all ranks get each part from the rank that owns it */
} rr_exchange;

/** A range of an array. */
typedef struct rr_range {
    size_t begin, end;
} rr_range;

typedef struct rr_allreduce_ops {
    const char *name, *help;
    /** True if it can sum that many bytes over these ranks and nodes. */
    bool (*fits)(size_t bytes, size_t ranks, size_t nodes);
    /**
     * Collective. Prepares sums of up to max_count floats. What ranks own begins at multiples of unit (>= 1) floats;
     * tag (0 .. 4095): another one for each under way at once.
     */
    rr_status (*create)(rr_comm *comm, size_t max_count, size_t unit, size_t tag, rr_allreduce **out);
    /** Starts the exchange of values[count] in place; all ranks pass the same. values must stay until done. */
    rr_status (*start)(rr_allreduce *operation, rr_exchange exchange, float *values, size_t count);
    /** The part of values[count] that this rank owns; those of all ranks make the whole. */
    rr_range (*own)(const rr_allreduce *operation, size_t count);
    /** Moves it on without waiting; *done is set when values hold what the exchange promises. */
    rr_status (*test)(rr_allreduce *operation, bool *done);
    /** The rank that an operation under way waits for at the moment; may be NULL: unknown. For messages. */
    size_t (*peer)(const rr_allreduce *operation);
    void (*free)(rr_allreduce *operation);
} rr_allreduce_ops;

extern const rr_allreduce_ops *const rr_allreduces[];
extern const size_t rr_allreduce_count;

/** Waits until an operation that was started is done. */
rr_status rr_allreduce_wait(const rr_comm *comm, const rr_allreduce_ops *ops, rr_allreduce *operation);

/** What `auto` means: a pure function of bytes, ranks and nodes, from a committed table. */
const rr_allreduce_ops *rr_allreduce_choose(size_t choice, size_t bytes, size_t ranks, size_t nodes);

/** Part `part` of count floats in `parts` parts of about the same number of units; the last unit may be short. */
rr_range rr_range_of_units(size_t count, size_t unit, size_t part, size_t parts);

/** The rows of that table which count for so many ranks and nodes: ONE_NODE, ONE_RANK_A_NODE ... */
const char *rr_allreduce_layout(size_t ranks, size_t nodes);

/** MPI_Allreduce, which blocks, in place: what benchmarks compare with. */
rr_status rr_allreduce_baseline(rr_comm *comm, float *values, size_t count);

#endif
