/* How much of the communication hides behind the backward pass; computing is said to be waited for. */
#include <stdlib.h>

#include "bench/ranks.h"
#include "bench/record.h"
#include "bench/replay.h"

enum { WARM_UP = 2, TURNS = 7, SYNTHETIC_STEPS = 4 };

enum { STEP, EXPOSED, TOTAL, FIGURES };

static void print(const rr_run *run, size_t turns, const double pass[2], double *figures) {
    rr_bench_record line = {0};
    rr_bench_record_text(&line, "bench", "overlap");
    rr_bench_record_text(&line, "config", run->options->config_path);
    rr_bench_record_text(&line, "computing", "waited for, as long as it took alone");
    rr_bench_record_number(&line, NULL, "world_size", (double)rr_comm_size(run->comm));
    rr_bench_record_number(&line, NULL, "nodes", (double)rr_comm_nodes(run->comm));
    rr_bench_record_text(&line, "allreduce", rr_reducer_algorithm(run->reducer));
    rr_bench_record_number(&line, NULL, "turns", (double)turns);
    rr_bench_record_number(&line, NULL, "compute_ms", 1e3 * pass[0]);
    rr_bench_record_number(&line, NULL, "hiding_ms", 1e3 * pass[1]);
    rr_bench_record_number(&line, NULL, "comm_total_ms", 1e3 * rr_median(figures + TOTAL * turns, turns));
    rr_bench_record_number(&line, NULL, "comm_exposed_ms", 1e3 * rr_median(figures + EXPOSED * turns, turns));
    rr_bench_record_number(&line, NULL, "comm_exposed_ms_min", 1e3 * figures[EXPOSED * turns]); /* sorted by it */
    rr_bench_record_number(&line, NULL, "step_ms", 1e3 * rr_median(figures + STEP * turns, turns));
    rr_bench_record_print(&line);
}

/* figures: [FIGURES, turns], of the slowest rank. */
static rr_status play_turns(rr_replay *replay, size_t turns, double *figures) {
    for (size_t turn = 0; turn < turns + 1; turn++) { /* one more, to warm up */
        rr_reducer_times times = {0};
        double step_s = 0;
        RR_TRY(rr_replay_step(replay, &step_s, &times));
        double now[FIGURES] = {[STEP] = step_s, [EXPOSED] = times.exposed, [TOTAL] = times.total};
        RR_TRY(rr_comm_max_doubles(replay->run->comm, now, FIGURES));
        for (size_t f = 0; f < FIGURES && turn > 0; f++) figures[f * turns + turn - 1] = now[f];
    }
    return RR_OK;
}

static rr_status measure(rr_run *run, size_t wanted, rr_replay *replay) {
    size_t turns = wanted > 0 ? wanted : TURNS;
    RR_TRY(rr_replay_open(run, WARM_UP, replay));
    double pass[2] = {replay->pass.pass_s, replay->pass.pass_s - rr_trace_first_ready(&replay->pass)};
    double *figures = malloc(FIGURES * turns * sizeof *figures);
    rr_status status = figures != NULL ? RR_OK : rr_fail(RR_ERR_NOMEM, "no memory for the times of %zu turns", turns);
    status = rr_comm_agree(run->comm, status);
    if (status == RR_OK && figures != NULL) status = play_turns(replay, turns, figures);
    if (status == RR_OK) status = rr_comm_max_doubles(run->comm, pass, 2);
    if (status == RR_OK && figures != NULL && rr_comm_rank(run->comm) == 0) print(run, turns, pass, figures);
    free(figures);
    return status;
}

static rr_status bench(const rr_bench_options *options, rr_comm *comm) {
    rr_run run;
    rr_replay replay = {0};
    rr_status status = rr_run_open_synthetic(&options->train, comm, SYNTHETIC_STEPS, &run);
    if (status == RR_OK) status = measure(&run, options->steps, &replay);
    rr_replay_free(&replay);
    return rr_run_end(&run, status);
}

rr_status rr_bench_overlap(const rr_bench_options *options, int *argc, char ***argv) {
    return rr_bench_over_ranks(options, argc, argv, bench);
}
