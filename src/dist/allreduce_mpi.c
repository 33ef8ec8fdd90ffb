/* MPI's own sum: the oracle that the others are tested against, the baseline they are measured against. */
#include <limits.h>
#include <stdlib.h>

#include "dist/allreduces.h"
#include "dist/comm_private.h"

struct rr_allreduce {
    rr_comm *comm;
    MPI_Comm mpi; /* its own: MPI matches collectives by the order of their calls */
    MPI_Request request;
    size_t unit;
    int *counts, *begins; /* [size] what ranks own of values that are gathered */
    rr_exchange exchange;
    float *values;
    size_t count, begin; /* pieces of at most RR_PIECE floats, one after the other; begin: of the one under way */
    bool under_way;
};

static bool fits(size_t bytes, size_t ranks, size_t nodes) {
    (void)bytes, (void)ranks, (void)nodes;
    return true;
}

static void free_operation(rr_allreduce *operation) {
    if (operation == NULL) return;
    if (operation->mpi != MPI_COMM_NULL) MPI_Comm_free(&operation->mpi);
    free(operation->counts);
    free(operation->begins);
    free(operation);
}

/* Without communication. */
static rr_status prepare(rr_comm *comm, size_t unit, rr_allreduce **out) {
    rr_allreduce *operation = calloc(1, sizeof *operation);
    if (operation == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for an allreduce");
    *operation = (rr_allreduce){.comm = comm, .unit = unit, .mpi = MPI_COMM_NULL, .request = MPI_REQUEST_NULL};
    operation->counts = malloc(comm->size * sizeof *operation->counts);
    operation->begins = malloc(comm->size * sizeof *operation->begins);
    *out = operation;
    if (operation->counts != NULL && operation->begins != NULL) return RR_OK;
    return rr_fail(RR_ERR_NOMEM, "no memory for an allreduce of %zu ranks", comm->size);
}

static rr_status create(rr_comm *comm, size_t max_count, size_t unit, size_t tag, rr_allreduce **out) {
    (void)max_count, (void)tag;
    rr_allreduce *operation = NULL;
    /* All ranks must come to the collective below, or none. */
    rr_status status = rr_comm_agree(comm, prepare(comm, unit, &operation));
    if (status != RR_OK || operation == NULL) {
        free_operation(operation);
        return status;
    }
    rr_wait wait = rr_wait_begin(comm, "preparing an allreduce");
    status = rr_mpi_check(MPI_Comm_dup(comm->mpi, &operation->mpi), "preparing an allreduce");
    rr_wait_end(&wait);
    if (status != RR_OK) {
        free_operation(operation);
        return status;
    }
    *out = operation;
    return RR_OK;
}

static rr_range own(const rr_allreduce *operation, size_t count) {
    return rr_range_of_units(count, operation->unit, operation->comm->rank, operation->comm->size);
}

static rr_status start_gather(rr_allreduce *operation) {
    if (operation->count > INT_MAX)
        return rr_fail(RR_ERR_RUNTIME, "%zu floats are too many for one MPI_Iallgatherv", operation->count);
    for (size_t rank = 0; rank < operation->comm->size; rank++) {
        rr_range range = rr_range_of_units(operation->count, operation->unit, rank, operation->comm->size);
        operation->begins[rank] = (int)range.begin;
        operation->counts[rank] = (int)(range.end - range.begin);
    }
    return rr_mpi_check(MPI_Iallgatherv(MPI_IN_PLACE, 0, MPI_FLOAT, operation->values, operation->counts,
                                        operation->begins, MPI_FLOAT, operation->mpi, &operation->request),
                        "starting MPI_Iallgatherv");
}

/* A scatter is a sum of all: MPI_Ireduce_scatter would add in another order. */
static rr_status start_piece(rr_allreduce *operation) {
    size_t left = operation->count - operation->begin;
    int count = (int)(left < RR_PIECE ? left : RR_PIECE);
    return rr_mpi_check(MPI_Iallreduce(MPI_IN_PLACE, operation->values + operation->begin, count, MPI_FLOAT, MPI_SUM,
                                       operation->mpi, &operation->request),
                        "starting MPI_Iallreduce");
}

static rr_status start(rr_allreduce *operation, rr_exchange exchange, float *values, size_t count) {
    if (operation->under_way) return rr_fail(RR_ERR_RUNTIME, "this allreduce is under way already");
    operation->exchange = exchange;
    operation->values = values;
    operation->count = count;
    operation->begin = 0;
    if (count == 0 || operation->comm->size == 1) return RR_OK;
    RR_TRY(exchange == RR_ALLGATHER ? start_gather(operation) : start_piece(operation));
    operation->under_way = true;
    return RR_OK;
}

static rr_status test(rr_allreduce *operation, bool *done) {
    *done = false;
    while (operation->under_way) {
        int piece_done = 0;
        RR_TRY(rr_mpi_check(MPI_Test(&operation->request, &piece_done, MPI_STATUS_IGNORE), "in a sum by MPI"));
        if (!piece_done) return RR_OK;
        size_t left = operation->count - operation->begin;
        operation->begin += left < RR_PIECE || operation->exchange == RR_ALLGATHER ? left : RR_PIECE;
        operation->under_way = operation->begin < operation->count;
        if (operation->under_way) RR_TRY(start_piece(operation));
    }
    *done = true;
    return RR_OK;
}

rr_status rr_allreduce_baseline(rr_comm *comm, float *values, size_t count) {
    if (count > RR_PIECE) return rr_fail(RR_ERR_RUNTIME, "%zu floats are too many for one MPI_Allreduce", count);
    rr_wait wait = rr_wait_begin(comm, "in MPI_Allreduce");
    RR_TRY(rr_mpi_check(MPI_Allreduce(MPI_IN_PLACE, values, (int)count, MPI_FLOAT, MPI_SUM, comm->mpi),
                        "in MPI_Allreduce"));
    rr_wait_end(&wait);
    return RR_OK;
}

const rr_allreduce_ops rr_allreduce_mpi = {.name = "mpi",
                                           .help =
                                               "MPI_Iallreduce, or with a sharded optimiser MPI_Iallgatherv after it",
                                           .fits = fits,
                                           .create = create,
                                           .start = start,
                                           .own = own,
                                           .test = test,
                                           .free = free_operation};
