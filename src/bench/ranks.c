#include "bench/ranks.h"

#include <stdio.h>

rr_status rr_bench_over_ranks(const rr_bench_options *options, int *argc, char ***argv,
                              rr_status (*work)(const rr_bench_options *options, rr_comm *comm)) {
    rr_comm *comm = NULL;
    rr_status status = rr_comm_open(argc, argv, &comm);
    if (status != RR_OK) {
        fprintf(stderr, "ringrnn: %s\n", rr_last_error());
        return status;
    }
    status = work(options, comm);
    if (status != RR_OK && !rr_comm_agreed(comm)) rr_comm_abort(comm, status);
    if (status != RR_OK && rr_comm_rank(comm) == 0) fprintf(stderr, "ringrnn: %s\n", rr_last_error());
    rr_comm_close(comm);
    return status;
}
