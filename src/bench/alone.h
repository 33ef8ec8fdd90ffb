/* What benchmarks of a single process share. */
#ifndef RR_BENCH_ALONE_H
#define RR_BENCH_ALONE_H

#include "bench/bench.h"
#include "train/train_config.h"

/** Reads the configuration without MPI and calls work on it; prints the error if there is one. */
rr_status rr_bench_alone(const rr_bench_options *options,
                         rr_status (*work)(const rr_bench_options *options, const rr_settings *settings));

#endif
