/* What ranks agree on, and small collectives. All wait by polling, and give their core away while they do. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "dist/comm_private.h"

bool rr_comm_agreed(const rr_comm *comm) { return comm->agreed; }

static rr_status smallest(rr_comm *comm, uint64_t *values, int count, const char *what) {
    MPI_Request request;
    RR_TRY(rr_mpi_check(MPI_Iallreduce(MPI_IN_PLACE, values, count, MPI_UINT64_T, MPI_MIN, comm->mpi, &request), what));
    return rr_mpi_wait(comm, &request, what);
}

static rr_status broadcast_bytes(rr_comm *comm, size_t root, void *bytes, size_t length, const char *what) {
    for (size_t begin = 0; begin < length; begin += RR_PIECE) {
        size_t count = length - begin < RR_PIECE ? length - begin : RR_PIECE;
        MPI_Request request;
        RR_TRY(rr_mpi_check(MPI_Ibcast((char *)bytes + begin, (int)count, MPI_BYTE, (int)root, comm->mpi, &request),
                            what));
        RR_TRY(rr_mpi_wait(comm, &request, what));
    }
    return RR_OK;
}

typedef struct failure {
    int64_t status;
    char message[8192];
} failure;

rr_status rr_comm_agree(rr_comm *comm, rr_status status) {
    static const char what[] = "agreeing over ranks";
    comm->agreed = false;
    if (comm->size == 1) {
        comm->agreed = status != RR_OK;
        return status;
    }
    const char *message = status != RR_OK ? rr_last_error() : "";
    uint64_t hash = rr_hash64(message, strlen(message), (uint64_t)status);
    uint64_t found[] = {status != RR_OK ? comm->rank : UINT64_MAX, hash, ~hash};
    RR_TRY(smallest(comm, found, 3, what));
    if (found[0] == UINT64_MAX) return RR_OK;

    size_t first = (size_t)found[0];
    bool alike = found[1] == ~found[2];
    if (!alike) {
        failure shared = {.status = status};
        snprintf(shared.message, sizeof shared.message, "%s", message);
        uint64_t failed = status != RR_OK;
        MPI_Request request;
        RR_TRY(
            rr_mpi_check(MPI_Iallreduce(MPI_IN_PLACE, &failed, 1, MPI_UINT64_T, MPI_SUM, comm->mpi, &request), what));
        RR_TRY(rr_mpi_wait(comm, &request, what));
        RR_TRY(broadcast_bytes(comm, first, &shared, sizeof shared, what));
        status = (rr_status)shared.status;
        rr_fail(status, "rank %zu (%s): %s", first, comm->places[first].host, shared.message);
        if (failed > 1) rr_fail(status, "%s (%zu of %zu ranks failed)", rr_last_error(), (size_t)failed, comm->size);
    }
    comm->agreed = true;
    return status;
}

rr_status rr_comm_broadcast(rr_comm *comm, size_t root, rr_buffer *bytes) {
    static const char what[] = "broadcasting";
    if (comm->size == 1)
        return rr_comm_agree(comm, bytes->failed ? rr_fail(RR_ERR_NOMEM, "no memory for bytes to broadcast") : RR_OK);
    rr_status status = RR_OK;
    uint64_t length = bytes->length;
    RR_TRY(broadcast_bytes(comm, root, &length, sizeof length, what));
    if (comm->rank == root) {
        if (bytes->failed) status = rr_fail(RR_ERR_NOMEM, "no memory for bytes to broadcast");
    } else {
        rr_buffer_free(bytes);
        bytes->data = malloc((size_t)length + 1);
        if (bytes->data == NULL) {
            status = rr_fail(RR_ERR_NOMEM, "no memory for %zu bytes from rank %zu", (size_t)length, root);
        } else {
            bytes->data[length] = 0;
            bytes->length = (size_t)length;
            bytes->capacity = (size_t)length + 1;
        }
    }
    RR_TRY(rr_comm_agree(comm, status));
    return broadcast_bytes(comm, root, bytes->data, (size_t)length, what);
}

rr_status rr_comm_broadcast_floats(rr_comm *comm, size_t root, float *values, size_t count) {
    if (comm->size == 1) return RR_OK;
    return broadcast_bytes(comm, root, values, count * sizeof *values, "broadcasting floats");
}

/* Rank 0 takes the others' messages one after the other: the order of its output, and no buffer beside it. */
static rr_status gather(rr_comm *comm, const char *values, const size_t *counts, size_t size, char *out) {
    static const char what[] = "gathering on rank 0";
    if (comm->rank == 0 && counts[0] > 0) memcpy(out, values, counts[0] * size);
    size_t first = comm->rank == 0 ? 1 : comm->rank, last = comm->rank == 0 ? comm->size : comm->rank + 1;
    for (size_t rank = first, at = counts[0] * size; rank < last; rank++) {
        size_t bytes = counts[rank] * size;
        for (size_t begin = 0; begin < bytes; begin += RR_PIECE) {
            int count = (int)(bytes - begin < RR_PIECE ? bytes - begin : RR_PIECE);
            MPI_Request request;
            int code = comm->rank == 0
                           ? MPI_Irecv(out + at + begin, count, MPI_BYTE, (int)rank, RR_TAG_GATHER, comm->mpi, &request)
                           : MPI_Isend(values + begin, count, MPI_BYTE, 0, RR_TAG_GATHER, comm->mpi, &request);
            RR_TRY(rr_mpi_check(code, what));
            RR_TRY(rr_mpi_wait(comm, &request, what));
        }
        at += bytes;
    }
    return RR_OK;
}

rr_status rr_comm_gather_doubles(rr_comm *comm, const double *values, const size_t *counts, double *out) {
    return gather(comm, (const char *)values, counts, sizeof *values, (char *)out);
}

rr_status rr_comm_gather_floats(rr_comm *comm, const float *values, const size_t *counts, float *out) {
    return gather(comm, (const char *)values, counts, sizeof *values, (char *)out);
}

/* What gathering bytes needs: how many each rank has, and room for those of all. */
typedef struct lengths {
    double *all; /* [size] on rank 0 */
    size_t *ones, *counts;
} lengths;

static rr_status gather_lengths(rr_comm *comm, size_t length, lengths *l) {
    double mine = (double)length;
    for (size_t rank = 0; rank < comm->size; rank++) l->ones[rank] = 1;
    RR_TRY(rr_comm_gather_doubles(comm, &mine, l->ones, l->all));
    l->counts[comm->rank] = length;
    for (size_t rank = 0; rank < comm->size && comm->rank == 0; rank++) l->counts[rank] = (size_t)l->all[rank];
    return RR_OK;
}

static rr_status gather_by_lengths(rr_comm *comm, lengths *l, rr_buffer *bytes) {
    size_t total = 0;
    RR_TRY(gather_lengths(comm, bytes->length, l));
    for (size_t rank = 0; rank < comm->size && comm->rank == 0; rank++) total += l->counts[rank];
    char *all = malloc(total + 1); /* of rank 0 */
    rr_status status = all != NULL ? RR_OK : rr_fail(RR_ERR_NOMEM, "no memory for %zu bytes of all ranks", total);
    status = rr_comm_agree(comm, status);
    if (status == RR_OK && all != NULL) status = gather(comm, rr_buffer_text(bytes), l->counts, 1, all);
    if (status == RR_OK && comm->rank == 0 && all != NULL) {
        rr_buffer_free(bytes);
        all[total] = 0;
        *bytes = (rr_buffer){.data = all, .length = total, .capacity = total + 1};
        return RR_OK;
    }
    free(all);
    return status;
}

rr_status rr_comm_gather_bytes(rr_comm *comm, rr_buffer *bytes) {
    if (comm->size == 1)
        return rr_comm_agree(comm, bytes->failed ? rr_fail(RR_ERR_NOMEM, "no memory for bytes to gather") : RR_OK);
    lengths l = {.all = calloc(comm->size, sizeof *l.all),
                 .ones = calloc(comm->size, sizeof *l.ones),
                 .counts = calloc(comm->size, sizeof *l.counts)};
    bool room = l.all != NULL && l.ones != NULL && l.counts != NULL && !bytes->failed;
    rr_status status = rr_comm_agree(comm, room ? RR_OK : rr_fail(RR_ERR_NOMEM, "no memory for bytes to gather"));
    if (status == RR_OK && room) status = gather_by_lengths(comm, &l, bytes);
    free(l.all), free(l.ones), free(l.counts);
    return status;
}

/* Rank 0 gets the values of all, some at a time, combines them in rank order, and tells the others. */
static rr_status combine(rr_comm *comm, double *values, size_t count, double (*pair)(double, double),
                         const char *what) {
    enum { SOME = 64 };
    if (comm->size == 1) return RR_OK;
    double *all = comm->rank == 0 ? malloc(comm->size * SOME * sizeof *all) : NULL; /* [size, n] */
    if (comm->rank == 0 && all == NULL)
        return rr_fail(RR_ERR_NOMEM, "no memory to combine values of %zu ranks", comm->size);
    rr_status status = RR_OK;
    for (size_t begin = 0; begin < count && status == RR_OK; begin += SOME) {
        size_t n = count - begin < SOME ? count - begin : SOME;
        MPI_Request request;
        status = rr_mpi_check(
            MPI_Igather(values + begin, (int)n, MPI_DOUBLE, all, (int)n, MPI_DOUBLE, 0, comm->mpi, &request), what);
        if (status == RR_OK) status = rr_mpi_wait(comm, &request, what);
        for (size_t i = 0; all != NULL && i < n && status == RR_OK; i++) {
            values[begin + i] = all[i];
            for (size_t rank = 1; rank < comm->size; rank++)
                values[begin + i] = pair(values[begin + i], all[rank * n + i]);
        }
        if (status == RR_OK) status = broadcast_bytes(comm, 0, values + begin, n * sizeof *values, what);
    }
    free(all);
    return status;
}

static double larger(double a, double b) { return isnan(a) || a >= b ? a : b; }
static double sum(double a, double b) { return a + b; }

rr_status rr_comm_max_doubles(rr_comm *comm, double *values, size_t count) {
    return combine(comm, values, count, larger, "finding the largest over ranks");
}

rr_status rr_comm_sum_doubles(rr_comm *comm, double *values, size_t count) {
    return combine(comm, values, count, sum, "adding over ranks");
}

rr_status rr_comm_sum_disjoint(rr_comm *comm, double *values, size_t count) {
    static const char what[] = "putting parts of an array together";
    if (comm->size == 1) return RR_OK;
    for (size_t begin = 0; begin < count; begin += RR_PIECE / 2) {
        size_t n = count - begin < RR_PIECE / 2 ? count - begin : RR_PIECE / 2;
        MPI_Request request;
        RR_TRY(rr_mpi_check(
            MPI_Iallreduce(MPI_IN_PLACE, values + begin, (int)n, MPI_DOUBLE, MPI_SUM, comm->mpi, &request), what));
        RR_TRY(rr_mpi_wait(comm, &request, what));
    }
    return RR_OK;
}

rr_status rr_comm_barrier(rr_comm *comm) {
    if (comm->size == 1) return RR_OK;
    MPI_Request request;
    RR_TRY(rr_mpi_check(MPI_Ibarrier(comm->mpi, &request), "waiting for all ranks"));
    return rr_mpi_wait(comm, &request, "waiting for all ranks");
}

rr_status rr_comm_rest(rr_comm *comm) {
    if (comm->size == 1) return RR_OK;
    MPI_Request request;
    RR_TRY(rr_mpi_check(MPI_Ibarrier(comm->mpi, &request), "resting until all ranks have come"));
    rr_wait wait = rr_wait_begin(comm, "resting until all ranks have come");
    for (int done = 0;; usleep(1000)) {
        RR_TRY(rr_mpi_check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "resting until all ranks have come"));
        if (done) break;
    }
    rr_wait_end(&wait);
    return RR_OK;
}

typedef struct ballot {
    const uint64_t *values; /* [size] */
    uint64_t majority;
} ballot;

static bool is_odd(const void *set, size_t rank) {
    const ballot *v = set;
    return v->values[rank] != v->majority;
}

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The value that most ranks have; between equally many, that of the lowest rank. Returns how many have it. */
static size_t find_majority(const uint64_t *values, uint64_t *sorted, size_t size, uint64_t *out) {
    size_t most = 0;
    memcpy(sorted, values, size * sizeof *sorted);
    qsort(sorted, size, sizeof *sorted, by_value);
    for (size_t i = 0, run = 0; i < size; i++) {
        run = i > 0 && sorted[i] == sorted[i - 1] ? run + 1 : 1;
        if (run > most) most = run;
    }
    for (size_t rank = 0; rank < size; rank++) {
        size_t same = 0;
        const uint64_t *at = bsearch(&values[rank], sorted, size, sizeof *sorted, by_value);
        while (at > sorted && at[-1] == values[rank]) at--;
        while (at + same < sorted + size && at[same] == values[rank]) same++;
        if (same == most) {
            *out = values[rank];
            break;
        }
    }
    return most;
}

static rr_status name_odd_ranks(rr_comm *comm, const uint64_t *values, uint64_t *sorted, const char *what) {
    ballot votes = {.values = values};
    size_t same = find_majority(values, sorted, comm->size, &votes.majority), odd = comm->size - same, first = 0;
    while (!is_odd(&votes, first)) first++;
    rr_buffer ranks = {0};
    rr_number_ranges(is_odd, &votes, comm->size, &ranks);
    rr_status status =
        rr_fail(RR_ERR_RUNTIME, "%s differ between ranks: rank%s %s (host%s %s%s) %s from %s", what, odd > 1 ? "s" : "",
                rr_buffer_text(&ranks), odd > 1 ? "s" : "", comm->places[first].host, odd > 1 ? ", ..." : "",
                odd > 1 ? "differ" : "differs",
                2 * same > comm->size ? "the majority" : "rank 0 or others; no majority says which are right");
    rr_buffer_free(&ranks);
    return status;
}

rr_status rr_comm_compare(rr_comm *comm, uint64_t value, const char *what) {
    comm->agreed = false;
    if (comm->size == 1) return RR_OK;
    uint64_t bounds[] = {value, ~value};
    RR_TRY(smallest(comm, bounds, 2, "comparing over ranks"));
    if (bounds[0] == ~bounds[1]) return RR_OK;

    uint64_t *values = malloc(2 * comm->size * sizeof *values);
    rr_status status =
        rr_comm_agree(comm, values != NULL ? RR_OK : rr_fail(RR_ERR_NOMEM, "no memory to compare over ranks"));
    if (status != RR_OK || values == NULL) goto free_values;
    MPI_Request request;
    status = rr_mpi_check(MPI_Iallgather(&value, 1, MPI_UINT64_T, values, 1, MPI_UINT64_T, comm->mpi, &request),
                          "comparing over ranks");
    if (status == RR_OK) status = rr_mpi_wait(comm, &request, "comparing over ranks");
    if (status == RR_OK) {
        status = name_odd_ranks(comm, values, values + comm->size, what);
        comm->agreed = true;
    }
free_values:
    free(values);
    return status;
}
