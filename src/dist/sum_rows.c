#include "dist/sum_rows.h"

#include <stdlib.h>
#include <string.h>

#include "dist/comm_private.h"
#include "dist/row_ways.h"

struct rr_sum_rows {
    rr_row_source source;
    const rr_row_way_ops *ops;
    void *way;
    bool under_way;
};

rr_row_way rr_row_way_of(size_t rows, size_t nodes, size_t height, size_t width) {
    double matrix = (double)height * (double)width;
    if (2.0 * (double)rows * (double)(width + 1) <= matrix) return RR_ROWS_TO_ALL;
    if (nodes > 1 && 4 * ((rows - 1) / nodes + 1) <= height && matrix <= RR_PIECE) return RR_ROWS_BY_OWNER;
    return RR_ROWS_NOT;
}

static rr_status prepare(const rr_shard_parts *parts, float *grad, rr_row_list *const *rows, size_t lists, size_t width,
                         size_t capacity, rr_sum_rows **out) {
    rr_sum_rows *op = calloc(1, sizeof *op);
    if (op == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a sum of rows");
    *out = op;
    op->source = (rr_row_source){.grad = grad,
                                 .rows = calloc(lists, sizeof *op->source.rows),
                                 .lists = lists,
                                 .stride = parts != NULL ? parts->stride : 0,
                                 .width = width,
                                 .capacity = capacity};
    if (op->source.rows == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a sum of rows");
    memcpy(op->source.rows, rows, lists * sizeof *rows);
    return RR_OK;
}

rr_status rr_sum_rows_create(rr_comm *comm, rr_row_way way, float *grad, rr_row_list *rows, size_t width,
                             size_t capacity, size_t tag, rr_sum_rows **out) {
    return rr_sum_rows_create_by_shards(comm, way, NULL, grad, &rows, 1, width, capacity, tag, out);
}

rr_status rr_sum_rows_create_by_shards(rr_comm *comm, rr_row_way way, const rr_shard_parts *parts, float *grad,
                                       rr_row_list *const *rows, size_t lists, size_t width, size_t capacity,
                                       size_t tag, rr_sum_rows **out) {
    rr_sum_rows *op = NULL;
    rr_status status = rr_comm_agree(comm, prepare(parts, grad, rows, lists, width, capacity, &op));
    if (status == RR_OK && op != NULL) {
        op->ops = way == RR_ROWS_BY_OWNER ? &rr_rows_by_owner : &rr_rows_to_all;
        status = op->ops->create(comm, &op->source, parts, tag, &op->way);
    }
    if (status == RR_OK)
        *out = op;
    else
        rr_sum_rows_free(op);
    return status;
}

rr_row_way rr_sum_rows_way(const rr_sum_rows *op) {
    return op->ops == &rr_rows_by_owner ? RR_ROWS_BY_OWNER : RR_ROWS_TO_ALL;
}

void rr_sum_rows_free(rr_sum_rows *op) {
    if (op == NULL) return;
    if (op->ops != NULL) op->ops->free(op->way);
    free(op->source.rows);
    free(op);
}

rr_status rr_sum_rows_start(rr_sum_rows *op) {
    const rr_row_source *source = &op->source;
    size_t count = 0;
    for (size_t list = 0; list < source->lists; list++) count += source->rows[list]->count;
    if (count > source->capacity)
        return rr_fail(RR_ERR_RUNTIME, "a rank wrote %zu rows of a gradient, prepared were %zu", count,
                       source->capacity);
    RR_TRY(op->ops->start(op->way));
    for (size_t list = 0; list < source->lists; list++)
        rr_row_list_clear(source->rows[list], source->grad + list * source->stride, source->width);
    op->under_way = true;
    return RR_OK;
}

rr_status rr_sum_rows_test(rr_sum_rows *op, bool *done) {
    *done = !op->under_way;
    if (*done) return RR_OK;
    RR_TRY(op->ops->test(op->way, done));
    op->under_way = !*done;
    return RR_OK;
}
