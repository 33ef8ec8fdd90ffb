#include "dist/sum_rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "dist/allreduces.h"
#include "dist/comm_private.h"

/* Every rank has a slot of the same size: the number of its rows, which they are, and the rows. */
struct rr_sum_rows {
    float *grad; /* [rows->height, width] */
    rr_row_list *rows;
    size_t width, capacity;
    size_t ranks, slot, mine; /* slot: floats; mine: the one that this rank owns */
    size_t head;              /* floats before the rows: the count, the numbers of the rows, up to a whole cache line */
    const rr_allreduce_ops *ops;
    rr_allreduce *gather;
    rr_shared *slots; /* [ranks, slot] */
    bool under_way;
};

enum { LINE = RR_ALIGN / sizeof(float) };

bool rr_rows_are_less(size_t rows, size_t height, size_t width) {
    return 2.0 * (double)rows * (double)(width + 1) <= (double)height * (double)width;
}

static float *slot_of(const rr_sum_rows *op, size_t number) { return rr_shared_mine(op->slots) + number * op->slot; }

/* Numbers travel in the place of floats, bit by bit. */
static int32_t *numbers_of(float *slot) { return (int32_t *)(void *)slot; }

void rr_sum_rows_free(rr_sum_rows *op) {
    if (op == NULL) return;
    if (op->gather != NULL) op->ops->free(op->gather);
    rr_shared_free(op->slots);
    free(op);
}

static rr_status prepare(rr_comm *comm, size_t width, size_t capacity, rr_sum_rows **out) {
    rr_sum_rows *op = calloc(1, sizeof *op);
    if (op == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a sum of rows");
    *out = op;
    size_t head = (1 + capacity + LINE - 1) / LINE * LINE;
    *op = (rr_sum_rows){.width = width,
                        .capacity = capacity,
                        .ranks = comm->size,
                        .head = head,
                        .slot = (head + capacity * width + LINE - 1) / LINE * LINE,
                        /* On several nodes `shared` has owners on the smallest node's ranks alone. */
                        .ops = comm->nodes == 1 ? &rr_allreduce_shared : &rr_allreduce_ring};
    return RR_OK;
}

rr_status rr_sum_rows_create(rr_comm *comm, float *grad, rr_row_list *rows, size_t width, size_t capacity, size_t tag,
                             rr_sum_rows **out) {
    rr_sum_rows *op = NULL;
    rr_status status = rr_comm_agree(comm, prepare(comm, width, capacity, &op));
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
    op->rows = rows;
    *out = op;
    return RR_OK;
}

rr_status rr_sum_rows_start(rr_sum_rows *op) {
    const rr_row_list *rows = op->rows;
    float *slot = slot_of(op, op->mine);
    int32_t *numbers = numbers_of(slot);
    if (rows->count > op->capacity)
        return rr_fail(RR_ERR_RUNTIME, "a rank wrote %zu rows of a gradient, prepared were %zu", rows->count,
                       op->capacity);
    numbers[0] = (int32_t)rows->count;
    for (size_t i = 0; i < rows->count; i++) {
        float *row = op->grad + (size_t)rows->numbers[i] * op->width;
        numbers[1 + i] = rows->numbers[i];
        memcpy(slot + op->head + i * op->width, row, op->width * sizeof *row);
        memset(row, 0, op->width * sizeof *row); /* it comes back with those of the others, in the order of slots */
    }
    op->under_way = true;
    return op->ops->start(op->gather, RR_ALLGATHER, rr_shared_mine(op->slots), op->ranks * op->slot);
}

/* Slots of all ranks are there. */
static rr_status add(rr_sum_rows *op) {
    for (size_t number = 0; number < op->ranks; number++) {
        float *slot = slot_of(op, number);
        const int32_t *numbers = numbers_of(slot);
        if (numbers[0] < 0 || (size_t)numbers[0] > op->capacity)
            return rr_fail(RR_ERR_RUNTIME, "a rank sent %d rows, prepared were %zu", (int)numbers[0], op->capacity);
        for (size_t i = 0; i < (size_t)numbers[0]; i++) {
            if (numbers[1 + i] < 0 || (size_t)numbers[1 + i] >= op->rows->height)
                return rr_fail(RR_ERR_RUNTIME, "a rank sent row %d of %zu", (int)numbers[1 + i], op->rows->height);
            const float *from = slot + op->head + i * op->width;
            float *to = op->grad + (size_t)numbers[1 + i] * op->width;
            for (size_t k = 0; k < op->width; k++) to[k] += from[k];
            rr_row_list_add(op->rows, (size_t)numbers[1 + i]);
        }
    }
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
