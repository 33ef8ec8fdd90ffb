/* Benchmarks of the program's own parts, each beside the limit or the library that it is measured against. */
#ifndef RR_BENCH_BENCH_H
#define RR_BENCH_BENCH_H

#include <stdbool.h>

#include "ringrnn/trainer.h"

typedef struct rr_bench_options {
    rr_train_options train; /* the configuration; its data files are not read */
    size_t steps;           /* measured, after warm-up; 0: as many as fit in a few seconds */
    const char *over;       /* scaling: "ranks" (also NULL), "nodes" or "threads" */
    bool wait;              /* scaling: computing is replaced by waiting as long */
    bool csv;               /* scaling: a header and a line for each measurement, instead of JSON */
    bool tune;              /* allreduce: print rows of the table that chooses algorithms */
} rr_bench_options;

/** Whole training steps on text without meaning, alone or under mpirun. @return RR_ERR_INPUT, RR_ERR_RUNTIME */
rr_status rr_bench_step(const rr_bench_options *options, int *argc, char ***argv);

/** The same steps on 1, 2, 4 ... ranks, nodes or threads, with the global batch kept and with the batch of each kept.
 */
rr_status rr_bench_scaling(const rr_bench_options *options, int *argc, char ***argv);

/** How much of the communication hides behind the backward pass; computing is replaced by waiting as long. */
rr_status rr_bench_overlap(const rr_bench_options *options, int *argc, char ***argv);

/** A pass of one rank, when which gradients are ready, for tools/simulate; needs no MPI. */
rr_status rr_bench_pass(const rr_bench_options *options, int *argc, char ***argv);

/** The recurrent layers alone, forward and backward, with the sizes of a configuration. */
rr_status rr_bench_cell(const rr_bench_options *options, int *argc, char ***argv);

/** The matrix products of a step against OpenBLAS: with the sizes of a configuration. */
rr_status rr_bench_gemm(const rr_bench_options *options, int *argc, char ***argv);

/** Sums over ranks by every algorithm, and by MPI_Allreduce; needs several ranks, and no configuration. */
rr_status rr_bench_allreduce(const rr_bench_options *options, int *argc, char ***argv);

#endif
