#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "dist/allreduces.h"
#include "dist/comm_private.h"
#include "dist/row_ways.h"

/*
 * Row n belongs to rank n mod ranks, so that owners have about as much to do where frequent tokens have small numbers.
 * First every rank sends its rows to their owners, which add them: as many bytes as it has rows, however many ranks
 * there are. Then the sums go round a ring, in slots as large as the owner with the most rows needs: at most the bytes
 * of the matrix, once, where the sum of the whole takes them twice.
 */
typedef enum stage { COUNTS, ROWS, MOST, SUMS, DONE } stage;

typedef struct way {
    const rr_row_source *source;
    rr_comm *comm;
    MPI_Comm mpi; /* its own: MPI matches collectives by the order of their calls */
    MPI_Datatype record_type;
    size_t record;         /* floats: the list, the number, and the row */
    float *sent, *arrived; /* [capacity, record], [most_arrivals, record]: rank after rank */
    size_t most_arrivals;
    int *send_counts, *sends, *counts, *arrivals; /* [ranks]: records, and where they begin */
    rr_row_adder *adder;

    float *slots; /* [ranks, slot] each how many rows, their numbers, and the rows */
    size_t most_owned, slot;
    int most; /* rows of a slot in this sum */
    rr_allreduce *gather;

    stage stage;
    MPI_Request request;
} way;

static void free_way(void *ctx) {
    way *w = ctx;
    if (w == NULL) return;
    if (w->gather != NULL) rr_allreduce_ring.free(w->gather);
    if (w->record_type != MPI_DATATYPE_NULL) MPI_Type_free(&w->record_type);
    if (w->mpi != MPI_COMM_NULL) MPI_Comm_free(&w->mpi);
    rr_row_adder_free(w->adder);
    free(w->sent);
    free(w->arrived);
    free(w->send_counts);
    free(w->slots);
    free(w);
}

static size_t owner_of(const way *w, int32_t number) {
    size_t ranks = w->comm->size;
    return ranks > 1 ? (size_t)number % ranks : 0;
}

static size_t slot_floats(const way *w, size_t rows) { return rr_row_slot(1 + rows * (1 + w->source->width)); }

/* Without communication. */
static rr_status prepare(rr_comm *comm, const rr_row_source *source, const rr_shard_parts *parts, way **out) {
    way *w = calloc(1, sizeof *w);
    if (w == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a sum of rows");
    *out = w;
    size_t ranks = comm->size, owned = (source->rows[0]->height + ranks - 1) / ranks, of_a_rank = source->lists * owned;
    *w = (way){.source = source,
               .comm = comm,
               .mpi = MPI_COMM_NULL,
               .record_type = MPI_DATATYPE_NULL,
               .record = 2 + source->width,
               .most_arrivals = ranks * (of_a_rank < source->capacity ? of_a_rank : source->capacity),
               .most_owned = owned,
               .stage = DONE};
    if (w->most_arrivals > INT_MAX) return rr_fail(RR_ERR_NOMEM, "too many rows for a sum of rows");
    w->sent = malloc((source->capacity + 1) * w->record * sizeof *w->sent);
    w->arrived = malloc((w->most_arrivals + 1) * w->record * sizeof *w->arrived);
    w->slots = malloc(ranks * slot_floats(w, owned) * sizeof *w->slots);
    w->send_counts = calloc(4 * ranks, sizeof *w->send_counts);
    if (w->sent == NULL || w->arrived == NULL || w->slots == NULL || w->send_counts == NULL)
        return rr_fail(RR_ERR_NOMEM, "no memory for a sum of rows");
    w->sends = w->send_counts + ranks;
    w->counts = w->sends + ranks;
    w->arrivals = w->counts + ranks;
    RR_TRY(
        rr_row_adder_create(parts, ranks, source->grad, source->rows[0], source->width, w->most_arrivals, &w->adder));
    RR_TRY(rr_mpi_check(MPI_Type_contiguous((int)w->record, MPI_FLOAT, &w->record_type), "preparing a sum of rows"));
    return rr_mpi_check(MPI_Type_commit(&w->record_type), "preparing a sum of rows");
}

static rr_status create(rr_comm *comm, const rr_row_source *source, const rr_shard_parts *parts, size_t tag,
                        void **out) {
    way *w = NULL;
    rr_status status = rr_comm_agree(comm, prepare(comm, source, parts, &w));
    if (status == RR_OK && w != NULL) {
        size_t floats = comm->size * slot_floats(w, w->most_owned);
        rr_wait wait = rr_wait_begin(comm, "preparing a sum of rows");
        status = rr_mpi_check(MPI_Comm_dup(comm->mpi, &w->mpi), "preparing a sum of rows");
        rr_wait_end(&wait);
        if (status == RR_OK)
            status = rr_comm_agree(comm, rr_allreduce_ring.create(comm, floats, RR_ROW_LINE, tag, &w->gather));
    }
    if (status == RR_OK)
        *out = w;
    else
        free_way(w);
    return status;
}

/* Where the records of each rank begin, one after the other; returns how many there are. */
static size_t begins_of(size_t ranks, const int *counts, int *begins) {
    size_t all = 0;
    for (size_t rank = 0; rank < ranks; rank++) {
        begins[rank] = (int)all;
        all += (size_t)counts[rank];
    }
    return all;
}

static rr_status start(void *ctx) {
    way *w = ctx;
    const rr_row_source *source = w->source;
    size_t ranks = w->comm->size;
    memset(w->send_counts, 0, ranks * sizeof *w->send_counts);
    for (size_t list = 0; list < source->lists; list++)
        for (size_t i = 0; i < source->rows[list]->count; i++)
            w->send_counts[owner_of(w, source->rows[list]->numbers[i])]++;
    begins_of(ranks, w->send_counts, w->sends);
    for (size_t list = 0; list < source->lists; list++)
        for (size_t i = 0; i < source->rows[list]->count; i++) {
            int32_t number = source->rows[list]->numbers[i];
            const float *row = source->grad + list * source->stride + (size_t)number * source->width;
            float *record = w->sent + (size_t)w->sends[owner_of(w, number)]++ * w->record;
            rr_row_numbers(record)[0] = (int32_t)list;
            rr_row_numbers(record)[1] = number;
            memcpy(record + 2, row, source->width * sizeof *row);
        }
    begins_of(ranks, w->send_counts, w->sends);
    w->stage = COUNTS;
    return rr_mpi_check(MPI_Ialltoall(w->send_counts, 1, MPI_INT, w->counts, 1, MPI_INT, w->mpi, &w->request),
                        "counting the rows of a sum");
}

static rr_status start_rows(way *w) {
    size_t ranks = w->comm->size;
    for (size_t rank = 0; rank < ranks; rank++)
        if (w->counts[rank] < 0 || (size_t)w->counts[rank] > w->most_arrivals)
            return rr_fail(RR_ERR_RUNTIME, "rank %zu sends %d rows, prepared were %zu", rank, w->counts[rank],
                           w->most_arrivals);
    size_t all = begins_of(ranks, w->counts, w->arrivals);
    if (all > w->most_arrivals)
        return rr_fail(RR_ERR_RUNTIME, "%zu rows come for a sum, prepared were %zu", all, w->most_arrivals);
    return rr_mpi_check(MPI_Ialltoallv(w->sent, w->send_counts, w->sends, w->record_type, w->arrived, w->counts,
                                       w->arrivals, w->record_type, w->mpi, &w->request),
                        "sending rows to their owners");
}

/* Adds what has come, and asks for the most rows of any owner. */
static rr_status start_most(way *w) {
    float *record = w->arrived;
    for (size_t rank = 0; rank < w->comm->size; rank++)
        for (int i = 0; i < w->counts[rank]; i++, record += w->record) {
            const int32_t *numbers = rr_row_numbers(record);
            if (numbers[0] < 0 || numbers[1] < 0 || owner_of(w, numbers[1]) != w->comm->rank)
                return rr_fail(RR_ERR_RUNTIME, "row %d of list %d came from rank %zu", (int)numbers[1], (int)numbers[0],
                               rank);
            RR_TRY(rr_row_adder_take(w->adder, rank, (size_t)numbers[0], numbers[1], record + 2));
        }
    rr_row_adder_sum(w->adder);
    w->most = (int)w->source->rows[0]->count; /* of this rank: all that are listed so far are its own */
    return rr_mpi_check(MPI_Iallreduce(MPI_IN_PLACE, &w->most, 1, MPI_INT, MPI_MAX, w->mpi, &w->request),
                        "counting the rows of a sum");
}

static rr_status start_sums(way *w) {
    const rr_row_source *source = w->source;
    const rr_row_list *rows = source->rows[0];
    w->slot = slot_floats(w, (size_t)w->most);
    size_t floats = w->comm->size * w->slot;
    float *slot = w->slots + rr_allreduce_ring.own(w->gather, floats).begin, *to = slot + 1 + w->most;
    rr_row_numbers(slot)[0] = (int32_t)rows->count;
    for (size_t i = 0; i < rows->count; i++) {
        int32_t number = rows->numbers[i];
        rr_row_numbers(slot)[1 + i] = number;
        memcpy(to + i * source->width, source->grad + (size_t)number * source->width, source->width * sizeof *to);
    }
    return rr_allreduce_ring.start(w->gather, RR_ALLGATHER, w->slots, floats);
}

static rr_status take_sums(way *w) {
    const rr_row_source *source = w->source;
    rr_row_list *rows = source->rows[0];
    for (size_t rank = 0; rank < w->comm->size; rank++) {
        float *slot = w->slots + rank * w->slot, *from = slot + 1 + w->most;
        const int32_t *numbers = rr_row_numbers(slot);
        if (numbers[0] < 0 || numbers[0] > w->most)
            return rr_fail(RR_ERR_RUNTIME, "an owner has %d rows, said were %d", (int)numbers[0], w->most);
        for (int32_t i = 0; i < numbers[0]; i++, from += source->width) {
            int32_t number = numbers[1 + i];
            if (number < 0 || (size_t)number >= rows->height)
                return rr_fail(RR_ERR_RUNTIME, "row %d of %zu came from its owner", (int)number, rows->height);
            if (owner_of(w, number) == w->comm->rank) break; /* its own slot */
            memcpy(source->grad + (size_t)number * source->width, from, source->width * sizeof *from);
            rr_row_list_add(rows, (size_t)number);
        }
    }
    return RR_OK;
}

/* What follows on the exchange of a stage. */
static rr_status next(way *w) {
    rr_watchdog_moved(w->comm->watchdog);
    switch (w->stage++) {
    case COUNTS:
        return start_rows(w);
    case ROWS:
        return start_most(w);
    case MOST:
        return start_sums(w);
    case SUMS:
        return take_sums(w);
    case DONE:
        break;
    }
    return rr_fail(RR_ERR_RUNTIME, "this sum of rows was not started");
}

static rr_status test(void *ctx, bool *done) {
    way *w = ctx;
    while (w->stage != DONE) {
        int arrived = 0;
        bool gathered = false;
        if (w->stage == SUMS)
            RR_TRY(rr_allreduce_ring.test(w->gather, &gathered));
        else
            RR_TRY(rr_mpi_check(MPI_Test(&w->request, &arrived, MPI_STATUS_IGNORE), "in a sum of rows"));
        if (!arrived && !gathered) break;
        RR_TRY(next(w));
    }
    *done = w->stage == DONE;
    return RR_OK;
}

const rr_row_way_ops rr_rows_by_owner = {.create = create, .start = start, .test = test, .free = free_way};
