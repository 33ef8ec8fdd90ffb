#include "dist/sum_shards.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "dist/comm_private.h"
#include "dist/sum_ranks.h"

enum { TILE = 1024, LINE = RR_ALIGN / sizeof(float) }; /* floats */

struct rr_sum_shards {
    size_t stride;
    size_t part_count, sum_count;    /* arrays of all local ranks; what they are added to */
    size_t *part_rank, *part_number; /* [part_count] whose it is, which of that rank's */
    const float **parts;             /* [part_count] where it is */
    rr_tree_sum sums[RR_TREE_NODES]; /* each of the parts that follow those of the sum before */
    float *scratch;
    float *tiles; /* [sum_count, TILE] */
};

void rr_sum_shards_free(rr_sum_shards *sums) {
    if (sums == NULL) return;
    for (size_t i = 0; i < sums->sum_count; i++) rr_tree_sum_free(&sums->sums[i]);
    free(sums->part_rank);
    free(sums->part_number);
    free(sums->parts);
    free(sums->scratch);
    free(sums->tiles);
    free(sums);
}

/* The arrays of the local ranks, in order, and the nodes of the tree that they hold. */
static void list_parts(const rr_comm *comm, const rr_shard_parts *parts, rr_tree_node *nodes, rr_sum_shards *sums) {
    for (size_t rank = 0, local = 0; rank < comm->size; rank++) {
        if (comm->places[rank].node != comm->node) continue;
        size_t count = rr_shard_parts_nodes(parts, rank, nodes + sums->part_count);
        for (size_t k = 0; k < count; k++, sums->part_count++) {
            sums->part_rank[sums->part_count] = local;
            sums->part_number[sums->part_count] = k;
        }
        local++;
    }
}

static rr_status list_sums(const rr_comm *comm, const rr_shard_parts *parts, const rr_tree_node *nodes,
                           rr_sum_shards *sums) {
    rr_tree_node whole[RR_TREE_NODES];
    rr_shard_parts of_nodes;
    size_t scratch = 1, first = 0;
    RR_TRY(rr_shard_parts_of_nodes(comm, parts, &of_nodes));
    size_t count = rr_shard_parts_nodes(&of_nodes, comm->node, whole);
    rr_shard_parts_free(&of_nodes);
    for (; sums->sum_count < count; sums->sum_count++) {
        rr_tree_sum *sum = &sums->sums[sums->sum_count];
        size_t end = first;
        while (end < sums->part_count && nodes[end].end <= whole[sums->sum_count].end) end++;
        RR_TRY(rr_tree_sum_create(parts->shards, nodes + first, end - first, sum));
        if (rr_tree_sum_scratch(sum) > scratch) scratch = rr_tree_sum_scratch(sum);
        first = end;
    }
    sums->scratch = aligned_alloc(RR_ALIGN, (scratch / LINE + 1) * RR_ALIGN);
    sums->tiles = aligned_alloc(RR_ALIGN, (count + 1) * TILE * sizeof *sums->tiles);
    return sums->scratch != NULL && sums->tiles != NULL ? RR_OK : rr_fail(RR_ERR_NOMEM, "no memory for sums by shards");
}

rr_status rr_sum_shards_create(const rr_comm *comm, const rr_shard_parts *parts, rr_sum_shards **out) {
    size_t most = rr_shard_parts_total(parts) + RR_TREE_NODES; /* a rank's nodes are listed in place */
    rr_sum_shards *sums = calloc(1, sizeof *sums);
    rr_tree_node *nodes = calloc(most, sizeof *nodes);
    rr_status status = RR_ERR_NOMEM;
    if (sums == NULL || nodes == NULL) goto fail;
    sums->stride = parts->stride;
    sums->part_rank = calloc(most, sizeof *sums->part_rank);
    sums->part_number = calloc(most, sizeof *sums->part_number);
    sums->parts = calloc(most, sizeof *sums->parts);
    if (sums->part_rank == NULL || sums->part_number == NULL || sums->parts == NULL) goto fail;
    list_parts(comm, parts, nodes, sums);
    status = list_sums(comm, parts, nodes, sums);
    if (status != RR_OK) goto fail;
    free(nodes);
    *out = sums;
    return RR_OK;
fail:
    if (status == RR_ERR_NOMEM) rr_fail(status, "no memory for sums by shards");
    rr_sum_shards_free(sums);
    free(nodes);
    return status;
}

size_t rr_sum_shards_cost(const rr_sum_shards *sums, size_t ranks) {
    return sums->part_count + sums->sum_count * ranks;
}

/* Sums take the place of arrays when all of a tile are made. */
static void sum_tile(const rr_sum_shards *sums, float *const *arrays, size_t at, size_t size, size_t first,
                     size_t last) {
    for (size_t i = 0, part = 0; i < sums->sum_count; part += sums->sums[i++].count)
        rr_tree_sum_run(&sums->sums[i], sums->parts + part, at, size, sums->scratch, sums->tiles + i * TILE);
    for (size_t i = 0; i < sums->sum_count; i++)
        for (size_t rank = first; rank < last; rank++)
            memcpy(arrays[rank] + i * sums->stride + at, sums->tiles + i * TILE, size * sizeof *sums->tiles);
}

/* The first two ranks with an array each: there is one order, and one pass over memory is enough. */
static bool are_two_ranks(const rr_sum_shards *sums) {
    return sums->sum_count == 1 && sums->part_count == 2 && sums->part_rank[0] == 0 && sums->part_rank[1] == 1;
}

void rr_sum_shards_into(const rr_sum_shards *sums, float *const *arrays, size_t begin, size_t count, size_t first,
                        size_t last) {
    if (are_two_ranks(sums)) {
        rr_sum_ranks_into(arrays, 2, begin, count, first, last);
        return;
    }
    for (size_t i = 0; i < sums->part_count; i++)
        sums->parts[i] = arrays[sums->part_rank[i]] + sums->part_number[i] * sums->stride;
    for (size_t done = 0; done < count; done += TILE)
        sum_tile(sums, arrays, begin + done, count - done < TILE ? count - done : TILE, first, last);
}
