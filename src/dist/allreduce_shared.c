/*
 * Sums through memory that the ranks of a node share: no message is sent there, and nothing copied.
 *
 * Values are cut into slices, one for a rank. An operation goes in rounds, mostly one. In each, ranks say that their
 * values are there, and where; when all have, every rank adds up its slice over all ranks and writes the sum to all of
 * them; when all have done that, the round is over. A reduce-scatter leaves the sum where it is, an allgather only
 * writes. What does not lie in an array that the ranks share (shared_memory.h) goes in several rounds, a piece of each
 * slice at a time, through a buffer of the operation. Where there is little to add, every rank puts it into its buffer
 * and adds up all for itself: one wait instead of two.
 *
 * On several nodes the sum of a slice over the node goes through a ring of the ranks that have this slice on all nodes,
 * before it is written to the others: halves of that ring for halves of the sum. The smallest node has a rank for each
 * slice; further ranks of others only wait. Values must then lie in a shared array: pieces would go through the ring in
 * another order than the whole.
 *
 * By shards of the global batch, ranks have several arrays, whose slices are added in the order of a tree: on one node
 * to the sum, on several to what the node's run of shards has as whole nodes of the tree, with which `tree` takes the
 * place of the ring.
 *
 * A line of flags a rank, of which it alone is the writer; they count rounds and never go back. Buffers and what is
 * said of a round have two halves, used in turns: a rank that writes into a half has seen all ranks come to the round
 * before, so all have left the one before that, which used the same half.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "dist/allreduces.h"
#include "dist/comm_private.h"
#include "dist/sum_ranks.h"
#include "dist/sum_shards.h"
#include "dist/window.h"

enum {
    HALF = 32 * 1024,          /* floats of a half buffer: two and a partner's share an L2 cache */
    SHARED_HALF = 4 * 1024,    /* where arrays are shared, little goes through buffers */
    FEW = 256,                 /* floats over all ranks that each adds up for itself */
    FEW_ELSEWHERE = 16 * 1024, /* the same where values must be copied anyhow */
    WORK = 512 * 1024,         /* floats that one test may read or write: half a millisecond at 4 GB/s */
    LINE = 16,                 /* floats of a cache line */
    IDLE_TESTS = 64,           /* without a change, then MPI gets a turn */
    SPARE = 1 << 20            /* bytes a rank left in /dev/shm */
};

/* What a rank says of its values in a round; it must be the same for all. */
typedef struct statement {
    uint64_t count, array, offset; /* array: 4 times its number, 0 for values elsewhere, + the exchange */
} statement;

typedef struct flag_line {
    _Atomic uint64_t arrived, finished; /* rounds */
    statement said[2];
} flag_line;

_Static_assert(sizeof(flag_line) == RR_ALIGN, "one cache line");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "flags work between processes");

typedef enum phase { IDLE, ARRIVING, SUMMING, EXCHANGING, SPREADING, FINISHING } phase;

struct rr_allreduce {
    rr_comm *comm;
    rr_window window; /* a part: flag_line, [2, half] floats */
    size_t max_count, unit, half;
    rr_allreduce *ring; /* of this slice over nodes; NULL on one node, and without a slice */
    const rr_allreduce_ops *ring_ops;
    rr_sum_shards *shards; /* NULL: in the order of ranks */
    float **arrays;        /* [local_size] the round's values as this rank sees them */

    uint64_t round;
    phase phase;
    rr_exchange exchange;
    float *values; /* [count] */
    size_t count;
    rr_shared_place place; /* number 0: elsewhere */
    bool alone;            /* every rank adds up all for itself */
    size_t done, step;     /* floats of each slice: in the rounds before; at most in one */
    size_t size, cursor;   /* of this rank's slice in this round; how much of that is done */
    size_t seen;           /* local ranks that have come as far */
    size_t idle;
};

static flag_line *line_of(const rr_allreduce *op, size_t local_rank) {
    return (flag_line *)(void *)op->window.parts[local_rank];
}

static float *buffer_of(const rr_allreduce *op, size_t local_rank) {
    unsigned char *part = op->window.parts[local_rank] + sizeof(flag_line);
    return (float *)(void *)part + op->round % 2 * op->half;
}

static bool fits(size_t bytes, size_t ranks, size_t nodes) {
    (void)bytes, (void)ranks, (void)nodes;
    return true;
}

static void free_operation(rr_allreduce *op) {
    if (op == NULL) return;
    rr_window_close(&op->window);
    if (op->ring != NULL) op->ring_ops->free(op->ring);
    rr_sum_shards_free(op->shards);
    free(op->arrays);
    free(op);
}

static rr_status create_across(const rr_comm *comm, const rr_shard_parts *parts, size_t max_count, size_t unit,
                               size_t tag, rr_allreduce *op) {
    size_t slice = (max_count / unit / comm->slices + 1) * unit;
    if (parts == NULL) return rr_allreduce_ring.create(comm->across, slice, unit, tag, &op->ring);
    rr_shard_parts of_nodes;
    RR_TRY(rr_shard_parts_of_nodes(comm, parts, &of_nodes));
    rr_status status = rr_allreduce_tree_create(comm->across, &of_nodes, slice, unit, tag, &op->ring);
    rr_shard_parts_free(&of_nodes);
    return status;
}

/* What one rank does alone. */
static rr_status prepare(rr_comm *comm, const rr_shard_parts *parts, size_t max_count, size_t unit, size_t tag,
                         rr_allreduce **out) {
    if (tag >= RR_TAGS)
        return rr_fail(RR_ERR_RUNTIME, "tag %zu of an allreduce; allowed are 0 to %d", tag, RR_TAGS - 1);
    rr_allreduce *op = calloc(1, sizeof *op);
    if (op == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for an allreduce");
    *op = (rr_allreduce){.comm = comm, .max_count = max_count, .unit = unit, .window = {.mpi = MPI_WIN_NULL}};
    op->arrays = malloc(comm->local_size * sizeof *op->arrays);
    size_t half = rr_shared_any(comm) ? SHARED_HALF : HALF;
    op->half = max_count < half ? (max_count + LINE - 1) / LINE * LINE : half;
    if (op->half < comm->slices * LINE) op->half = comm->slices * LINE;
    op->ring_ops = parts != NULL ? &rr_allreduce_tree : &rr_allreduce_ring;
    rr_status status = op->arrays != NULL ? RR_OK : rr_fail(RR_ERR_NOMEM, "no memory for an allreduce");
    if (status == RR_OK && parts != NULL) status = rr_sum_shards_create(comm, parts, &op->shards);
    if (status == RR_OK && comm->across != NULL) status = create_across(comm, parts, max_count, unit, tag, op);
    if (status != RR_OK) {
        free_operation(op);
        return status;
    }
    *out = op;
    return RR_OK;
}

rr_status rr_allreduce_shared_create(rr_comm *comm, const rr_shard_parts *parts, size_t max_count, size_t unit,
                                     size_t tag, rr_allreduce **out) {
    rr_allreduce *op = NULL;
    rr_status status = rr_comm_agree(comm, prepare(comm, parts, max_count, unit, tag, &op));
    if (status == RR_OK && op != NULL)
        status = rr_window_open(comm, sizeof(flag_line) + 2 * op->half * sizeof(float), SPARE, &op->window);
    if (status != RR_OK || op == NULL) {
        free_operation(op);
        return status;
    }
    *out = op;
    return RR_OK;
}

static rr_status create(rr_comm *comm, size_t max_count, size_t unit, size_t tag, rr_allreduce **out) {
    return rr_allreduce_shared_create(comm, NULL, max_count, unit, tag, out);
}

static bool works_in_place(const rr_allreduce *op) { return op->place.number > 0 && !op->alone; }

static rr_range slice_of(const rr_allreduce *op, size_t local_rank) {
    if (local_rank >= op->comm->slices) return (rr_range){op->count, op->count};
    return rr_range_of_units(op->count, op->unit, local_rank, op->comm->slices);
}

/* What of a slice this round is about. */
static rr_range piece_of(const rr_allreduce *op, size_t local_rank) {
    rr_range slice = slice_of(op, local_rank);
    size_t size = slice.end - slice.begin, begin = op->done < size ? op->done : size;
    size_t left = size - begin;
    return (rr_range){slice.begin + begin, slice.begin + begin + (left < op->step ? left : op->step)};
}

/* Whose slices a rank hands in, and takes back when they are done. */
static bool gives(const rr_allreduce *op, size_t local_rank) {
    return op->exchange != RR_ALLGATHER || local_rank == op->comm->local_rank;
}

static bool takes(const rr_allreduce *op, size_t local_rank) {
    return op->exchange != RR_REDUCE_SCATTER || local_rank == op->comm->local_rank;
}

static void fill_buffer(const rr_allreduce *op) {
    float *buffer = buffer_of(op, op->comm->local_rank);
    if (op->alone) memcpy(buffer, op->values, op->count * sizeof *buffer);
    for (size_t rank = 0; rank < op->comm->slices && !op->alone; rank++) {
        rr_range piece = piece_of(op, rank);
        if (gives(op, rank))
            memcpy(buffer + rank * op->step, op->values + piece.begin, (piece.end - piece.begin) * sizeof *buffer);
    }
}

static void empty_buffer(const rr_allreduce *op) {
    const float *buffer = buffer_of(op, op->comm->local_rank);
    for (size_t rank = 0; rank < op->comm->slices; rank++) {
        rr_range piece = piece_of(op, rank);
        if (takes(op, rank))
            memcpy(op->values + piece.begin, buffer + rank * op->step, (piece.end - piece.begin) * sizeof *buffer);
    }
}

/* Where this rank's slice of the round begins in the memory of another. */
static float *slice_in(const rr_allreduce *op, size_t local_rank) {
    size_t mine = op->comm->local_rank;
    if (op->alone) return buffer_of(op, local_rank);
    if (!works_in_place(op)) return buffer_of(op, local_rank) + (mine < op->comm->slices ? mine * op->step : 0);
    return rr_shared_of(op->place.shared, local_rank) + op->place.offset + piece_of(op, mine).begin;
}

static void start_round(rr_allreduce *op) {
    size_t mine = op->comm->local_rank;
    rr_range piece = piece_of(op, mine);
    if (!works_in_place(op)) fill_buffer(op);
    op->size = piece.end - piece.begin;
    op->cursor = op->seen = 0;
    op->phase = ARRIVING;
    flag_line *line = line_of(op, mine);
    line->said[op->round % 2] = (statement){
        .count = op->count, .array = 4 * op->place.number + (uint64_t)op->exchange, .offset = op->place.offset};
    atomic_store_explicit(&line->arrived, op->round + 1, memory_order_release);
}

static rr_range own(const rr_allreduce *op, size_t count) {
    size_t slices = op->comm->slices, mine = op->comm->local_rank;
    if (mine >= slices) return (rr_range){count, count};
    rr_range slice = rr_range_of_units(count, op->unit, mine, slices);
    if (op->ring == NULL) return slice;
    rr_range part = op->ring_ops->own(op->ring, slice.end - slice.begin);
    return (rr_range){slice.begin + part.begin, slice.begin + part.end};
}

static rr_status start(rr_allreduce *op, rr_exchange exchange, float *values, size_t count) {
    const rr_comm *comm = op->comm;
    if (op->phase != IDLE) return rr_fail(RR_ERR_RUNTIME, "this allreduce is under way already");
    if (count > op->max_count)
        return rr_fail(RR_ERR_RUNTIME, "an allreduce of %zu floats was prepared for %zu", count, op->max_count);
    if (comm->size == 1 || count == 0) return RR_OK;
    op->exchange = exchange;
    op->values = values;
    op->count = count;
    op->done = op->idle = 0;
    op->place = (rr_shared_place){0};
    bool in_place = rr_shared_find(comm, values, count, &op->place);
    if (!in_place && comm->nodes > 1)
        return rr_fail(RR_ERR_RUNTIME, "on several nodes `shared` sums only what lies in memory that ranks share");
    if (!in_place && op->shards != NULL && exchange != RR_ALLGATHER)
        return rr_fail(RR_ERR_RUNTIME, "by shards `shared` sums only what lies in memory that ranks share");
    size_t few = in_place ? FEW : FEW_ELSEWHERE;
    op->alone = op->shards == NULL && exchange != RR_ALLGATHER && comm->nodes == 1 && count * comm->local_size <= few &&
                count <= op->half;
    op->step = in_place || op->alone ? count : op->half / comm->slices / LINE * LINE;
    start_round(op);
    return RR_OK;
}

static rr_status check_statement(const rr_allreduce *op, size_t local_rank) {
    const statement *mine = &line_of(op, op->comm->local_rank)->said[op->round % 2];
    const statement *said = &line_of(op, local_rank)->said[op->round % 2];
    if (said->count == mine->count && said->array == mine->array && said->offset == mine->offset) return RR_OK;
    return rr_fail(RR_ERR_RUNTIME,
                   "ranks started an exchange with different values: %zu floats at %zu of array %zu on local rank %zu, "
                   "%zu floats at %zu of array %zu on %zu",
                   (size_t)mine->count, (size_t)mine->offset, (size_t)mine->array / 4, op->comm->local_rank,
                   (size_t)said->count, (size_t)said->offset, (size_t)said->array / 4, local_rank);
}

/* Sets *here if all ranks of the node have come to this round. */
static rr_status see_arrivals(rr_allreduce *op, bool *here) {
    for (; op->seen < op->comm->local_size; op->seen++) {
        flag_line *line = line_of(op, op->seen);
        if (atomic_load_explicit(&line->arrived, memory_order_acquire) <= op->round) return RR_OK;
        RR_TRY(check_statement(op, op->seen));
        op->arrays[op->seen] = slice_in(op, op->seen);
    }
    *here = true;
    return RR_OK;
}

static bool see_ends(rr_allreduce *op) {
    for (; op->seen < op->comm->local_size; op->seen++) {
        flag_line *line = line_of(op, op->seen);
        if (atomic_load_explicit(&line->finished, memory_order_acquire) <= op->round) return false;
    }
    return true;
}

static void end_round(rr_allreduce *op) {
    rr_range largest = slice_of(op, 0);
    op->round++;
    op->done += op->step;
    if (op->done < largest.end - largest.begin)
        start_round(op);
    else
        op->phase = IDLE;
}

static void end_slice(rr_allreduce *op) {
    op->seen = 0;
    op->phase = FINISHING;
    flag_line *mine = line_of(op, op->comm->local_rank);
    atomic_store_explicit(&mine->finished, op->round + 1, memory_order_release);
}

/* The next part of the slice, and as much of it as *work allows; each float costs `cost` of that. */
static size_t take_segment(rr_allreduce *op, size_t cost, size_t *work) {
    size_t most = *work / cost / LINE * LINE, left = op->size - op->cursor;
    size_t size = left < most ? left : most > LINE ? most : left < LINE ? left : LINE;
    *work -= *work < size * cost ? *work : size * cost;
    return size;
}

static void sum_segment(rr_allreduce *op, size_t *work) {
    size_t ranks = op->comm->local_size, mine = op->comm->local_rank;
    bool kept = op->ring != NULL || op->exchange == RR_REDUCE_SCATTER; /* the others get it afterwards, or not */
    size_t first = kept ? mine : 0, last = kept ? mine + 1 : ranks;
    size_t cost = op->shards == NULL ? ranks + (last - first) : rr_sum_shards_cost(op->shards, last - first);
    size_t size = take_segment(op, 1 + cost, work);
    if (op->shards == NULL)
        rr_sum_ranks_into(op->arrays, ranks, op->cursor, size, first, last);
    else
        rr_sum_shards_into(op->shards, op->arrays, op->cursor, size, first, last);
    op->cursor += size;
}

static void spread_segment(rr_allreduce *op, size_t *work) {
    size_t ranks = op->comm->local_size, mine = op->comm->local_rank, size = take_segment(op, ranks + 1, work);
    for (size_t rank = 0; rank < ranks; rank++)
        if (rank != mine) memcpy(op->arrays[rank] + op->cursor, op->arrays[mine] + op->cursor, size * sizeof(float));
    op->cursor += size;
}

/* To the other nodes. */
static rr_status start_ring(rr_allreduce *op) {
    op->phase = EXCHANGING;
    return op->ring_ops->start(op->ring, op->exchange, op->arrays[op->comm->local_rank], op->size);
}

/* All have arrived. */
static rr_status start_slice(rr_allreduce *op) {
    if (op->alone) {
        rr_sum_ranks(op->arrays, op->comm->local_size, 0, op->count, op->values);
        end_round(op);
        return RR_OK;
    }
    op->phase = op->exchange == RR_ALLGATHER ? SPREADING : SUMMING;
    return op->phase == SPREADING && op->ring != NULL && op->size > 0 ? start_ring(op) : RR_OK;
}

/* After the last segment of the sum. */
static rr_status end_sum(rr_allreduce *op) {
    if (op->ring != NULL && op->size > 0) return start_ring(op);
    end_slice(op);
    return RR_OK;
}

/* After the ring. */
static void end_exchange(rr_allreduce *op) {
    op->cursor = 0;
    if (op->exchange == RR_REDUCE_SCATTER)
        end_slice(op);
    else
        op->phase = SPREADING;
}

/* One thing of those that are possible; *moved is cleared where others have to do something first. */
static rr_status move_on(rr_allreduce *op, size_t *work, bool *moved) {
    bool ready = false;
    switch (op->phase) {
    case IDLE:
        break;
    case ARRIVING:
        RR_TRY(see_arrivals(op, &ready));
        if (!ready) break;
        return start_slice(op);
    case SUMMING:
        if (op->cursor < op->size) sum_segment(op, work);
        return op->cursor == op->size ? end_sum(op) : RR_OK;
    case EXCHANGING:
        RR_TRY(op->ring_ops->test(op->ring, &ready));
        if (!ready) break;
        end_exchange(op);
        return RR_OK;
    case SPREADING:
        spread_segment(op, work);
        if (op->cursor == op->size) end_slice(op);
        return RR_OK;
    case FINISHING:
        if (!see_ends(op)) break;
        if (!works_in_place(op)) empty_buffer(op);
        *work -= *work < op->size ? *work : op->size;
        end_round(op);
        return RR_OK;
    }
    *moved = false;
    return RR_OK;
}

static rr_status test(rr_allreduce *op, bool *done) {
    size_t work = WORK;
    bool moved = true;
    *done = false;
    while (op->phase != IDLE && work > 0) {
        RR_TRY(move_on(op, &work, &moved));
        if (moved) {
            rr_watchdog_moved(op->comm->watchdog);
            continue;
        }
        /* Who waits here may owe others a message that only moves on inside MPI. */
        int found;
        if (++op->idle % IDLE_TESTS != 0) return RR_OK;
        return rr_mpi_check(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, op->comm->mpi, &found, MPI_STATUS_IGNORE),
                            "moving MPI on");
    }
    *done = op->phase == IDLE;
    return RR_OK;
}

/* In the ring: its counterpart on another node. Else the first on this node that has not come. */
static size_t peer(const rr_allreduce *op) {
    const rr_comm *comm = op->comm;
    if (op->phase == EXCHANGING) return rr_comm_rank_on(comm, rr_allreduce_ring.peer(op->ring), comm->local_rank);
    return op->seen < comm->local_size ? rr_comm_rank_on(comm, comm->node, op->seen) : comm->rank;
}

const rr_allreduce_ops rr_allreduce_shared = {
    .name = "shared",
    .help =
        "within a node each rank adds up its slice of memory that all share; over nodes a ring of those with a slice",
    .fits = fits,
    .create = create,
    .start = start,
    .own = own,
    .test = test,
    .peer = peer,
    .free = free_operation};
