/* Waiting for other ranks, and MPI's errors in words. */
#include <sched.h>
#include <stdio.h>

#include "dist/comm_private.h"

enum { EAGER_TURNS = 1000 };

rr_status rr_mpi_check(int code, const char *what) {
    if (code == MPI_SUCCESS) return RR_OK;
    char text[MPI_MAX_ERROR_STRING + 1];
    int length = 0;
    if (MPI_Error_string(code, text, &length) != MPI_SUCCESS) snprintf(text, sizeof text, "MPI error %d", code);
    return rr_fail(RR_ERR_RUNTIME, "%s: %s", what, text);
}

rr_wait rr_wait_begin(const rr_comm *comm, const char *what) {
    rr_watchdog_waits(comm->watchdog, what);
    return (rr_wait){.watchdog = comm->watchdog};
}

bool rr_wait_turn(rr_wait *wait) {
    if (++wait->turns > EAGER_TURNS) sched_yield();
    return rr_watchdog_asks(wait->watchdog);
}

void rr_wait_end(const rr_wait *wait) { rr_watchdog_waits(wait->watchdog, NULL); }

rr_status rr_mpi_wait(const rr_comm *comm, MPI_Request *request, const char *what) {
    rr_wait wait = rr_wait_begin(comm, what);
    for (int done = 0;; rr_wait_turn(&wait)) {
        RR_TRY(rr_mpi_check(MPI_Test(request, &done, MPI_STATUS_IGNORE), what));
        if (done) break;
    }
    rr_wait_end(&wait);
    return RR_OK;
}
