/* Waiting for other ranks, and MPI's errors in words. */
#include <sched.h>
#include <stdio.h>

#include "base/clock.h"
#include "dist/comm_private.h"

enum { EAGER_TURNS = 1000 };

rr_status rr_mpi_check(int code, const char *what) {
    if (code == MPI_SUCCESS) return RR_OK;
    char text[MPI_MAX_ERROR_STRING + 1];
    int length = 0;
    if (MPI_Error_string(code, text, &length) != MPI_SUCCESS) snprintf(text, sizeof text, "MPI error %d", code);
    return rr_fail(RR_ERR_RUNTIME, "%s: %s", what, text);
}

rr_status rr_patience_turn(rr_patience *patience, double limit_s, const char *what) {
    if (patience->turns == 0) patience->start_s = rr_clock_seconds();
    patience->turns++;
    if (patience->turns <= EAGER_TURNS) return RR_OK;
    sched_yield();
    if (limit_s > 0 && rr_clock_seconds() - patience->start_s > limit_s)
        return rr_fail(
            RR_ERR_RUNTIME,
            "%s: waited longer than dist.timeout_s (%g s) for the other ranks; one of them hangs, or is much "
            "slower",
            what, limit_s);
    return RR_OK;
}

rr_status rr_mpi_wait(MPI_Request *request, double limit_s, const char *what) {
    rr_patience patience = {0};
    for (;;) {
        int done = 0;
        RR_TRY(rr_mpi_check(MPI_Test(request, &done, MPI_STATUS_IGNORE), what));
        if (done) return RR_OK;
        RR_TRY(rr_patience_turn(&patience, limit_s, what));
    }
}
