/* The training loop: steps, and what is due after them. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "train/run.h"
#include "train/signals.h"

static bool patience_is_over(const rr_run *run) {
    return run->settings.train.patience > 0 && run->progress.bad_evaluations >= run->settings.train.patience;
}

static bool is_done(const rr_run *run) {
    return (run->total_steps > 0 && run->progress.position.step >= run->total_steps) || patience_is_over(run);
}

/* Validation: the learning-rate schedule, early stopping and the best checkpoint hang on it. */
static rr_status validate(rr_run *run, bool *improved) {
    rr_metric metrics[RR_TASK_METRICS];
    size_t count;
    rr_progress *progress = &run->progress;
    *improved = false;
    double start = rr_clock_seconds();
    rr_profile_pause();
    rr_comm_phase(run->comm, "evaluation", progress->position.step);
    RR_TRY(rr_run_evaluate(run->task, run->comm, RR_SPLIT_VALID, NULL, metrics, &count, NULL));
    double loss = metrics[0].value, value = metrics[run->watched].value;
    if (run->more_is_better) value = -value;
    if (isnan(progress->best_value) || value < progress->best_value) {
        *improved = true;
        progress->best_value = value;
        progress->best_step = progress->position.step;
        progress->bad_evaluations = 0;
    } else {
        progress->bad_evaluations++;
    }
    rr_schedule_validated(&run->settings.schedule, loss, &progress->schedule);
    rr_status status = RR_OK;
    if (run->log != NULL) {
        status = rr_run_report_eval(run, RR_SPLIT_VALID, metrics, count);
        if (status == RR_OK) status = rr_run_report_sample(run);
    }
    rr_profile_resume();
    run->interval_start_s += rr_clock_seconds() - start; /* evaluation is not training time */
    return rr_comm_agree(run->comm, status);
}

/* Ranks hold the same bits, or the run stops. */
static rr_status compare_parameters(rr_run *run) {
    const rr_params *params = &run->task->params;
    char what[64];
    snprintf(what, sizeof what, "the parameters after step %" PRIu64, run->progress.position.step);
    return rr_comm_compare(run->comm, rr_hash64(params->values, params->total * sizeof *params->values, 0), what);
}

static bool due(uint64_t step, size_t every) { return every > 0 && step % every == 0; }

static rr_status after_step(rr_run *run, const rr_step_report *step, bool reported) {
    const rr_progress *progress = &run->progress;
    uint64_t number = progress->position.step;
    bool epoch_ended = progress->position.step_in_epoch == 0, improved = false;
    run->interval_steps++;
    run->interval_tokens += step->tokens;
    run->interval_exposed_s += step->exposed_s;
    run->interval_hidden_s += step->hidden_s;
    rr_status status = RR_OK;
    if (run->log != NULL) status = reported ? rr_run_report_step(run, step) : rr_run_report_progress(run);
    if (status != RR_OK) return status; /* on rank 0 alone: the job is aborted */
    if (run->settings.log.tensorboard && due(number, run->settings.log.histogram_every_steps)) {
        RR_TRY(rr_run_gather(run, run->task->params.grads));
        if (run->log != NULL) RR_TRY(rr_run_report_histograms(run));
    }

    if (due(number, run->settings.dist.check_every_steps)) RR_TRY(compare_parameters(run));
    bool evaluate = run->settings.eval.every > 0 ? due(number, run->settings.eval.every) : epoch_ended;
    if (evaluate && run->task->ops->eval_units(run->task, RR_SPLIT_VALID) > 0) RR_TRY(validate(run, &improved));
    rr_profile_pause();
    if (improved || due(number, run->settings.ckpt.every_steps)) RR_TRY(rr_run_save(run, improved));
    rr_profile_resume();
    return RR_OK;
}

/* Rank 0: whether best.safetensors can be read and is of the step that validation chose. */
static rr_status is_best_here(rr_run *run, bool *out) {
    rr_buffer path = {0};
    rr_safetensors *file = NULL;
    rr_buffer_printf(&path, "%s/best.safetensors", rr_buffer_text(&run->folder));
    rr_status status = rr_store_flush(run->store);
    if (status == RR_OK && access(rr_buffer_text(&path), F_OK) == 0 &&
        rr_safetensors_read(rr_buffer_text(&path), &file) != RR_OK)
        rr_log_warning(run->log, "%s", rr_last_error());
    const char *step = file != NULL ? rr_safetensors_meta(file, "step") : NULL;
    *out = step != NULL && strtoull(step, NULL, 10) == run->progress.best_step;
    rr_safetensors_free(file);
    rr_buffer_free(&path);
    return status;
}

/* Collective: whether the best weights are in this folder. */
static rr_status look_for_best(rr_run *run, bool *found) {
    bool is_here = false;
    RR_TRY(rr_comm_agree(run->comm, run->store != NULL ? is_best_here(run, &is_here) : RR_OK));
    double here = is_here;
    RR_TRY(rr_comm_max_doubles(run->comm, &here, 1));
    *found = here > 0;
    return RR_OK;
}

/* A run that was killed while it saved may go on from a checkpoint that is not named the best yet. */
static rr_status name_best(rr_run *run) {
    const rr_progress *progress = &run->progress;
    bool found;
    if (isnan(progress->best_value) || progress->best_step != progress->position.step) return RR_OK;
    RR_TRY(look_for_best(run, &found));
    return found ? RR_OK : rr_run_save(run, true);
}

/*
 * Whether validation chose other weights than the last, and they are in this folder: a run that went back to an earlier
 * checkpoint, or came here from elsewhere, and has not been better since, has left its best behind.
 */
static rr_status find_best(rr_run *run, bool *found) {
    const rr_progress *progress = &run->progress;
    *found = false;
    if (isnan(progress->best_value) || progress->best_step == progress->position.step) return RR_OK;
    RR_TRY(look_for_best(run, found));
    if (!*found)
        rr_log_message(run->log,
                       "the best weights, of step %" PRIu64 ", are not in this folder any more: the last are tested",
                       progress->best_step);
    return RR_OK;
}

static rr_status say_test(rr_run *run, bool chosen, const rr_metric *metrics, size_t count, const rr_buffer *report) {
    if (run->log == NULL) return RR_OK;
    if (chosen)
        rr_log_message(run->log, "test with the weights of step %" PRIu64 ", which had the best validation %s",
                       run->progress.best_step, run->settings.eval.metric);
    RR_TRY(rr_run_report_eval(run, RR_SPLIT_TEST, metrics, count));
    rr_run_report_floors(run, RR_SPLIT_TEST, metrics, count);
    if (report->length > 0) rr_log_message(run->log, "%s", report->data);
    return RR_OK;
}

/* The end of a training: test with the best weights where validation chose some, else with the last; save as finished.
 */
static rr_status finish(rr_run *run) {
    bool chosen;
    RR_TRY(compare_parameters(run));
    RR_TRY(find_best(run, &chosen));
    RR_TRY(rr_run_save(run, false));
    if (run->task->ops->eval_units(run->task, RR_SPLIT_TEST) > 0) {
        rr_metric metrics[RR_TASK_METRICS];
        size_t count;
        if (chosen) RR_TRY(rr_run_read_weights(run, "best"));
        rr_buffer report = {0};
        rr_comm_phase(run->comm, "evaluation", run->progress.position.step);
        rr_status status = rr_run_evaluate(run->task, run->comm, RR_SPLIT_TEST, NULL, metrics, &count, &report);
        if (status == RR_OK) status = say_test(run, chosen, metrics, count, &report);
        rr_buffer_free(&report);
        RR_TRY(rr_comm_agree(run->comm, status));
        if (chosen) RR_TRY(rr_run_read_weights(run, "last"));
    }
    run->progress.finished = true;
    RR_TRY(rr_run_save(run, false));
    rr_status status = run->store != NULL ? rr_store_flush(run->store) : RR_OK;
    if (patience_is_over(run))
        rr_log_message(run->log, "stopped after %zu evaluations without a better validation %s",
                       run->settings.train.patience, run->settings.eval.metric);
    rr_log_message(run->log, "done: %" PRIu64 " steps; weights in %s/%s.safetensors", run->progress.position.step,
                   rr_buffer_text(&run->folder),
                   chosen || run->progress.best_step == run->progress.position.step ? "best" : "last");
    return rr_comm_agree(run->comm, status);
}

static rr_status leave(rr_run *run, rr_stop stop) {
    if (stop == RR_STOP_TAKEN_OVER) {
        RR_TRY(rr_comm_agree(run->comm, run->lock != NULL ? rr_run_lock_check(run->lock) : RR_OK));
        return rr_fail(RR_ERR_RUNTIME, "the run was taken over by another start of it");
    }
    rr_profile_pause(); /* saving is not part of a step */
    RR_TRY(rr_run_save(run, false));
    rr_status status = run->store != NULL ? rr_store_flush(run->store) : RR_OK;
    RR_TRY(rr_comm_agree(run->comm, status));
    rr_log_message(run->log, "%s: saved at step %" PRIu64 "; the same command goes on from there",
                   stop == RR_STOP_TIME ? "train.max_minutes is over" : "stopped by a signal",
                   run->progress.position.step);
    rr_run_report_profile(run);
    return rr_fail(RR_STOPPED, "stopped at step %" PRIu64, run->progress.position.step);
}

static rr_status loop(rr_run *run) {
    if (run->progress.finished && is_done(run)) {
        rr_log_message(run->log, "this run is complete at step %" PRIu64 ": nothing left to do",
                       run->progress.position.step);
        return RR_OK;
    }
    run->progress.finished = false;
    RR_TRY(name_best(run));
    if (run->options->profile && run->log != NULL) rr_profile_start();
    while (!is_done(run)) {
        const rr_position *at = &run->progress.position;
        bool report = due(at->step + 1, run->settings.log.every_steps) || at->step_in_epoch + 1 == run->steps_per_epoch;
        rr_step_report step;
        RR_TRY(rr_run_step(run, report, &step));
        if (step.stop != RR_GO_ON) return leave(run, step.stop);
        RR_TRY(after_step(run, &step, report));
    }
    rr_run_report_profile(run);
    rr_profile_stop();
    return finish(run);
}

rr_status rr_train(const rr_train_options *options, int *argc, char ***argv) {
    rr_comm *comm = NULL;
    rr_signals_catch(); /* MPI's start takes seconds on many nodes */
    rr_status status = rr_comm_open(argc, argv, &comm);
    if (status != RR_OK) {
        fprintf(stderr, "ringrnn: %s\n", rr_last_error());
        return status;
    }
    rr_signals_alone(rr_comm_size(comm) == 1 && getenv("OMPI_COMM_WORLD_SIZE") == NULL);
    rr_run run;
    status = rr_run_open(options, comm, &run); /* its errors are agreed on: all ranks leave together */
    if (status == RR_OK) status = loop(&run);
    status = rr_run_end(&run, status);
    if (status != RR_OK && status != RR_STOPPED && rr_comm_rank(comm) == 0)
        fprintf(stderr, "ringrnn: %s\n", rr_last_error());
    rr_comm_close(comm);
    return status;
}
