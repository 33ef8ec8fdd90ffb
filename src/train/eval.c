/* `ringrnn eval`: a checkpoint on held-out data, shared by all ranks. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "math/gemm.h"
#include "math/runtime.h"
#include "model/weights.h"
#include "train/run.h"

enum { LARGEST_MICRO_ROWS = 64 };

typedef struct evaluation {
    rr_resume source;
    rr_config *config;
    rr_settings settings;
    rr_team *team;
    rr_task *task;
    rr_split split;
    rr_arena values, activations;
} evaluation;

static rr_status choose_split(const rr_eval_options *options, evaluation *eval) {
    const rr_task *task = eval->task;
    if (options->split == NULL) {
        eval->split = task->ops->eval_units(task, RR_SPLIT_TEST) > 0 ? RR_SPLIT_TEST : RR_SPLIT_VALID;
    } else if (strcmp(options->split, "valid") == 0) {
        eval->split = RR_SPLIT_VALID;
    } else if (strcmp(options->split, "test") == 0) {
        eval->split = RR_SPLIT_TEST;
    } else {
        return rr_fail(RR_ERR_INPUT, "--split %s: allowed are valid and test", options->split);
    }
    if (task->ops->eval_units(task, eval->split) == 0)
        return rr_fail(RR_ERR_INPUT, "there is no data to evaluate on: give --set data.%s=FILE",
                       rr_split_names[eval->split]);
    return RR_OK;
}

static rr_status open_model(const rr_eval_options *options, rr_comm *comm, evaluation *eval) {
    const rr_resume *source = &eval->source;
    RR_TRY(rr_settings_parse(rr_buffer_text(&source->path), rr_buffer_text(&source->config), source->config.length,
                             options->overrides, options->override_count, &eval->config, &eval->settings));
    RR_TRY(rr_math_open(1));
    RR_TRY(rr_team_create(eval->settings.dist.threads_per_rank, &eval->team));
    RR_TRY(rr_gemm_self_check());
    rr_task_setup setup = rr_settings_task(&eval->settings, eval->config);
    setup.vocab_json = rr_buffer_text(&source->vocab);
    setup.need_eval = true;
    setup.team = eval->team;
    RR_TRY(rr_tasks[eval->settings.task.type]->create(&setup, &eval->task));
    RR_TRY(choose_split(options, eval));

    rr_params *params = &eval->task->params;
    RR_TRY(rr_arena_reserve(params->total * sizeof(float), &eval->values));
    params->values = rr_arena_floats(&eval->values, params->total);
    size_t units = eval->task->ops->eval_units(eval->task, eval->split), size = rr_comm_size(comm);
    size_t rows = (units + size - 1) / size;
    if (rows > LARGEST_MICRO_ROWS) rows = LARGEST_MICRO_ROWS;
    rr_arena measure = {0};
    eval->task->ops->plan(eval->task, &measure, rows, 0, 0, false);
    RR_TRY(rr_arena_reserve(measure.used, &eval->activations));
    eval->task->ops->plan(eval->task, &eval->activations, rows, 0, 0, false);
    if (rr_comm_rank(comm) == 0 && rr_weights_read(source->file, params, "", params->values) != RR_OK)
        return rr_fail_within(RR_ERR_INPUT, "%s: ", rr_buffer_text(&source->path));
    return RR_OK;
}

static void print_json(const evaluation *eval, const rr_metric *metrics, size_t count) {
    rr_floor floors[RR_TASK_METRICS];
    size_t floor_count = eval->task->ops->floors(eval->task, eval->split, floors);
    printf("{\"split\": \"%s\"", rr_split_names[eval->split]);
    for (size_t i = 0; i < count; i++)
        if (isfinite(metrics[i].value)) printf(", \"%s\": %.9g", metrics[i].name, metrics[i].value);
    for (size_t i = 0; i < floor_count; i++)
        printf("%s{\"name\": \"%s\", \"metric\": \"%s\", \"value\": %.9g}", i == 0 ? ", \"floors\": [" : ", ",
               floors[i].name, floors[i].metric, floors[i].value);
    printf("%s}\n", floor_count > 0 ? "]" : "");
}

static void print(const rr_eval_options *options, const evaluation *eval, const rr_metric *metrics, size_t count,
                  const rr_buffer *report) {
    const char *path = rr_buffer_text(&eval->source.path), *split = rr_split_names[eval->split];
    if (options->json) {
        print_json(eval, metrics, count);
        return;
    }
    rr_buffer text = {0};
    eval->task->ops->describe(eval->task, &text);
    printf("%s\n%s%s:", path, rr_buffer_text(&text), split);
    for (size_t i = 0; i < count; i++) printf("  %s %.5g", metrics[i].name, metrics[i].value);
    printf("\n");
    rr_buffer_clear(&text);
    rr_task_floors_text(eval->task, eval->split, metrics, count, &text);
    if (text.length > 0) printf("%s\n", text.data);
    printf("%s", rr_buffer_text(report));
    rr_buffer_free(&text);
}

static rr_status evaluate(const rr_eval_options *options, rr_comm *comm, evaluation *eval) {
    rr_buffer path = {0}, report = {0};
    rr_metric metrics[RR_TASK_METRICS];
    size_t count = 0;
    rr_store_meant(options->checkpoint, &path);
    rr_status status = rr_resume_read(comm, rr_buffer_text(&path), &eval->source);
    if (status == RR_OK) status = rr_comm_agree(comm, open_model(options, comm, eval));
    if (status == RR_OK) rr_comm_limit_waits(comm, (double)eval->settings.dist.timeout_s);
    if (status == RR_OK) status = rr_comm_compare(comm, eval->task->data_fingerprint, "the data that the ranks read");
    if (status == RR_OK)
        status = rr_comm_broadcast_floats(comm, 0, eval->task->params.values, eval->task->params.total);
    if (status == RR_OK) status = rr_run_evaluate(eval->task, comm, eval->split, NULL, metrics, &count, &report);
    if (status == RR_OK && rr_comm_rank(comm) == 0) print(options, eval, metrics, count, &report);
    rr_buffer_free(&path);
    rr_buffer_free(&report);
    return status;
}

rr_status rr_evaluate(const rr_eval_options *options, int *argc, char ***argv) {
    rr_comm *comm = NULL;
    evaluation eval = {0};
    rr_status status = rr_comm_open(argc, argv, &comm);
    if (status != RR_OK) {
        fprintf(stderr, "ringrnn: %s\n", rr_last_error());
        return status;
    }
    status = evaluate(options, comm, &eval);
    if (status != RR_OK && !rr_comm_agreed(comm)) rr_comm_abort(comm, status);
    if (status != RR_OK && rr_comm_rank(comm) == 0) fprintf(stderr, "ringrnn: %s\n", rr_last_error());
    if (eval.task != NULL) eval.task->ops->free(eval.task);
    rr_team_free(eval.team);
    rr_arena_release(&eval.values);
    rr_arena_release(&eval.activations);
    rr_config_free(eval.config);
    rr_resume_free(&eval.source);
    rr_comm_close(comm);
    return status;
}
