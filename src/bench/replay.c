#include "bench/replay.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

static rr_status keep_rows(rr_replay *replay) {
    const rr_params *params = &replay->run->task->params;
    replay->rows = calloc(params->count + 1, sizeof *replay->rows);
    if (replay->rows == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a benchmark");
    for (size_t i = 0; i < params->count; i++) {
        const rr_row_list *rows = params->items[i].rows;
        if (rows == NULL) continue;
        int32_t *numbers = malloc((rows->count + 1) * sizeof *numbers);
        if (numbers == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the rows of a step");
        for (size_t k = 0; k < rows->count; k++) numbers[k] = rows->numbers[k];
        replay->rows[i].numbers = numbers;
        replay->rows[i].count = rows->count;
    }
    return RR_OK;
}

static void list_again(const rr_replay *replay) {
    rr_params *params = &replay->run->task->params;
    rr_params_reset_grads(params);
    for (size_t i = 0; i < params->count; i++)
        for (size_t k = 0; k < replay->rows[i].count; k++)
            rr_param_list_row(params, i, (size_t)replay->rows[i].numbers[k]);
}

rr_status rr_replay_open(rr_run *run, size_t warm_up, rr_replay *replay) {
    *replay = (rr_replay){.run = run};
    RR_TRY(rr_trace_record_in_turns(run, warm_up, &replay->pass));
    return rr_comm_agree(run->comm, keep_rows(replay));
}

void rr_replay_free(rr_replay *replay) {
    for (size_t i = 0; replay->rows != NULL && i < replay->run->task->params.count; i++) free(replay->rows[i].numbers);
    free(replay->rows);
    rr_trace_free(&replay->pass);
    *replay = (rr_replay){.run = NULL};
}

static void sleep_until(double when) {
    double left = when - rr_clock_seconds();
    if (left <= 0) return;
    struct timespec time = {.tv_sec = (time_t)left, .tv_nsec = (long)(1e9 * (left - floor(left)))};
    nanosleep(&time, NULL);
}

rr_status rr_replay_step(rr_replay *replay, double *seconds, rr_reducer_times *times) {
    const rr_run *run = replay->run;
    const rr_trace *pass = &replay->pass;
    const rr_hooks *hooks = rr_reducer_hooks(run->reducer);
    list_again(replay);
    RR_TRY(rr_comm_rest(run->comm));
    double start = rr_clock_seconds();
    rr_reducer_begin(run->reducer);
    for (size_t i = 0; i < pass->count; i++) {
        sleep_until(start + pass->events[i].s);
        if (pass->events[i].end > 0)
            rr_hooks_ready(hooks, pass->events[i].end);
        else if (pass->events[i].tail > 0)
            rr_hooks_tail(hooks, pass->events[i].tail);
        else
            rr_hooks_tick(hooks);
    }
    sleep_until(start + pass->pass_s);
    RR_TRY(rr_reducer_finish(run->reducer, times));
    *seconds = rr_clock_seconds() - start;
    return RR_OK;
}
