#include "dist/sum_rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "dist/allreduces.h"
#include "dist/comm_private.h"

/*
 * Every rank has a slot of the same size: how many rows each of its lists has, which they are, and the rows. By ranks
 * there is one list; by shards there is one for each whole node of the rank's run.
 */
struct rr_sum_rows {
    float *grad;        /* of list k: [rows[k]->height, width], stride floats after that of the list before */
    rr_row_list **rows; /* [lists] */
    size_t lists, stride;
    size_t width, capacity;
    size_t ranks, slot, mine; /* slot: floats; mine: the one that this rank owns */
    size_t head;              /* floats before the rows: whose it is, counts, numbers of rows, up to a whole line */
    const rr_allreduce_ops *ops;
    rr_allreduce *gather;
    rr_shared *slots; /* [ranks, slot] */
    bool under_way;

    /* by shards */
    rr_tree_sum order;     /* of the parts of all ranks */
    size_t *first_part;    /* [ranks + 1] */
    int32_t *chains;       /* [height]: the first of `entries` with that row, -1 for none */
    struct entry *entries; /* [ranks * capacity] */
    size_t entry_count;
    const float **parts; /* [order.count] of one row */
    float *scratch;
    size_t rank;
};

/* A row of some part. */
typedef struct entry {
    const float *row;
    int32_t part, next;
} entry;

enum { LINE = RR_ALIGN / sizeof(float) };

bool rr_rows_are_less(size_t rows, size_t height, size_t width) {
    return 2.0 * (double)rows * (double)(width + 1) <= (double)height * (double)width;
}

static float *slot_of(const rr_sum_rows *op, size_t number) { return rr_shared_mine(op->slots) + number * op->slot; }

/* Numbers travel in the place of floats, bit by bit: the rank, the counts, the rows of one list after the other. */
static int32_t *numbers_of(float *slot) { return (int32_t *)(void *)slot; }

void rr_sum_rows_free(rr_sum_rows *op) {
    if (op == NULL) return;
    if (op->gather != NULL) op->ops->free(op->gather);
    rr_shared_free(op->slots);
    rr_tree_sum_free(&op->order);
    free(op->first_part);
    free(op->chains);
    free(op->entries);
    free(op->parts);
    free(op->scratch);
    free(op->rows);
    free(op);
}

/* What sums by shards need: whose parts stand where in the order of all, and rows found by their number. */
static rr_status prepare_order(const rr_shard_parts *parts, size_t height, rr_sum_rows *op) {
    RR_TRY(rr_shard_parts_sum(parts, 0, parts->ranks, &op->order));
    if (op->ranks * op->capacity > INT32_MAX) return rr_fail(RR_ERR_NOMEM, "too many rows for a sum of rows");
    op->first_part = calloc(op->ranks + 1, sizeof *op->first_part);
    op->chains = malloc((height + 1) * sizeof *op->chains);
    op->entries = malloc((op->ranks * op->capacity + 1) * sizeof *op->entries);
    op->parts = calloc(op->order.count, sizeof *op->parts);
    op->scratch = malloc(rr_tree_sum_scratch(&op->order) * sizeof *op->scratch);
    if (op->first_part == NULL || op->chains == NULL || op->entries == NULL || op->parts == NULL || op->scratch == NULL)
        return rr_fail(RR_ERR_NOMEM, "no memory for a sum of rows");
    for (size_t i = 0; i < height; i++) op->chains[i] = -1;
    for (size_t rank = 0; rank < op->ranks; rank++) {
        rr_tree_node nodes[RR_TREE_NODES];
        op->first_part[rank + 1] = op->first_part[rank] + rr_shard_parts_nodes(parts, rank, nodes);
    }
    return RR_OK;
}

static rr_status prepare(rr_comm *comm, const rr_shard_parts *parts, rr_row_list *const *rows, size_t lists,
                         size_t width, size_t capacity, rr_sum_rows **out) {
    rr_sum_rows *op = calloc(1, sizeof *op);
    if (op == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a sum of rows");
    *out = op;
    size_t head = (1 + lists + capacity + LINE - 1) / LINE * LINE;
    *op = (rr_sum_rows){.lists = lists,
                        .stride = parts != NULL ? parts->stride : 0,
                        .width = width,
                        .capacity = capacity,
                        .rank = comm->rank,
                        .ranks = comm->size,
                        .head = head,
                        .slot = (head + capacity * width + LINE - 1) / LINE * LINE,
                        /* On several nodes `shared` has owners on the smallest node's ranks alone. */
                        .ops = comm->nodes == 1 ? &rr_allreduce_shared : &rr_allreduce_ring};
    op->rows = calloc(lists, sizeof *op->rows);
    if (op->rows == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a sum of rows");
    memcpy(op->rows, rows, lists * sizeof *op->rows);
    return parts != NULL ? prepare_order(parts, rows[0]->height, op) : RR_OK;
}

rr_status rr_sum_rows_create(rr_comm *comm, float *grad, rr_row_list *rows, size_t width, size_t capacity, size_t tag,
                             rr_sum_rows **out) {
    return rr_sum_rows_create_by_shards(comm, NULL, grad, &rows, 1, width, capacity, tag, out);
}

rr_status rr_sum_rows_create_by_shards(rr_comm *comm, const rr_shard_parts *parts, float *grad,
                                       rr_row_list *const *rows, size_t lists, size_t width, size_t capacity,
                                       size_t tag, rr_sum_rows **out) {
    rr_sum_rows *op = NULL;
    rr_status status = rr_comm_agree(comm, prepare(comm, parts, rows, lists, width, capacity, &op));
    if (status == RR_OK && op != NULL) status = rr_comm_shared_floats(comm, op->ranks * op->slot, &op->slots);
    if (status == RR_OK && op != NULL) {
        size_t floats = op->ranks * op->slot;
        status = rr_comm_agree(comm, op->ops->create(comm, floats, op->slot, tag, &op->gather));
        if (status != RR_OK && op->ops == &rr_allreduce_shared && rr_comm_agreed(comm)) { /* no room for its buffers */
            op->ops = &rr_allreduce_ring;
            status = rr_comm_agree(comm, op->ops->create(comm, floats, op->slot, tag, &op->gather));
        }
        if (status == RR_OK) op->mine = op->ops->own(op->gather, floats).begin / op->slot;
    }
    if (status != RR_OK || op == NULL) {
        rr_sum_rows_free(op);
        return status;
    }
    op->grad = grad;
    *out = op;
    return RR_OK;
}

/* Copies a list into the slot, behind `count` rows; they come back with those of the others. */
static void pack(rr_sum_rows *op, size_t list, size_t count) {
    const rr_row_list *rows = op->rows[list];
    float *slot = slot_of(op, op->mine), *grad = op->grad + list * op->stride;
    int32_t *numbers = numbers_of(slot) + 1 + op->lists + count;
    for (size_t i = 0; i < rows->count; i++) {
        float *row = grad + (size_t)rows->numbers[i] * op->width;
        numbers[i] = rows->numbers[i];
        memcpy(slot + op->head + (count + i) * op->width, row, op->width * sizeof *row);
        memset(row, 0, op->width * sizeof *row);
    }
    numbers_of(slot)[1 + list] = (int32_t)rows->count;
}

rr_status rr_sum_rows_start(rr_sum_rows *op) {
    size_t count = 0;
    for (size_t list = 0; list < op->lists; list++) count += op->rows[list]->count;
    if (count > op->capacity)
        return rr_fail(RR_ERR_RUNTIME, "a rank wrote %zu rows of a gradient, prepared were %zu", count, op->capacity);
    numbers_of(slot_of(op, op->mine))[0] = (int32_t)op->rank;
    for (size_t list = 0, before = 0; list < op->lists; before += op->rows[list++]->count) pack(op, list, before);
    for (size_t list = 1; list < op->lists; list++)
        rr_row_list_clear(op->rows[list], op->grad + list * op->stride, op->width);
    op->under_way = true;
    return op->ops->start(op->gather, RR_ALLGATHER, rr_shared_mine(op->slots), op->ranks * op->slot);
}

/* Whether what a slot says of itself can be. */
static rr_status check_slot(const rr_sum_rows *op, float *slot) {
    const int32_t *numbers = numbers_of(slot), *rows = numbers + 1 + op->lists;
    size_t count = 0;
    if (numbers[0] < 0 || (size_t)numbers[0] >= op->ranks)
        return rr_fail(RR_ERR_RUNTIME, "rows came from rank %d of %zu", (int)numbers[0], op->ranks);
    for (size_t list = 0; list < op->lists; list++) {
        if (numbers[1 + list] < 0 || (size_t)numbers[1 + list] > op->capacity - count)
            return rr_fail(RR_ERR_RUNTIME, "a rank sent %d rows, prepared were %zu", (int)numbers[1 + list],
                           op->capacity);
        count += (size_t)numbers[1 + list];
    }
    for (size_t i = 0; i < count; i++)
        if (rows[i] < 0 || (size_t)rows[i] >= op->rows[0]->height)
            return rr_fail(RR_ERR_RUNTIME, "a rank sent row %d of %zu", (int)rows[i], op->rows[0]->height);
    return RR_OK;
}

/* In the order of ranks. */
static void add_slot(rr_sum_rows *op, float *slot) {
    const int32_t *numbers = numbers_of(slot);
    for (size_t i = 0; i < (size_t)numbers[1]; i++) {
        const float *from = slot + op->head + i * op->width;
        float *to = op->grad + (size_t)numbers[2 + i] * op->width;
        for (size_t k = 0; k < op->width; k++) to[k] += from[k];
        rr_row_list_add(op->rows[0], (size_t)numbers[2 + i]);
    }
}

/* In the order of shards: rows are listed first, each chained to those of the same number. */
static void chain_slot(rr_sum_rows *op, float *slot) {
    const int32_t *numbers = numbers_of(slot), *rows = numbers + 1 + op->lists;
    size_t part = op->first_part[numbers[0]], last = op->first_part[numbers[0] + 1];
    for (size_t list = 0, at = 0; list < op->lists && part < last; list++, part++)
        for (size_t i = 0; i < (size_t)numbers[1 + list]; i++, at++) {
            size_t number = (size_t)rows[at];
            op->entries[op->entry_count] =
                (entry){.row = slot + op->head + at * op->width, .part = (int32_t)part, .next = op->chains[number]};
            op->chains[number] = (int32_t)op->entry_count++;
            rr_row_list_add(op->rows[0], number);
        }
}

static void add_chains(rr_sum_rows *op) {
    for (size_t i = 0; i < op->rows[0]->count; i++) {
        size_t number = (size_t)op->rows[0]->numbers[i];
        for (int32_t at = op->chains[number]; at >= 0; at = op->entries[at].next)
            op->parts[op->entries[at].part] = op->entries[at].row;
        rr_tree_sum_run(&op->order, op->parts, 0, op->width, op->scratch, op->grad + number * op->width);
        for (int32_t at = op->chains[number]; at >= 0; at = op->entries[at].next)
            op->parts[op->entries[at].part] = NULL;
        op->chains[number] = -1;
    }
    op->entry_count = 0;
}

/* Slots of all ranks are there. */
static rr_status add(rr_sum_rows *op) {
    for (size_t number = 0; number < op->ranks; number++) {
        float *slot = slot_of(op, number);
        RR_TRY(check_slot(op, slot));
        if (op->first_part != NULL)
            chain_slot(op, slot);
        else
            add_slot(op, slot);
    }
    if (op->first_part != NULL) add_chains(op);
    return RR_OK;
}

rr_status rr_sum_rows_test(rr_sum_rows *op, bool *done) {
    *done = !op->under_way;
    if (*done) return RR_OK;
    RR_TRY(op->ops->test(op->gather, done));
    if (!*done) return RR_OK;
    op->under_way = false;
    return add(op);
}
