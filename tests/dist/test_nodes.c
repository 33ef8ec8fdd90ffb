/* Who is where, on the nodes that RINGRNN_PRETEND_NODES draws. */
#include <string.h>

#include "dist/comm_private.h"
#include "ranks.h"

/* What the list says: the node of each rank by name, before nodes are numbered. */
static size_t named_node(size_t of_rank) {
    const char *list = getenv("RINGRNN_PRETEND_NODES");
    size_t entries = 1, at = 0;
    if (list == NULL) return 0;
    for (const char *p = list; *p != 0; p++) entries += *p == ',';
    for (at = of_rank % entries; at > 0; at--) list = strchr(list, ',') + 1;
    return (size_t)atoi(list);
}

static void nodes_and_local_ranks_are_those_of_the_list(void **state) {
    (void)state;
    size_t before = 0, local = 0, nodes = 0, mine = 0;
    for (size_t r = 0; r < ranks; r++) {
        bool first = true;
        for (size_t q = 0; q < r; q++) first &= named_node(q) != named_node(r);
        if (named_node(r) == named_node(rank)) {
            before += r < rank;
            local++;
            if (first) mine = nodes;
        }
        nodes += first;
    }
    expect(rr_comm_nodes(comm) == nodes);
    expect(rr_comm_node(comm) == mine);
    expect(rr_comm_local_rank(comm) == before);
    expect(rr_comm_local_size(comm) == local);
    settle();
}

static void counterparts_are_one_rank_of_each_node(void **state) {
    (void)state;
    uint64_t least = rr_comm_local_size(comm);
    MPI_Allreduce(MPI_IN_PLACE, &least, 1, MPI_UINT64_T, MPI_MIN, MPI_COMM_WORLD);
    expect(comm->slices == least);
    expect((comm->across != NULL) == (rr_comm_nodes(comm) > 1 && rr_comm_local_rank(comm) < least));
    if (comm->across != NULL) {
        uint64_t bounds[2] = {rr_comm_local_rank(comm), ~(uint64_t)rr_comm_local_rank(comm)};
        int their_rank, their_size;
        MPI_Comm_rank(comm->across->mpi, &their_rank);
        MPI_Comm_size(comm->across->mpi, &their_size);
        expect((size_t)their_rank == rr_comm_node(comm) && (size_t)their_size == rr_comm_nodes(comm));
        expect(comm->across->rank == (size_t)their_rank && comm->across->size == (size_t)their_size);
        MPI_Allreduce(MPI_IN_PLACE, bounds, 2, MPI_UINT64_T, MPI_MIN, comm->across->mpi);
        expect(bounds[0] == ~bounds[1]); /* all have the same local rank */
    }
    settle();
}

static int run(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_and_local_ranks_are_those_of_the_list),
        cmocka_unit_test(counterparts_are_one_rank_of_each_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv) { return run_ranks(&argc, &argv, run); }
