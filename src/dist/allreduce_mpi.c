/* MPI's own sum: the oracle that the others are tested against, the baseline they are measured against. */
#include <stdlib.h>

#include "dist/allreduces.h"
#include "dist/comm_private.h"

struct rr_allreduce {
    rr_comm *comm;
    MPI_Comm mpi; /* its own: MPI matches collectives by the order of their calls */
    MPI_Request request;
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
    free(operation);
}

static rr_status create(rr_comm *comm, size_t max_count, size_t tag, rr_allreduce **out) {
    (void)max_count, (void)tag;
    rr_allreduce *operation = malloc(sizeof *operation);
    /* All ranks must come to the collective below, or none. */
    rr_status status =
        rr_comm_agree(comm, operation != NULL ? RR_OK : rr_fail(RR_ERR_NOMEM, "no memory for an allreduce"));
    if (status != RR_OK || operation == NULL) {
        free(operation);
        return status;
    }
    *operation = (rr_allreduce){.comm = comm, .mpi = MPI_COMM_NULL, .request = MPI_REQUEST_NULL};
    status = rr_mpi_check(MPI_Comm_dup(comm->mpi, &operation->mpi), "preparing an allreduce");
    if (status != RR_OK) {
        free_operation(operation);
        return status;
    }
    *out = operation;
    return RR_OK;
}

static rr_status start_piece(rr_allreduce *operation) {
    size_t left = operation->count - operation->begin;
    int count = (int)(left < RR_PIECE ? left : RR_PIECE);
    return rr_mpi_check(MPI_Iallreduce(MPI_IN_PLACE, operation->values + operation->begin, count, MPI_FLOAT, MPI_SUM,
                                       operation->mpi, &operation->request),
                        "starting MPI_Iallreduce");
}

static rr_status start(rr_allreduce *operation, float *values, size_t count) {
    if (operation->under_way) return rr_fail(RR_ERR_RUNTIME, "this allreduce is under way already");
    operation->values = values;
    operation->count = count;
    operation->begin = 0;
    if (count == 0 || operation->comm->size == 1) return RR_OK;
    RR_TRY(start_piece(operation));
    operation->under_way = true;
    return RR_OK;
}

static rr_status test(rr_allreduce *operation, bool *done) {
    *done = false;
    while (operation->under_way) {
        int piece_done = 0;
        RR_TRY(rr_mpi_check(MPI_Test(&operation->request, &piece_done, MPI_STATUS_IGNORE), "in MPI_Iallreduce"));
        if (!piece_done) return RR_OK;
        operation->begin +=
            operation->count - operation->begin < RR_PIECE ? operation->count - operation->begin : RR_PIECE;
        operation->under_way = operation->begin < operation->count;
        if (operation->under_way) RR_TRY(start_piece(operation));
    }
    *done = true;
    return RR_OK;
}

static rr_status wait_for(rr_allreduce *operation) {
    rr_patience patience = {0};
    for (;;) {
        bool done;
        RR_TRY(test(operation, &done));
        if (done) return RR_OK;
        RR_TRY(rr_patience_turn(&patience, operation->comm->timeout_s, "a sum over ranks"));
    }
}

rr_status rr_allreduce_baseline(rr_comm *comm, float *values, size_t count) {
    if (count > RR_PIECE) return rr_fail(RR_ERR_RUNTIME, "%zu floats are too many for one MPI_Allreduce", count);
    return rr_mpi_check(MPI_Allreduce(MPI_IN_PLACE, values, (int)count, MPI_FLOAT, MPI_SUM, comm->mpi),
                        "in MPI_Allreduce");
}

const rr_allreduce_ops rr_allreduce_mpi = {.name = "mpi",
                                           .help = "MPI_Iallreduce",
                                           .fits = fits,
                                           .create = create,
                                           .start = start,
                                           .test = test,
                                           .wait = wait_for,
                                           .free = free_operation};
