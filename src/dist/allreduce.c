#include "dist/allreduce.h"

#include "dist/allreduces.h"
#include "dist/comm_private.h"

const rr_allreduce_ops *const rr_allreduces[] = {&rr_allreduce_ring, &rr_allreduce_mpi, &rr_allreduce_shared,
                                                 &rr_allreduce_tree,
                                                 &rr_allreduce_halving}; /* names: dist_config.c too */
const size_t rr_allreduce_count = sizeof rr_allreduces / sizeof *rr_allreduces;

/* How ranks lie on nodes, as far as it decides. */
typedef enum layout {
    ONE_NODE,
    ONE_RANK_A_NODE, /* and as many as a power of two, or */
    RANKS_THAT_FOLD, /* another number */
    SEVERAL_NODES
} layout;

/*
 * What `auto` means: the first row that holds. Bits of results depend on it, so it changes only with a note to users.
 * Chunks are the bytes over ranks: what a rank adds up, or sends at a time. Within a node nothing is quicker than
 * shared memory at any size (`bench allreduce --tune` writes the rows of the layout that it runs on). Between nodes a
 * ring takes 2 (N-1) messages one after the other, halving 2 log2 N: where chunks are small, that counts more than
 * the bytes (tools/simulate shows from where). Ranks that fold send all their bytes twice more.
 */
typedef struct table_row {
    layout layout;
    size_t min_chunk_bytes;
    const rr_allreduce_ops *ops;
} table_row;

static const table_row table[] = {
    {ONE_NODE, 0, &rr_allreduce_shared},         {ONE_RANK_A_NODE, 32768, &rr_allreduce_ring},
    {ONE_RANK_A_NODE, 0, &rr_allreduce_halving}, {RANKS_THAT_FOLD, 2048, &rr_allreduce_ring},
    {RANKS_THAT_FOLD, 0, &rr_allreduce_halving}, {SEVERAL_NODES, 8192, &rr_allreduce_shared},
    {SEVERAL_NODES, 0, &rr_allreduce_mpi},
};

static layout find_layout(size_t ranks, size_t nodes) {
    if (nodes <= 1) return ONE_NODE;
    if (nodes < ranks) return SEVERAL_NODES;
    return (ranks & (ranks - 1)) == 0 ? ONE_RANK_A_NODE : RANKS_THAT_FOLD;
}

const char *rr_allreduce_layout(size_t ranks, size_t nodes) {
    static const char *const names[] = {"ONE_NODE", "ONE_RANK_A_NODE", "RANKS_THAT_FOLD", "SEVERAL_NODES"};
    return names[find_layout(ranks, nodes)];
}

rr_range rr_range_of_units(size_t count, size_t unit, size_t part, size_t parts) {
    size_t units = count / unit + (count % unit > 0), share = units / parts, rest = units % parts;
    size_t begin = (share * part + (part < rest ? part : rest)) * unit;
    size_t end = begin + (share + (part < rest)) * unit;
    return (rr_range){begin < count ? begin : count, end < count ? end : count};
}

const rr_allreduce_ops *rr_allreduce_choose(size_t choice, size_t bytes, size_t ranks, size_t nodes) {
    if (choice != RR_ALLREDUCE_AUTO && choice <= rr_allreduce_count) return rr_allreduces[choice - 1];
    layout found = find_layout(ranks, nodes);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].layout == found && bytes / (ranks > 0 ? ranks : 1) >= table[i].min_chunk_bytes &&
            table[i].ops->fits(bytes, ranks, nodes))
            return table[i].ops;
    return &rr_allreduce_mpi;
}

rr_status rr_allreduce_wait(const rr_comm *comm, const rr_allreduce_ops *ops, rr_allreduce *operation) {
    rr_wait wait = rr_wait_begin(comm, "a sum over ranks");
    for (bool done;; rr_wait_turn(&wait)) {
        RR_TRY(ops->test(operation, &done));
        if (done) break;
    }
    rr_wait_end(&wait);
    return RR_OK;
}
