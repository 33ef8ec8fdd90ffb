#include <stdlib.h>
#include <string.h>

#include "dist/allreduces.h"
#include "dist/comm_private.h"
#include "dist/row_ways.h"

/*
 * Every rank has a slot of the same size: how many rows each of its lists has, which they are, and the rows.
 */
typedef struct way {
    const rr_row_source *source;
    size_t ranks, rank, slot, mine; /* slot: floats; mine: the one that this rank owns */
    size_t head;                    /* floats before the rows: whose it is, counts, numbers of rows */
    size_t *slots_of;               /* [ranks] where the slot of a rank is, as it has come */
    const rr_allreduce_ops *ops;
    rr_allreduce *gather;
    rr_shared *slots; /* [ranks, slot] */
    rr_row_adder *adder;
} way;

static float *slot_of(const way *w, size_t number) { return rr_shared_mine(w->slots) + number * w->slot; }

static void free_way(void *ctx) {
    way *w = ctx;
    if (w == NULL) return;
    if (w->gather != NULL) w->ops->free(w->gather);
    rr_shared_free(w->slots);
    rr_row_adder_free(w->adder);
    free(w->slots_of);
    free(w);
}

static rr_status prepare(rr_comm *comm, const rr_row_source *source, const rr_shard_parts *parts, way **out) {
    way *w = calloc(1, sizeof *w);
    if (w == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a sum of rows");
    *out = w;
    size_t head = rr_row_slot(1 + source->lists + source->capacity);
    *w = (way){.source = source,
               .ranks = comm->size,
               .rank = comm->rank,
               .head = head,
               .slot = rr_row_slot(head + source->capacity * source->width),
               /* On several nodes `shared` has owners on the smallest node's ranks alone. */
               .ops = comm->nodes == 1 ? &rr_allreduce_shared : &rr_allreduce_ring};
    w->slots_of = calloc(comm->size, sizeof *w->slots_of);
    if (w->slots_of == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a sum of rows");
    return rr_row_adder_create(parts, comm->size, source->grad, source->rows[0], source->width,
                               comm->size * source->capacity, &w->adder);
}

static rr_status create(rr_comm *comm, const rr_row_source *source, const rr_shard_parts *parts, size_t tag,
                        void **out) {
    way *w = NULL;
    rr_status status = rr_comm_agree(comm, prepare(comm, source, parts, &w));
    if (status == RR_OK && w != NULL) status = rr_comm_shared_floats(comm, w->ranks * w->slot, &w->slots);
    if (status == RR_OK && w != NULL) {
        size_t floats = w->ranks * w->slot;
        status = rr_comm_agree(comm, w->ops->create(comm, floats, w->slot, tag, &w->gather));
        if (status != RR_OK && w->ops == &rr_allreduce_shared && rr_comm_agreed(comm)) { /* no room for its buffers */
            w->ops = &rr_allreduce_ring;
            status = rr_comm_agree(comm, w->ops->create(comm, floats, w->slot, tag, &w->gather));
        }
        if (status == RR_OK) w->mine = w->ops->own(w->gather, floats).begin / w->slot;
    }
    if (status == RR_OK)
        *out = w;
    else
        free_way(w);
    return status;
}

/* Copies a list into the slot, behind `count` rows; they come back with those of the others. */
static void pack(way *w, size_t list, size_t count) {
    const rr_row_source *source = w->source;
    const rr_row_list *rows = source->rows[list];
    const float *grad = source->grad + list * source->stride;
    float *slot = slot_of(w, w->mine);
    int32_t *numbers = rr_row_numbers(slot) + 1 + source->lists + count;
    for (size_t i = 0; i < rows->count; i++) {
        const float *row = grad + (size_t)rows->numbers[i] * source->width;
        numbers[i] = rows->numbers[i];
        memcpy(slot + w->head + (count + i) * source->width, row, source->width * sizeof *row);
    }
    rr_row_numbers(slot)[1 + list] = (int32_t)rows->count;
}

static rr_status start(void *ctx) {
    way *w = ctx;
    const rr_row_source *source = w->source;
    rr_row_numbers(slot_of(w, w->mine))[0] = (int32_t)w->rank;
    for (size_t list = 0, before = 0; list < source->lists; before += source->rows[list++]->count)
        pack(w, list, before);
    return w->ops->start(w->gather, RR_ALLGATHER, rr_shared_mine(w->slots), w->ranks * w->slot);
}

static rr_status take_slot(way *w, size_t rank) {
    const rr_row_source *source = w->source;
    float *slot = slot_of(w, w->slots_of[rank]);
    const int32_t *counts = rr_row_numbers(slot) + 1, *rows = counts + source->lists;
    size_t at = 0;
    for (size_t list = 0; list < source->lists; list++) {
        if (counts[list] < 0 || (size_t)counts[list] > source->capacity - at)
            return rr_fail(RR_ERR_RUNTIME, "a rank sent %d rows, prepared were %zu", (int)counts[list],
                           source->capacity);
        for (size_t i = 0; i < (size_t)counts[list]; i++, at++)
            RR_TRY(rr_row_adder_take(w->adder, rank, list, rows[at], slot + w->head + at * source->width));
    }
    return RR_OK;
}

static rr_status test(void *ctx, bool *done) {
    way *w = ctx;
    RR_TRY(w->ops->test(w->gather, done));
    if (!*done) return RR_OK;
    for (size_t number = 0; number < w->ranks; number++) {
        int32_t rank = rr_row_numbers(slot_of(w, number))[0];
        if (rank < 0 || (size_t)rank >= w->ranks)
            return rr_fail(RR_ERR_RUNTIME, "rows came from rank %d of %zu", (int)rank, w->ranks);
        w->slots_of[rank] = number;
    }
    for (size_t rank = 0; rank < w->ranks; rank++) RR_TRY(take_slot(w, rank));
    rr_row_adder_sum(w->adder);
    return RR_OK;
}

const rr_row_way_ops rr_rows_to_all = {.create = create, .start = start, .test = test, .free = free_way};
