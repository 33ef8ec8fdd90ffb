/* The training step: reads from top to bottom, and is the whole program. */
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/profile.h"
#include "train/fault.h"
#include "train/run.h"
#include "train/signals.h"

enum { SUM_TARGETS, SUM_ROWS, SUM_TOKENS, SUM_PADDED, SUM_LOSS = 0 };
enum { MAX_STOP, MAX_EXPOSED = 0 };

/* What this rank asks for. Clocks differ between ranks: that of rank 0 counts. */
static rr_stop wanted_stop(const rr_run *run) {
    if (run->lock != NULL && rr_run_lock_lost(run->lock)) return RR_STOP_TAKEN_OVER;
    if (rr_signals_caught() != 0) return RR_STOP_SIGNAL;
    double limit = run->settings.train.max_minutes;
    if (rr_comm_rank(run->comm) == 0 && !isnan(limit) && rr_clock_seconds() - run->start_s > 60 * limit)
        return RR_STOP_TIME;
    return RR_GO_ON;
}

static void plant_faults_before(rr_run *run) {
    size_t rank = rr_comm_rank(run->comm);
    uint64_t step = run->progress.position.step;
    if (rr_fault_planted("kill", rank, step)) raise(SIGKILL);
    if (rr_fault_planted("pause", rank, step)) sleep(5);
    if (rr_fault_planted("nan", rank, step) && run->end > run->begin) {
        size_t size = run->task->ops->carry_size(run->task);
        float *row = malloc(size * sizeof *row);
        for (size_t i = 0; row != NULL && i < size; i++) row[i] = NAN;
        if (row != NULL) run->task->ops->carry_write(run->task, run->begin, row);
        free(row);
    }
}

rr_status rr_run_step(rr_run *run, bool want_loss, rr_step_report *report) {
    const rr_task_ops *ops = run->task->ops;
    const rr_train_config *train = &run->settings.train;
    rr_params *params = &run->task->params;
    rr_progress *progress = &run->progress;
    *report = (rr_step_report){.stop = RR_GO_ON};

    /* The global batch of this step, and what all ranks must know about it. */
    rr_loss_count mine;
    rr_control local = {{0}, {0}}, all;
    rr_comm_phase(run->comm, "training", progress->position.step);
    plant_faults_before(run);
    RR_TRY(ops->load(run->task, &progress->position, run->begin, run->end, &mine));
    local.sum[SUM_TARGETS] = mine.targets;
    local.sum[SUM_ROWS] = mine.rows;
    local.sum[SUM_TOKENS] = mine.tokens;
    local.sum[SUM_PADDED] = mine.padded;
    local.max[MAX_STOP] = (double)wanted_stop(run);
    rr_profile_enter(RR_PHASE_WAIT);
    RR_TRY(rr_control_start(run->control, &local));
    RR_TRY(rr_control_wait(run->control, &all));
    rr_profile_enter(RR_PHASE_OTHER);
    if (all.max[MAX_STOP] != 0) {
        report->stop = (rr_stop)all.max[MAX_STOP];
        return RR_OK;
    }

    /* Forward and backward of the loss over the global batch's denominator; gradients travel meanwhile. */
    rr_dropout dropout = {.seed = run->settings.run.seed, .step = progress->position.step};
    double denominator = train->loss_scale == RR_LOSS_PER_ROW ? all.sum[SUM_ROWS] : all.sum[SUM_TARGETS];
    float scale = denominator > 0 ? (float)(1.0 / denominator) : 1; /* no target weighs anything: nor do gradients */
    double loss;
    rr_reducer_times times, update_times;
    rr_reducer_begin(run->reducer);
    RR_TRY(rr_gradients_compute(&run->sums, run->task, scale, &dropout, run->reducer, &loss));
    if (rr_fault_planted("fail", rr_comm_rank(run->comm), progress->position.step))
        return rr_fail(RR_ERR_RUNTIME, "a fault was planted in step %llu", (unsigned long long)progress->position.step);
    rr_profile_enter(RR_PHASE_EXPOSED_COMM);
    RR_TRY(rr_reducer_finish(run->reducer, &times));
    rr_profile_enter(RR_PHASE_CLIP);

    /* Clip and update: every rank has the same norm, so every rank decides alike. */
    float grad_scale = 1;
    bool finite;
    double max_norm = isnan(train->max_grad_norm) ? INFINITY : train->max_grad_norm;
    RR_TRY(rr_run_clip(run, train->max_grad_value, max_norm, &report->grad_norm, &grad_scale, &finite));
    if (!finite) return rr_run_diagnose(run, scale, &dropout, report->grad_norm);
    progress->schedule.step = progress->position.step;
    progress->schedule.epoch = progress->position.epoch;
    report->lr = rr_schedule_lr(&run->settings.schedule, run->settings.optim.lr, &progress->schedule);
    rr_profile_enter(RR_PHASE_OPTIMISER);
    RR_TRY(rr_run_update(run, report->lr, grad_scale, &update_times));
    ops->commit(run->task);
    if (rr_fault_planted("diverge", rr_comm_rank(run->comm), progress->position.step)) {
        params->values[0] += 1;
        rr_params_changed(params);
    }

    progress->position.step++;
    if (++progress->position.step_in_epoch == run->steps_per_epoch) {
        progress->position.step_in_epoch = 0;
        progress->position.epoch++;
    }
    report->targets = all.sum[SUM_TARGETS];
    report->tokens = all.sum[SUM_TOKENS];
    report->padded = all.sum[SUM_PADDED];
    report->exposed_s = times.exposed + update_times.exposed;
    report->hidden_s = times.hidden + update_times.hidden;
    if (want_loss) {
        local = (rr_control){{[SUM_LOSS] = loss}, {[MAX_EXPOSED] = report->exposed_s}};
        RR_TRY(rr_control_start(run->control, &local));
        RR_TRY(rr_control_wait(run->control, &all));
        report->loss = report->targets > 0 ? all.sum[SUM_LOSS] / report->targets : 0;
        report->exposed_s = all.max[MAX_EXPOSED];
    }
    return RR_OK;
}
