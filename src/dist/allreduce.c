#include "dist/allreduce.h"

#include "dist/allreduces.h"

const rr_allreduce_ops *const rr_allreduces[] = {&rr_allreduce_ring, &rr_allreduce_mpi}; /* names: dist_config.c too */
const size_t rr_allreduce_count = sizeof rr_allreduces / sizeof *rr_allreduces;

/*
 * What `auto` means: the first row that holds. Bits of results depend on it, so it changes only with a note to users.
 * A ring takes 2 (N-1) messages one after the other, a tree 2 log2 N: where chunks are small, that outweighs the bytes.
 * Between 2 ranks of a node (bench_allreduce) the ring is ahead of MPI_Iallreduce at all sizes, from 1 MiB by a
 * quarter.
 */
typedef struct table_row {
    size_t min_nodes;
    size_t min_chunk_bytes; /* bytes over ranks: what a rank sends at a time; below some size, latency rules */
    const rr_allreduce_ops *ops;
} table_row;

static const table_row table[] = {
    {1, 8192, &rr_allreduce_ring},
    {1, 0, &rr_allreduce_mpi},
};

const rr_allreduce_ops *rr_allreduce_choose(size_t choice, size_t bytes, size_t ranks, size_t nodes) {
    if (choice != RR_ALLREDUCE_AUTO && choice <= rr_allreduce_count) return rr_allreduces[choice - 1];
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (nodes >= table[i].min_nodes && bytes / (ranks > 0 ? ranks : 1) >= table[i].min_chunk_bytes &&
            table[i].ops->fits(bytes, ranks, nodes))
            return table[i].ops;
    return &rr_allreduce_mpi;
}
