#include "bench/trace.h"

#include <stdlib.h>

#include "base/clock.h"

static void keep(rr_trace *t, size_t end) {
    if (t->count == t->room) {
        size_t room = 2 * t->room + 1024;
        rr_trace_event *events = realloc(t->events, room * sizeof *events);
        t->failed = t->failed || events == NULL;
        if (events == NULL) return;
        t->events = events;
        t->room = room;
    }
    t->events[t->count++] = (rr_trace_event){rr_clock_seconds() - t->start_s, end};
}

static void keep_ready(void *ctx, size_t end) { keep(ctx, end); }
static void keep_tick(void *ctx) { keep(ctx, 0); }

rr_status rr_trace_record(rr_run *run, size_t warm_up, rr_trace *t) {
    rr_loss_count mine;
    rr_dropout dropout = {.seed = run->settings.run.seed};
    const rr_hooks hooks = {.ready = keep_ready, .tick = keep_tick, .ctx = t};
    double loss;
    RR_TRY(run->task->ops->load(run->task, &run->progress.position, run->begin, run->end, &mine));
    for (size_t i = 0; i <= warm_up; i++) {
        rr_params_clear_grads(&run->task->params);
        t->count = 0;
        t->start_s = rr_clock_seconds();
        if (run->end > run->begin)
            RR_TRY(run->task->ops->train(run->task, run->begin, run->end, 1e-3F, &dropout, &hooks, &loss));
        t->pass_s = rr_clock_seconds() - t->start_s;
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
        if (trace->events[i].end > 0) return trace->events[i].s;
    return trace->pass_s;
}
