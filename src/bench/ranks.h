/* Benchmarks over ranks. */
#ifndef RR_BENCH_RANKS_H
#define RR_BENCH_RANKS_H

#include "bench/bench.h"
#include "dist/comm.h"

/** Starts MPI, works on all ranks, ends MPI, and prints the error if there is one. */
rr_status rr_bench_over_ranks(const rr_bench_options *options, int *argc, char ***argv,
                              rr_status (*work)(const rr_bench_options *options, rr_comm *comm));

#endif
