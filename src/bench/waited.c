/* Steps whose computing is waited for: what a rank would take with a core of its own, though it may have none here. */
#include <math.h>
#include <stdlib.h>

#include "bench/record.h"
#include "bench/replay.h"
#include "bench/steps.h"
#include "nn/cell.h"

enum { WARM_UP = 1, TURNS = 7, SYNTHETIC_STEPS = 4 };

/* Clipping and the optimiser, in turns; they wait for nobody. */
static rr_status measure_rest(const rr_bench_options *options, rr_run *run, double *rest_s) {
    size_t rows = run->end > run->begin ? run->end - run->begin : 1;
    for (size_t rank = 0; rank < rr_comm_size(run->comm); rank++) {
        rr_status status = RR_OK;
        rr_trace pass = {0};
        if (rank == rr_comm_rank(run->comm)) status = rr_trace_alone(&options->train, rows, 1, 0, &pass, rest_s);
        rr_trace_free(&pass);
        RR_TRY(rr_comm_rest(run->comm));
        RR_TRY(rr_comm_agree(run->comm, status));
    }
    return RR_OK;
}

static rr_status play(rr_replay *replay, double rest_s, double *seconds, rr_steps *out) {
    rr_comm *comm = replay->run->comm;
    RR_TRY(rr_comm_max_doubles(comm, &rest_s, 1));
    for (size_t turn = 0; turn < out->steps + 1; turn++) { /* one more, to warm up */
        rr_reducer_times times;
        double step_s = 0;
        RR_TRY(rr_replay_step(replay, &step_s, &times));
        double now[3] = {step_s + rest_s, times.exposed, times.hidden};
        RR_TRY(rr_comm_max_doubles(comm, now, 3));
        if (turn == 0) continue;
        seconds[turn - 1] = now[0];
        out->mean_s += now[0] / (double)out->steps;
        out->exposed_s += now[1] / (double)out->steps;
        out->hidden_s += now[2] / (double)out->steps;
    }
    out->median_s = rr_median(seconds, out->steps);
    out->least_s = seconds[0]; /* sorted by it */
    return RR_OK;
}

static rr_status measure(const rr_bench_options *options, rr_run *run, rr_replay *replay, rr_steps *out) {
    double rest_s = 0;
    RR_TRY(rr_replay_open(run, WARM_UP, replay));
    RR_TRY(measure_rest(options, run, &rest_s));
    out->steps = options->steps > 0 ? options->steps : TURNS;
    double *seconds = malloc(out->steps * sizeof *seconds);
    rr_status status =
        seconds != NULL ? RR_OK : rr_fail(RR_ERR_NOMEM, "no memory for the times of %zu turns", out->steps);
    status = rr_comm_agree(run->comm, status);
    if (status == RR_OK && seconds != NULL) status = play(replay, rest_s, seconds, out);
    free(seconds);
    RR_TRY(status);
    return rr_steps_spread(run->comm, replay->pass.pass_s + rest_s, out);
}

rr_status rr_bench_waited_steps(const rr_bench_options *options, rr_comm *comm, rr_steps *out) {
    rr_run run;
    rr_replay replay = {0};
    *out = (rr_steps){0};
    rr_status status = rr_run_open_synthetic(&options->train, comm, SYNTHETIC_STEPS, &run);
    if (status == RR_OK) status = measure(options, &run, &replay, out);
    if (status == RR_OK) rr_steps_describe(&run, out);
    rr_replay_free(&replay);
    return rr_run_end(&run, status);
}
