/*
 * Sums in the order of a tree (math/tree_sum.h), by messages: the order does not depend on who has what. Values are cut
 * into ranges, one for each rank. Everybody sends everybody's range to its owner, who adds up what has come and sends
 * the sum to all: the bytes of a ring where a rank has one array, in two turns of messages, whatever their number.
 *
 * With shards of the global batch a rank has several arrays, as many as its run has whole nodes; all of them travel.
 * Without, each rank is a shard.
 */
#include <stdlib.h>

#include "base/arena.h"
#include "dist/allreduces.h"
#include "dist/comm_private.h"

enum {
    WORK = 256 * 1024, /* floats that one test may add: a quarter of a millisecond at 4 GB/s */
    LINE = RR_ALIGN / sizeof(float)
};

typedef enum phase { IDLE, COLLECTING, SUMMING, SPREADING } phase;

struct rr_allreduce {
    rr_comm *comm;
    int tag;
    size_t unit, max_count, room; /* room: floats for a range that comes in */
    rr_shard_parts parts;
    rr_tree_sum sum;     /* of all parts of all ranks, in order: */
    size_t *part_rank;   /* [sum.count] whose it is */
    size_t *part_number; /* [sum.count] which of the arrays of that rank */
    size_t arrays;       /* of this rank */
    float *incoming;     /* [sum.count, room]; nothing where a part is this rank's own */
    const float **from;  /* [sum.count] where the parts of this rank's range are */
    float *scratch;

    phase phase;
    rr_exchange exchange;
    float *values; /* [count], and the other arrays of this rank behind it */
    size_t count, cursor;
    MPI_Request *requests; /* of one turn */
    size_t request_count;
};

static rr_range range_of(const rr_allreduce *op, size_t rank) {
    return rr_range_of_units(op->count, op->unit, rank, op->comm->size);
}

static size_t size_of(rr_range range) { return range.end - range.begin; }

static void free_operation(rr_allreduce *op) {
    if (op == NULL) return;
    rr_shard_parts_free(&op->parts);
    rr_tree_sum_free(&op->sum);
    free(op->part_rank);
    free(op->part_number);
    free(op->incoming);
    free(op->from);
    free(op->scratch);
    free(op->requests);
    free(op);
}

static float *floats(size_t count) { return aligned_alloc(RR_ALIGN, (count / LINE + 1) * LINE * sizeof(float)); }

static rr_status find_parts(rr_allreduce *op) {
    rr_tree_node nodes[RR_TREE_NODES];
    size_t ranks = op->comm->size, total = rr_shard_parts_total(&op->parts), count = 0;
    RR_TRY(rr_shard_parts_sum(&op->parts, 0, ranks, &op->sum));
    op->part_rank = calloc(total, sizeof *op->part_rank);
    op->part_number = calloc(total, sizeof *op->part_number);
    op->from = calloc(total, sizeof *op->from);
    if (op->part_rank == NULL || op->part_number == NULL || op->from == NULL)
        return rr_fail(RR_ERR_NOMEM, "no memory for an allreduce");
    for (size_t rank = 0; rank < ranks; rank++) {
        size_t mine = rr_shard_parts_nodes(&op->parts, rank, nodes);
        if (rank == op->comm->rank) op->arrays = mine;
        for (size_t k = 0; k < mine; k++, count++) {
            op->part_rank[count] = rank;
            op->part_number[count] = k;
        }
    }
    return RR_OK;
}

/* Takes the parts over, also where it fails. */
static rr_status create(rr_comm *comm, rr_shard_parts parts, size_t max_count, size_t unit, size_t tag,
                        rr_allreduce **out) {
    rr_allreduce *op = calloc(1, sizeof *op);
    if (op == NULL) {
        rr_shard_parts_free(&parts);
        return rr_fail(RR_ERR_NOMEM, "no memory for an allreduce");
    }
    *op = (rr_allreduce){.comm = comm, .tag = (int)tag, .unit = unit, .max_count = max_count, .parts = parts};
    rr_status status = find_parts(op);
    op->room = ((max_count / unit / comm->size + 1) * unit + LINE - 1) / LINE * LINE; /* the largest: of any count, the
                                                                                         first */
    if (status == RR_OK && tag >= RR_TAGS)
        status = rr_fail(RR_ERR_RUNTIME, "tag %zu of an allreduce; allowed are 0 to %d", tag, RR_TAGS - 1);
    if (status == RR_OK && op->room > RR_PIECE)
        status = rr_fail(RR_ERR_INPUT, "%zu floats are too many for a message; a lower dist.bucket_mb helps", op->room);
    if (status == RR_OK && comm->size > 1) {
        op->incoming = floats(op->sum.count * op->room);
        op->scratch = floats(rr_tree_sum_scratch(&op->sum));
        op->requests = calloc(op->sum.count + (op->arrays + 2) * comm->size, sizeof(MPI_Request));
        if (op->incoming == NULL || op->scratch == NULL || op->requests == NULL)
            status = rr_fail(RR_ERR_NOMEM, "no memory for the buffers of an allreduce");
    }
    if (status != RR_OK) {
        free_operation(op);
        return status;
    }
    *out = op;
    return RR_OK;
}

/* Without communication: a failure on one rank is the caller's to agree on. */
static rr_status create_of_ranks(rr_comm *comm, size_t max_count, size_t unit, size_t tag, rr_allreduce **out) {
    rr_shard_parts parts;
    RR_TRY(rr_shard_parts_create(comm->size, comm->size, 0, &parts));
    return create(comm, parts, max_count, unit, tag, out);
}

rr_status rr_allreduce_tree_create(rr_comm *comm, const rr_shard_parts *parts, size_t max_count, size_t unit,
                                   size_t tag, rr_allreduce **out) {
    rr_shard_parts copy;
    RR_TRY(rr_shard_parts_copy(parts, &copy));
    return create(comm, copy, max_count, unit, tag, out);
}

static bool fits(size_t bytes, size_t ranks, size_t nodes) {
    (void)bytes, (void)ranks, (void)nodes;
    return true;
}

static rr_range own(const rr_allreduce *op, size_t count) {
    return rr_range_of_units(count, op->unit, op->comm->rank, op->comm->size);
}

static rr_status receive(rr_allreduce *op, float *to, size_t size, size_t rank) {
    if (size == 0) return RR_OK;
    return rr_mpi_check(
        MPI_Irecv(to, (int)size, MPI_FLOAT, (int)rank, op->tag, op->comm->mpi, &op->requests[op->request_count++]),
        "receiving in a sum over ranks");
}

static rr_status send(rr_allreduce *op, const float *from, size_t size, size_t rank) {
    if (size == 0) return RR_OK;
    return rr_mpi_check(
        MPI_Isend(from, (int)size, MPI_FLOAT, (int)rank, op->tag, op->comm->mpi, &op->requests[op->request_count++]),
        "sending in a sum over ranks");
}

/* Everybody's parts of my range come in, mine of theirs go out; each begins with its neighbour, so that not all of them
 * send to the same. */
static rr_status collect(rr_allreduce *op) {
    const rr_comm *comm = op->comm;
    rr_range mine = range_of(op, comm->rank);
    op->phase = COLLECTING;
    op->request_count = 0;
    for (size_t p = 0; p < op->sum.count; p++) {
        op->from[p] = op->values + op->part_number[p] * op->parts.stride + mine.begin;
        if (op->part_rank[p] == comm->rank) continue;
        op->from[p] = op->incoming + p * op->room;
        RR_TRY(receive(op, op->incoming + p * op->room, size_of(mine), op->part_rank[p]));
    }
    for (size_t i = 1; i < comm->size; i++) {
        size_t rank = (comm->rank + i) % comm->size;
        rr_range theirs = range_of(op, rank);
        for (size_t k = 0; k < op->arrays; k++)
            RR_TRY(send(op, op->values + k * op->parts.stride + theirs.begin, size_of(theirs), rank));
    }
    return RR_OK;
}

static rr_status spread(rr_allreduce *op) {
    const rr_comm *comm = op->comm;
    rr_range mine = range_of(op, comm->rank);
    op->phase = SPREADING;
    op->request_count = 0;
    for (size_t i = 1; i < comm->size; i++) {
        size_t from = (comm->rank + comm->size - i) % comm->size;
        rr_range theirs = range_of(op, from);
        RR_TRY(receive(op, op->values + theirs.begin, size_of(theirs), from));
    }
    for (size_t i = 1; i < comm->size; i++)
        RR_TRY(send(op, op->values + mine.begin, size_of(mine), (comm->rank + i) % comm->size));
    return RR_OK;
}

static rr_status start(rr_allreduce *op, rr_exchange exchange, float *values, size_t count) {
    if (op->phase != IDLE) return rr_fail(RR_ERR_RUNTIME, "this allreduce is under way already");
    if (count > op->max_count)
        return rr_fail(RR_ERR_RUNTIME, "an allreduce of %zu floats was prepared for %zu", count, op->max_count);
    if (op->comm->size == 1 || count == 0) return RR_OK;
    op->exchange = exchange;
    op->values = values;
    op->count = count;
    op->cursor = 0;
    return exchange == RR_ALLGATHER ? spread(op) : collect(op);
}

static rr_status sum_segment(rr_allreduce *op) {
    rr_range mine = range_of(op, op->comm->rank);
    size_t left = size_of(mine) - op->cursor, most = WORK / op->sum.count / LINE * LINE + LINE;
    size_t size = left < most ? left : most;
    rr_tree_sum_run(&op->sum, op->from, op->cursor, size, op->scratch, op->values + mine.begin + op->cursor);
    op->cursor += size;
    if (size < left) return RR_OK;
    if (op->exchange == RR_ALLREDUCE) return spread(op);
    op->phase = IDLE;
    return RR_OK;
}

static rr_status test(rr_allreduce *op, bool *done) {
    int here = 0;
    *done = op->phase == IDLE;
    if (*done) return RR_OK;
    if (op->phase == SUMMING) {
        RR_TRY(sum_segment(op));
        *done = op->phase == IDLE;
        return RR_OK;
    }
    RR_TRY(rr_mpi_check(MPI_Testall((int)op->request_count, op->requests, &here, MPI_STATUSES_IGNORE),
                        "in a sum over ranks"));
    if (!here) return RR_OK;
    op->phase = op->phase == COLLECTING ? SUMMING : IDLE;
    *done = op->phase == IDLE;
    return RR_OK;
}

const rr_allreduce_ops rr_allreduce_tree = {
    .name = "tree",
    .help = "every rank gets its range from all others, adds in the order of a balanced tree, and sends the sum to all",
    .fits = fits,
    .create = create_of_ranks,
    .start = start,
    .own = own,
    .test = test,
    .free = free_operation};
