/*
 * A pass of one rank as a table for tools/simulate: how long it takes, the rest of a step (clipping, optimiser), the
 * floats of the gradients, where buckets may end; then a line for each call of a hook: seconds, and the end of the
 * gradients that are ready, 0 for a tick, or, less than 0, where the tail begins that is ready.
 */
#include <math.h>
#include <stdio.h>

#include "bench/bench.h"
#include "bench/trace.h"

enum { TURNS = 3, SYNTHETIC_STEPS = 4 };

static void print(const rr_run *run, const rr_trace *pass, double rest_s) {
    const rr_params *params = &run->task->params;
    printf("%.6f %.6f %zu %zu %zu\n", pass->pass_s, rest_s, params->total, params->count, pass->count);
    for (size_t i = 0; i < params->count; i++) printf("%zu\n", rr_param_end(params, i));
    for (size_t i = 0; i < pass->count; i++)
        printf("%.6f %s%zu\n", pass->events[i].s, pass->events[i].tail > 0 ? "-" : "",
               pass->events[i].tail > 0 ? pass->events[i].tail : pass->events[i].end);
}

static rr_status measure(rr_run *run, size_t turns) {
    rr_trace pass;
    double rest_s;
    RR_TRY(rr_trace_best(run, turns, INFINITY, &pass, &rest_s));
    print(run, &pass, rest_s);
    rr_trace_free(&pass);
    return RR_OK;
}

rr_status rr_bench_pass(const rr_bench_options *options, int *argc, char ***argv) {
    rr_comm *comm;
    rr_run run;
    (void)argc, (void)argv;
    rr_status status = rr_comm_alone(&comm);
    if (status == RR_OK) {
        status = rr_run_open_synthetic(&options->train, comm, SYNTHETIC_STEPS, &run);
        if (status == RR_OK) status = measure(&run, options->steps > 0 ? options->steps : TURNS);
        status = rr_run_end(&run, status);
        rr_comm_close(comm);
    }
    if (status != RR_OK) fprintf(stderr, "ringrnn: %s\n", rr_last_error());
    return status;
}
