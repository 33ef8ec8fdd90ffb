#include "dist/shard_parts.h"

#include <stdlib.h>
#include <string.h>

#include "dist/comm_private.h"

rr_status rr_shard_parts_create(size_t shards, size_t ranks, size_t stride, rr_shard_parts *out) {
    rr_shard_parts parts = {
        .shards = shards, .ranks = ranks, .stride = stride, .first = malloc((ranks + 1) * sizeof *parts.first)};
    if (parts.first == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the shards of %zu ranks", ranks);
    for (size_t rank = 0; rank <= ranks; rank++) parts.first[rank] = rr_first_shard(shards, rank, ranks);
    *out = parts;
    return RR_OK;
}

rr_status rr_shard_parts_of_counts(const size_t *counts, size_t ranks, size_t stride, rr_shard_parts *out) {
    RR_TRY(rr_shard_parts_create(0, ranks, stride, out));
    for (size_t rank = 0; rank < ranks; rank++) out->first[rank + 1] = out->first[rank] + counts[rank];
    out->shards = out->first[ranks];
    return RR_OK;
}

rr_status rr_shard_parts_copy(const rr_shard_parts *parts, rr_shard_parts *out) {
    RR_TRY(rr_shard_parts_create(parts->shards, parts->ranks, parts->stride, out));
    memcpy(out->first, parts->first, (parts->ranks + 1) * sizeof *out->first);
    return RR_OK;
}

rr_status rr_shard_parts_of_nodes(const rr_comm *comm, const rr_shard_parts *parts, rr_shard_parts *out) {
    RR_TRY(rr_shard_parts_create(parts->shards, comm->nodes, parts->stride, out));
    for (size_t rank = comm->size; rank-- > 0;) out->first[comm->places[rank].node] = parts->first[rank];
    return RR_OK;
}

void rr_shard_parts_free(rr_shard_parts *parts) {
    free(parts->first);
    *parts = (rr_shard_parts){0};
}

size_t rr_shard_parts_nodes(const rr_shard_parts *parts, size_t rank, rr_tree_node out[RR_TREE_NODES]) {
    return rr_tree_nodes(parts->shards, parts->first[rank], parts->first[rank + 1], out);
}

size_t rr_shard_parts_most(const rr_shard_parts *parts) {
    rr_tree_node nodes[RR_TREE_NODES];
    size_t most = 1;
    for (size_t rank = 0; rank < parts->ranks; rank++) {
        size_t count = rr_shard_parts_nodes(parts, rank, nodes);
        if (count > most) most = count;
    }
    return most;
}

size_t rr_shard_parts_total(const rr_shard_parts *parts) {
    rr_tree_node nodes[RR_TREE_NODES];
    size_t total = 0;
    for (size_t rank = 0; rank < parts->ranks; rank++) total += rr_shard_parts_nodes(parts, rank, nodes);
    return total;
}

rr_status rr_shard_parts_sum(const rr_shard_parts *parts, size_t first_rank, size_t end_rank, rr_tree_sum *out) {
    rr_tree_node nodes[RR_TREE_NODES];
    size_t count = 0;
    rr_tree_node *all = malloc((rr_shard_parts_total(parts) + 1) * sizeof *all);
    if (all == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the order of a sum over %zu ranks", parts->ranks);
    for (size_t rank = first_rank; rank < end_rank; rank++) {
        size_t mine = rr_shard_parts_nodes(parts, rank, nodes);
        for (size_t k = 0; k < mine; k++) all[count++] = nodes[k];
    }
    rr_status status = rr_tree_sum_create(parts->shards, all, count, out);
    free(all);
    return status;
}

bool rr_comm_nodes_are_runs(const rr_comm *comm) {
    for (size_t rank = 1; rank < comm->size; rank++)
        if (comm->places[rank].node < comm->places[rank - 1].node) return false;
    return true;
}

rr_status rr_comm_shard_arrays(const rr_comm *comm, const rr_shard_parts *parts, size_t *out) {
    rr_shard_parts nodes;
    size_t most = rr_shard_parts_most(parts);
    RR_TRY(rr_shard_parts_of_nodes(comm, parts, &nodes));
    if (rr_comm_nodes_are_runs(comm) && rr_shard_parts_most(&nodes) > most) most = rr_shard_parts_most(&nodes);
    rr_shard_parts_free(&nodes);
    *out = most;
    return RR_OK;
}
