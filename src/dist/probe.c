#include "dist/probe.h"

#include <stdlib.h>

#include "base/clock.h"
#include "dist/comm_private.h"

enum { TAG = RR_TAG_GATHER + 1, WARM_UP = 5, MOST_ROUNDS = 200, REPEATS = 3 };
enum { LEAST = 1 << 16, MOST = 1 << 23 }; /* bytes of a message */
static const double ROUNDS_S = 0.15,      /* of round trips, and */
    LONG_S = 0.05;                        /* a message that takes as long tells the rate */
static const double PATIENCE_S = 20;

static rr_status no_answer(const rr_comm *comm, size_t partner) {
    return rr_fail(
        RR_ERR_RUNTIME,
        "rank %zu (%s) did not answer for %g s: is there a network that joins both hosts, and does MPI use it?",
        partner, comm->places[partner].host, PATIENCE_S);
}

/* Sends and receives at once; either may be of no bytes at all, and is left out then. */
static rr_status exchange(rr_comm *comm, size_t partner, const void *from, size_t sent, void *to, size_t received) {
    static const char what[] = "exchanging messages to measure with";
    MPI_Request requests[2] = {MPI_REQUEST_NULL, MPI_REQUEST_NULL};
    rr_wait wait = rr_wait_begin(comm, "another rank, to measure with");
    double start = rr_clock_seconds();
    if (received > 0)
        RR_TRY(rr_mpi_check(MPI_Irecv(to, (int)received, MPI_BYTE, (int)partner, TAG, comm->mpi, &requests[0]), what));
    if (sent > 0)
        RR_TRY(rr_mpi_check(MPI_Isend(from, (int)sent, MPI_BYTE, (int)partner, TAG, comm->mpi, &requests[1]), what));
    for (int done = 0;;) {
        RR_TRY(rr_mpi_check(MPI_Testall(2, requests, &done, MPI_STATUSES_IGNORE), what));
        if (done) break;
        rr_wait_turn(&wait);
        if (rr_clock_seconds() - start > PATIENCE_S) return no_answer(comm, partner);
    }
    rr_wait_end(&wait);
    return RR_OK;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The lower rank asks, and says with each question whether it is the last. */
static rr_status measure_latency(rr_comm *comm, size_t partner, double *latency_s) {
    double rounds[MOST_ROUNDS], begin = rr_clock_seconds(), more = 1, answer;
    size_t count = 0;
    if (comm->rank > partner) {
        while (more != 0) {
            RR_TRY(exchange(comm, partner, NULL, 0, &more, sizeof more));
            RR_TRY(exchange(comm, partner, &more, sizeof more, NULL, 0));
        }
        return RR_OK;
    }
    for (size_t i = 0; more != 0; i++) {
        double start = rr_clock_seconds();
        more = i + 1 < WARM_UP + MOST_ROUNDS && (i < WARM_UP || start - begin < ROUNDS_S);
        RR_TRY(exchange(comm, partner, &more, sizeof more, NULL, 0));
        RR_TRY(exchange(comm, partner, NULL, 0, &answer, sizeof answer));
        if (i >= WARM_UP) rounds[count++] = rr_clock_seconds() - start;
    }
    qsort(rounds, count, sizeof *rounds, compare);
    *latency_s = 0.5 * rounds[count / 2];
    return RR_OK;
}

/* The lower rank says how long the next message is; 0 ends it. Lengths double until one message takes its time. */
static rr_status measure_rate(rr_comm *comm, size_t partner, char *from, char *to, double *bytes_per_s) {
    double length = LEAST, last_s = 0;
    size_t repeats = 0;
    *bytes_per_s = 0;
    for (bool asks = comm->rank < partner;;) {
        if (asks) RR_TRY(exchange(comm, partner, &length, sizeof length, NULL, 0));
        if (!asks) RR_TRY(exchange(comm, partner, NULL, 0, &length, sizeof length));
        if (length == 0) return RR_OK;
        double start = rr_clock_seconds();
        RR_TRY(exchange(comm, partner, from, (size_t)length, to, (size_t)length));
        last_s = rr_clock_seconds() - start;
        if (length / last_s > *bytes_per_s) *bytes_per_s = length / last_s;
        if (last_s < LONG_S && length < MOST)
            length *= 2;
        else if (++repeats == REPEATS)
            length = 0;
    }
}

rr_status rr_link_measure(rr_comm *comm, size_t partner, rr_link_rates *out) {
    rr_link_rates rates = {0};
    double both[2];
    char *buffers = calloc(2, MOST);
    if (buffers == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for messages to measure with");
    rr_status status = measure_latency(comm, partner, &rates.latency_s);
    if (status == RR_OK) status = measure_rate(comm, partner, buffers, buffers + MOST, &rates.bytes_per_s);
    free(buffers);
    RR_TRY(status);
    both[0] = rates.latency_s;
    both[1] = rates.bytes_per_s;
    if (comm->rank < partner) RR_TRY(exchange(comm, partner, both, sizeof both, NULL, 0));
    if (comm->rank > partner) RR_TRY(exchange(comm, partner, NULL, 0, both, sizeof both));
    *out = (rr_link_rates){both[0], both[1]};
    return RR_OK;
}
