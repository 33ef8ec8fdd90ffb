/*
 * How much of the communication hides behind the backward pass. Each rank records its own pass once, alone: when it
 * ticks, and when which gradients are ready. The pass is then played again: the rank sleeps where it computed, and
 * ticks and reports as it did, while real sums travel. So many hosts can be shown on a machine with fewer cores than
 * ranks; what is measured is the communication, and the computing is said to be waited for.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "bench/ranks.h"
#include "bench/record.h"
#include "bench/trace.h"

enum { WARM_UP = 2, TURNS = 7, SYNTHETIC_STEPS = 4 };

static void sleep_until(double when) {
    double left = when - rr_clock_seconds();
    if (left <= 0) return;
    struct timespec time = {.tv_sec = (time_t)left, .tv_nsec = (long)(1e9 * (left - floor(left)))};
    nanosleep(&time, NULL);
}

static rr_status play(rr_run *run, const rr_trace *t, double *step_s, rr_reducer_times *times) {
    const rr_hooks *hooks = rr_reducer_hooks(run->reducer);
    RR_TRY(rr_comm_rest(run->comm));
    double start = rr_clock_seconds();
    rr_reducer_begin(run->reducer);
    for (size_t i = 0; i < t->count; i++) {
        sleep_until(start + t->events[i].s);
        if (t->events[i].end > 0)
            rr_hooks_ready(hooks, t->events[i].end);
        else
            rr_hooks_tick(hooks);
    }
    sleep_until(start + t->pass_s);
    RR_TRY(rr_reducer_finish(run->reducer, times));
    *step_s = rr_clock_seconds() - start;
    return RR_OK;
}

/* What the backward pass listed is listed again, with the same numbers in all rows: sums must not overflow. */
typedef struct listed {
    int32_t *numbers;
    size_t count;
} listed;

static rr_status keep_rows(const rr_params *params, listed *out) {
    for (size_t i = 0; i < params->count; i++) {
        const rr_row_list *rows = params->items[i].rows;
        if (rows == NULL) continue;
        out[i].numbers = malloc((rows->count + 1) * sizeof *out[i].numbers);
        if (out[i].numbers == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the rows of a step");
        for (size_t k = 0; k < rows->count; k++) out[i].numbers[k] = rows->numbers[k];
        out[i].count = rows->count;
    }
    return RR_OK;
}

static void list_again(rr_params *params, const listed *kept) {
    rr_params_reset_grads(params);
    for (size_t i = 0; i < params->count; i++)
        for (size_t k = 0; k < kept[i].count; k++) rr_param_list_row(params, i, (size_t)kept[i].numbers[k]);
}

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
static rr_status play_turns(rr_run *run, size_t turns, const rr_trace *t, const listed *kept, double *figures) {
    for (size_t turn = 0; turn < turns + 1; turn++) { /* one more, to warm up */
        rr_reducer_times times = {0};
        double step_s = 0;
        list_again(&run->task->params, kept);
        RR_TRY(play(run, t, &step_s, &times));
        double now[FIGURES] = {[STEP] = step_s, [EXPOSED] = times.exposed, [TOTAL] = times.total};
        RR_TRY(rr_comm_max_doubles(run->comm, now, FIGURES));
        for (size_t f = 0; f < FIGURES && turn > 0; f++) figures[f * turns + turn - 1] = now[f];
    }
    return RR_OK;
}

static rr_status measure(rr_run *run, size_t wanted, rr_trace *t, listed *kept) {
    size_t turns = wanted > 0 ? wanted : TURNS;
    RR_TRY(rr_trace_record_in_turns(run, WARM_UP, t));
    RR_TRY(rr_comm_agree(run->comm, keep_rows(&run->task->params, kept)));
    double *figures = malloc(FIGURES * turns * sizeof *figures),
           pass[2] = {t->pass_s, t->pass_s - rr_trace_first_ready(t)};
    rr_status status = figures != NULL ? RR_OK : rr_fail(RR_ERR_NOMEM, "no memory for the times of %zu turns", turns);
    status = rr_comm_agree(run->comm, status);
    if (status == RR_OK && figures != NULL) status = play_turns(run, turns, t, kept, figures);
    if (status == RR_OK) status = rr_comm_max_doubles(run->comm, pass, 2);
    if (status == RR_OK && figures != NULL && rr_comm_rank(run->comm) == 0) print(run, turns, pass, figures);
    free(figures);
    return status;
}

static rr_status bench(const rr_bench_options *options, rr_comm *comm) {
    rr_run run;
    rr_trace t = {0};
    listed *kept = NULL;
    rr_status status = rr_run_open_synthetic(&options->train, comm, SYNTHETIC_STEPS, &run);
    size_t params = status == RR_OK ? run.task->params.count : 0;
    if (status == RR_OK) {
        kept = calloc(params + 1, sizeof *kept);
        status = rr_comm_agree(comm, kept != NULL ? RR_OK : rr_fail(RR_ERR_NOMEM, "no memory for a benchmark"));
    }
    if (status == RR_OK && kept != NULL) status = measure(&run, options->steps, &t, kept);
    for (size_t i = 0; i < params && kept != NULL; i++) free(kept[i].numbers);
    free(kept);
    rr_trace_free(&t);
    return rr_run_end(&run, status);
}

rr_status rr_bench_overlap(const rr_bench_options *options, int *argc, char ***argv) {
    return rr_bench_over_ranks(options, argc, argv, bench);
}
