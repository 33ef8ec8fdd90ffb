/*
 * Our allreduces beside MPI_Allreduce: bench_allreduce [BYTES ...]. Times are of the slowest rank, medians over rounds
 * after a warm-up; algorithms take turns within a round, so that what else the machine does hits all of them.
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dist/allreduce.h"

enum { ROUNDS = 41, WARM_UP = 5, MAX_ALGORITHMS = 16 };

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count) {
    qsort(values, count, sizeof *values, by_value);
    return values[count / 2];
}

/* a: an index in the registry, or one beyond for MPI_Allreduce. */
static double measure(size_t a, rr_allreduce *operation, float *values, size_t count) {
    rr_status status = RR_OK;
    memset(values, 0, count * sizeof *values);
    MPI_Barrier(MPI_COMM_WORLD);
    double seconds = MPI_Wtime();
    if (a == rr_allreduce_count) {
        MPI_Allreduce(MPI_IN_PLACE, values, (int)count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
    } else {
        status = rr_allreduces[a]->start(operation, values, count);
        if (status == RR_OK) status = rr_allreduces[a]->wait(operation);
    }
    seconds = MPI_Wtime() - seconds;
    if (status != RR_OK) MPI_Abort(MPI_COMM_WORLD, 1);
    MPI_Allreduce(MPI_IN_PLACE, &seconds, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    return seconds;
}

static void bench(rr_comm *comm, size_t bytes) {
    size_t count = bytes / sizeof(float);
    static double seconds[MAX_ALGORITHMS][ROUNDS];
    rr_allreduce *operations[MAX_ALGORITHMS] = {NULL};
    float *values = malloc((count + 1) * sizeof *values);
    for (size_t a = 0; a < rr_allreduce_count; a++)
        if (values == NULL || rr_allreduces[a]->create(comm, count, a, &operations[a]) != RR_OK)
            MPI_Abort(MPI_COMM_WORLD, 1);
    for (size_t round = 0; round < WARM_UP + ROUNDS; round++)
        for (size_t a = 0; a <= rr_allreduce_count; a++) {
            double s = measure(a, operations[a], values, count);
            if (round >= WARM_UP) seconds[a][round - WARM_UP] = s;
        }
    double baseline = median(seconds[rr_allreduce_count], ROUNDS);
    for (size_t a = 0; a < rr_allreduce_count; a++) {
        if (rr_comm_rank(comm) == 0)
            printf("{\"bench\":\"allreduce\",\"algo\":\"%s\",\"world_size\":%zu,\"bytes\":%zu,\"median_s\":%.3g,"
                   "\"mpi_allreduce_median_s\":%.3g}\n",
                   rr_allreduces[a]->name, rr_comm_size(comm), bytes, median(seconds[a], ROUNDS), baseline);
        rr_allreduces[a]->free(operations[a]);
    }
    free(values);
}

int main(int argc, char **argv) {
    rr_comm *comm = NULL;
    if (rr_comm_open(&argc, &argv, &comm) != RR_OK) {
        fprintf(stderr, "%s\n", rr_last_error());
        return 1;
    }
    static const size_t usual[] = {4096, 16384, 65536, 262144, 1048576, 4194304, 16777216};
    for (int i = 1; i < argc; i++) bench(comm, (size_t)strtoull(argv[i], NULL, 10));
    for (size_t i = 0; argc < 2 && i < sizeof usual / sizeof *usual; i++) bench(comm, usual[i]);
    rr_comm_close(comm);
    return 0;
}
