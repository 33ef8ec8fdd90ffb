#include "dist/row_adder.h"

#include <stdlib.h>

/* A row of some part. */
typedef struct entry {
    const float *row;
    int32_t part, next;
} entry;

/* By ranks a row is added when it is taken. By shards all are taken first, each chained to those of the same number. */
struct rr_row_adder {
    float *grad; /* [rows->height, width] */
    rr_row_list *rows;
    size_t width, ranks, most;

    /* by shards */
    bool by_shards;
    rr_tree_sum order;  /* of the parts of all ranks */
    size_t *first_part; /* [ranks + 1] */
    int32_t *chains;    /* [height]: the first of `entries` with that row, -1 for none */
    entry *entries;     /* [most] */
    size_t entry_count;
    const float **parts; /* [order.count] of one row */
    float *scratch;
};

static rr_status prepare_order(const rr_shard_parts *parts, rr_row_adder *adder) {
    size_t height = adder->rows->height;
    adder->by_shards = true;
    RR_TRY(rr_shard_parts_sum(parts, 0, parts->ranks, &adder->order));
    if (adder->most > INT32_MAX) return rr_fail(RR_ERR_NOMEM, "too many rows for a sum of rows");
    adder->first_part = calloc(adder->ranks + 1, sizeof *adder->first_part);
    adder->chains = malloc((height + 1) * sizeof *adder->chains);
    adder->entries = malloc((adder->most + 1) * sizeof *adder->entries);
    adder->parts = calloc(adder->order.count, sizeof *adder->parts);
    adder->scratch = malloc(rr_tree_sum_scratch(&adder->order) * sizeof *adder->scratch);
    if (adder->first_part == NULL || adder->chains == NULL || adder->entries == NULL || adder->parts == NULL ||
        adder->scratch == NULL)
        return rr_fail(RR_ERR_NOMEM, "no memory for a sum of rows");
    for (size_t i = 0; i < height; i++) adder->chains[i] = -1;
    for (size_t rank = 0; rank < adder->ranks; rank++) {
        rr_tree_node nodes[RR_TREE_NODES];
        adder->first_part[rank + 1] = adder->first_part[rank] + rr_shard_parts_nodes(parts, rank, nodes);
    }
    return RR_OK;
}

rr_status rr_row_adder_create(const rr_shard_parts *parts, size_t ranks, float *grad, rr_row_list *rows, size_t width,
                              size_t most, rr_row_adder **out) {
    rr_row_adder *adder = calloc(1, sizeof *adder);
    if (adder == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a sum of rows");
    *adder = (rr_row_adder){.grad = grad, .rows = rows, .width = width, .ranks = ranks, .most = most};
    rr_status status = parts != NULL ? prepare_order(parts, adder) : RR_OK;
    if (status == RR_OK)
        *out = adder;
    else
        rr_row_adder_free(adder);
    return status;
}

void rr_row_adder_free(rr_row_adder *adder) {
    if (adder == NULL) return;
    rr_tree_sum_free(&adder->order);
    free(adder->first_part);
    free(adder->chains);
    free(adder->entries);
    free(adder->parts);
    free(adder->scratch);
    free(adder);
}

static rr_status chain(rr_row_adder *adder, size_t rank, size_t list, size_t number, const float *row) {
    size_t part = adder->first_part[rank] + list;
    if (part >= adder->first_part[rank + 1])
        return rr_fail(RR_ERR_RUNTIME, "rank %zu sent rows of list %zu, which it has not", rank, list);
    if (adder->entry_count == adder->most)
        return rr_fail(RR_ERR_RUNTIME, "more than %zu rows came for a sum", adder->most);
    adder->entries[adder->entry_count] = (entry){.row = row, .part = (int32_t)part, .next = adder->chains[number]};
    adder->chains[number] = (int32_t)adder->entry_count++;
    return RR_OK;
}

rr_status rr_row_adder_take(rr_row_adder *adder, size_t rank, size_t list, int32_t number, const float *row) {
    if (rank >= adder->ranks || number < 0 || (size_t)number >= adder->rows->height)
        return rr_fail(RR_ERR_RUNTIME, "row %d of %zu came from rank %zu of %zu", (int)number, adder->rows->height,
                       rank, adder->ranks);
    rr_row_list_add(adder->rows, (size_t)number);
    if (adder->by_shards) return chain(adder, rank, list, (size_t)number, row);
    float *to = adder->grad + (size_t)number * adder->width;
    for (size_t k = 0; k < adder->width; k++) to[k] += row[k];
    return RR_OK;
}

void rr_row_adder_sum(rr_row_adder *adder) {
    for (size_t i = 0; i < adder->rows->count && adder->by_shards; i++) {
        size_t number = (size_t)adder->rows->numbers[i];
        int32_t first = adder->chains[number];
        for (int32_t at = first; at >= 0; at = adder->entries[at].next)
            adder->parts[adder->entries[at].part] = adder->entries[at].row;
        rr_tree_sum_run(&adder->order, adder->parts, 0, adder->width, adder->scratch,
                        adder->grad + number * adder->width);
        for (int32_t at = first; at >= 0; at = adder->entries[at].next) adder->parts[adder->entries[at].part] = NULL;
        adder->chains[number] = -1;
    }
    adder->entry_count = 0;
}
