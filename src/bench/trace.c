#include "bench/trace.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

enum { SYNTHETIC_STEPS = 4 };

double rr_trace_seconds(const rr_run *run) {
    struct timespec t;
    if (run->settings.dist.threads_per_rank > 1 || clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) != 0)
        return rr_clock_seconds();
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void keep(rr_trace *t, size_t end, size_t tail) {
    if (t->count == t->room) {
        size_t room = 2 * t->room + 1024;
        rr_trace_event *events = realloc(t->events, room * sizeof *events);
        t->failed = t->failed || events == NULL;
        if (events == NULL) return;
        t->events = events;
        t->room = room;
    }
    t->events[t->count++] = (rr_trace_event){rr_trace_seconds(t->run) - t->start_s, end, tail};
}

static void keep_ready(void *ctx, size_t end) { keep(ctx, end, 0); }
static void keep_tail(void *ctx, size_t begin) { keep(ctx, 0, begin); }
static void keep_tick(void *ctx) { keep(ctx, 0, 0); }

rr_status rr_trace_record(rr_run *run, size_t warm_up, rr_trace *t) {
    rr_loss_count mine;
    rr_dropout dropout = {.seed = run->settings.run.seed};
    const rr_hooks hooks = {.ready = keep_ready, .tick = keep_tick, .tail = keep_tail, .ctx = t};
    double loss;
    t->run = run;
    RR_TRY(run->task->ops->load(run->task, &run->progress.position, run->begin, run->end, &mine));
    for (size_t i = 0; i <= warm_up; i++) {
        rr_params_clear_grads(&run->task->params);
        t->count = 0;
        t->start_s = rr_trace_seconds(run);
        if (run->end > run->begin)
            RR_TRY(run->task->ops->train(run->task, run->begin, run->end, 1e-3F, &dropout, &hooks, &loss));
        t->pass_s = rr_trace_seconds(run) - t->start_s;
    }
    rr_params_settle_grads(&run->task->params);
    return t->failed ? rr_fail(RR_ERR_NOMEM, "no memory for the calls of a backward pass") : RR_OK;
}

void rr_trace_free(rr_trace *trace) {
    free(trace->events);
    *trace = (rr_trace){0};
}

rr_status rr_trace_record_in_turns(rr_run *run, size_t warm_up, rr_trace *trace) {
    for (size_t rank = 0; rank < rr_comm_size(run->comm); rank++) {
        rr_status status = rank == rr_comm_rank(run->comm) ? rr_trace_record(run, warm_up, trace) : RR_OK;
        RR_TRY(rr_comm_rest(run->comm));
        RR_TRY(rr_comm_agree(run->comm, status));
    }
    return RR_OK;
}

double rr_trace_first_ready(const rr_trace *trace) {
    for (size_t i = 0; i < trace->count; i++)
        if (trace->events[i].end > 0 || trace->events[i].tail > 0) return trace->events[i].s;
    return trace->pass_s;
}

/* Clipping and the optimiser once. */
static rr_status time_rest(rr_run *run, double *seconds) {
    const rr_train_config *train = &run->settings.train;
    double start = rr_trace_seconds(run), norm, most = isnan(train->max_grad_norm) ? INFINITY : train->max_grad_norm;
    rr_reducer_times times;
    float scale = 1;
    bool finite;
    RR_TRY(rr_run_clip(run, train->max_grad_value, most, &norm, &scale, &finite));
    RR_TRY(rr_run_update(run, run->settings.optim.lr, scale, &times));
    *seconds = rr_trace_seconds(run) - start;
    return RR_OK;
}

/* passes[best] is the quickest so far, the other takes the next. */
static rr_status record_next(rr_run *run, size_t turn, rr_trace passes[2], size_t *best, double *rest_s) {
    size_t next = turn == 0 ? 0 : 1 - *best;
    double rest;
    RR_TRY(rr_trace_record(run, 0, &passes[next]));
    if (passes[next].pass_s < passes[*best].pass_s) *best = next;
    RR_TRY(time_rest(run, &rest)); /* so the next pass finds new weights, as in a step */
    *rest_s = turn == 0 ? rest : fmin(*rest_s, rest);
    return RR_OK;
}

rr_status rr_trace_best(rr_run *run, size_t turns, double budget_s, rr_trace *out, double *rest_s) {
    rr_trace passes[2] = {{.pass_s = 0}, {.pass_s = 0}};
    rr_step_report report;
    size_t best = 0;
    double begin = rr_clock_seconds();
    rr_status status = rr_run_step(run, false, &report); /* warms up */
    for (size_t turn = 0; turn < turns && status == RR_OK; turn++) {
        if (turn > 0 && rr_clock_seconds() - begin >= budget_s) break;
        status = record_next(run, turn, passes, &best, rest_s);
    }
    rr_trace_free(&passes[1 - best]);
    if (status != RR_OK) {
        rr_trace_free(&passes[best]);
        return status;
    }
    *out = passes[best];
    return RR_OK;
}

rr_status rr_trace_alone(const rr_train_options *options, size_t rows, size_t turns, double budget_s, rr_trace *pass,
                         double *rest_s) {
    rr_train_options changed = *options;
    const char **overrides = malloc((options->override_count + 3) * sizeof *overrides);
    rr_comm *alone = NULL;
    rr_run run;
    char text[64];
    *pass = (rr_trace){0};
    if (overrides == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a configuration");
    rr_status status = rr_comm_alone(&alone);
    if (status != RR_OK) goto free_overrides;
    for (size_t i = 0; i < options->override_count; i++) overrides[i] = options->overrides[i];
    snprintf(text, sizeof text, "train.global_batch_size=%zu", rows);
    overrides[options->override_count] = text;
    overrides[options->override_count + 1] = "dist.logical_shards=0"; /* there may be fewer rows than shards */
    changed.overrides = overrides;
    overrides[options->override_count + 2] = "dist.shards_per_rank=even";
    changed.override_count = options->override_count + 3;
    status = rr_run_open_synthetic(&changed, alone, SYNTHETIC_STEPS, &run);
    if (status == RR_OK) status = rr_trace_best(&run, turns, budget_s, pass, rest_s);
    status = rr_run_end(&run, status);
    rr_comm_close(alone);
free_overrides:
    free(overrides);
    return status;
}
