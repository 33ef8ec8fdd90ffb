/*
 * The exchange is a reduction to rank 0 and a broadcast from there: two steps, but every rank has the bits of one rank,
 * whichever way an MPI adds.
 */
#include "dist/control.h"

#include <math.h>
#include <stdlib.h>

#include "dist/comm_private.h"

typedef enum phase { IDLE, REDUCING, SHARING, DONE } phase;

struct rr_control_exchange {
    rr_comm *comm;
    MPI_Comm mpi; /* its own: these collectives start at other times than those of the gradients */
    MPI_Datatype type;
    MPI_Op combine;
    MPI_Request request;
    rr_control local, sum;
    phase phase;
    rr_status status;
};

/* MPI's signature for a function that combines. */
static void combine(void *in, void *inout, int *length, MPI_Datatype *type) {
    (void)type;
    const rr_control *a = in;
    rr_control *b = inout;
    for (int i = 0; i < *length; i++) {
        for (size_t k = 0; k < RR_CONTROL_SUMS; k++) b[i].sum[k] = a[i].sum[k] + b[i].sum[k];
        for (size_t k = 0; k < RR_CONTROL_MAXES; k++)
            if (isnan(a[i].max[k]) || a[i].max[k] > b[i].max[k]) b[i].max[k] = a[i].max[k];
    }
}

rr_status rr_control_create(rr_comm *comm, rr_control_exchange **out) {
    rr_control_exchange *exchange = calloc(1, sizeof *exchange);
    /* All ranks must come to the collective below, or none. */
    rr_status status =
        rr_comm_agree(comm, exchange != NULL ? RR_OK : rr_fail(RR_ERR_NOMEM, "no memory for the control exchange"));
    if (status != RR_OK || exchange == NULL) {
        free(exchange);
        return status;
    }
    *exchange = (rr_control_exchange){.comm = comm,
                                      .mpi = MPI_COMM_NULL,
                                      .type = MPI_DATATYPE_NULL,
                                      .combine = MPI_OP_NULL,
                                      .request = MPI_REQUEST_NULL};
    *out = exchange;
    if (comm->size == 1) return RR_OK; /* which may be there without MPI */
    static const char what[] = "preparing the control exchange";
    rr_wait wait = rr_wait_begin(comm, what);
    status = rr_mpi_check(MPI_Comm_dup(comm->mpi, &exchange->mpi), what);
    if (status == RR_OK)
        status =
            rr_mpi_check(MPI_Type_contiguous(RR_CONTROL_SUMS + RR_CONTROL_MAXES, MPI_DOUBLE, &exchange->type), what);
    if (status == RR_OK) status = rr_mpi_check(MPI_Type_commit(&exchange->type), what);
    if (status == RR_OK) status = rr_mpi_check(MPI_Op_create(combine, 1, &exchange->combine), what);
    rr_wait_end(&wait);
    if (status != RR_OK) {
        rr_control_free(exchange);
        *out = NULL;
    }
    return status;
}

void rr_control_free(rr_control_exchange *exchange) {
    if (exchange == NULL) return;
    if (exchange->combine != MPI_OP_NULL) MPI_Op_free(&exchange->combine);
    if (exchange->type != MPI_DATATYPE_NULL) MPI_Type_free(&exchange->type);
    if (exchange->mpi != MPI_COMM_NULL) MPI_Comm_free(&exchange->mpi);
    free(exchange);
}

rr_status rr_control_start(rr_control_exchange *exchange, const rr_control *local) {
    if (exchange->phase != IDLE) return rr_fail(RR_ERR_RUNTIME, "a control exchange is under way already");
    exchange->local = *local;
    exchange->sum = *local;
    exchange->status = RR_OK;
    exchange->phase = DONE;
    if (exchange->comm->size == 1) return RR_OK;
    RR_TRY(rr_mpi_check(MPI_Ireduce(&exchange->local, &exchange->sum, 1, exchange->type, exchange->combine, 0,
                                    exchange->mpi, &exchange->request),
                        "starting the control exchange"));
    exchange->phase = REDUCING;
    return RR_OK;
}

void rr_control_tick(rr_control_exchange *exchange) {
    while (exchange->status == RR_OK && (exchange->phase == REDUCING || exchange->phase == SHARING)) {
        int done = 0;
        exchange->status =
            rr_mpi_check(MPI_Test(&exchange->request, &done, MPI_STATUS_IGNORE), "in the control exchange");
        if (exchange->status != RR_OK || !done) return;
        if (exchange->phase == REDUCING)
            exchange->status =
                rr_mpi_check(MPI_Ibcast(&exchange->sum, 1, exchange->type, 0, exchange->mpi, &exchange->request),
                             "in the control exchange");
        exchange->phase++;
    }
}

rr_status rr_control_wait(rr_control_exchange *exchange, rr_control *out) {
    if (exchange->phase == IDLE) return rr_fail(RR_ERR_RUNTIME, "no control exchange is under way");
    rr_wait wait = rr_wait_begin(exchange->comm, "the control exchange of a step");
    rr_control_tick(exchange);
    while (exchange->status == RR_OK && exchange->phase != DONE) {
        rr_wait_turn(&wait);
        rr_control_tick(exchange);
    }
    rr_wait_end(&wait);
    RR_TRY(exchange->status);
    exchange->phase = IDLE;
    *out = exchange->sum;
    return RR_OK;
}
