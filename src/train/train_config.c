#include "train/train_config.h"

#include <math.h>
#include <string.h>

static const rr_key run_keys[] = {
    {.name = "name",
     .type = RR_KEY_STRING,
     .offset = offsetof(rr_run_config, name),
     .preset = "run",
     .help = "name of the run; its folder is run.dir/run.name"},
    {.name = "dir",
     .type = RR_KEY_PATH,
     .offset = offsetof(rr_run_config, dir),
     .preset = "runs",
     .help = "folder that holds the runs, seen by all nodes"},
    {.name = "seed",
     .type = RR_KEY_SEED,
     .offset = offsetof(rr_run_config, seed),
     .preset = "1",
     .help = "initial weights, dropout and order of the data are functions of it"},
    {.name = NULL},
};

static rr_status check_run(const rr_config *config, const void *section) {
    const rr_run_config *run = section;
    if (run->name[0] == 0) return rr_config_fail(config, "run.name", "must not be empty");
    for (const char *p = run->name; *p != 0; p++)
        if (*p == '/') return rr_config_fail(config, "run.name", "must not contain '/'; the folder is run.dir");
    if (run->name[0] == '.') return rr_config_fail(config, "run.name", "must not begin with '.'");
    return RR_OK;
}

static const rr_section run_section = {.name = "run",
                                       .help = "Where results go, and the seed",
                                       .size = sizeof(rr_run_config),
                                       .keys = run_keys,
                                       .check = check_run};

static const char *const loss_scales[] = {"token", "row", NULL};

static const rr_key train_keys[] = {
    {.name = "global_batch_size",
     .type = RR_KEY_SIZE,
     .offset = offsetof(rr_train_config, global_batch_size),
     .preset = "32",
     .min = 1,
     .max = 1e8,
     .unit = "rows",
     .help = "rows of a step over all ranks: a property of the experiment, not of the machine"},
    {.name = "micro_batch_size",
     .type = RR_KEY_SIZE,
     .offset = offsetof(rr_train_config, micro_batch_size),
     .preset = "null",
     .word = "null",
     .min = 1,
     .max = 1e8,
     .unit = "rows",
     .help = "a rank computes at most that many rows at a time and adds the gradients up: less memory, same result; "
             "null: all"},
    {.name = "bptt",
     .type = RR_KEY_SIZE,
     .offset = offsetof(rr_train_config, bptt),
     .preset = "35",
     .min = 1,
     .max = 1e6,
     .unit = "time steps",
     .help =
         "window of truncated back-propagation through time (language models); state is carried on to the next window"},
    {.name = "loss_scale",
     .type = RR_KEY_ENUM,
     .offset = offsetof(rr_train_config, loss_scale),
     .preset = "token",
     .choices = loss_scales,
     .help =
         "what the summed loss is divided by for the gradient: token, the targets of the global batch; row, its rows "
         "(sum over time, as TensorFlow's ptb_word_lm does: its lr and clipping mean that)"},
    {.name = "max_epochs",
     .type = RR_KEY_SIZE,
     .offset = offsetof(rr_train_config, max_epochs),
     .preset = "10",
     .word = "null",
     .min = 1,
     .max = 1e9,
     .unit = "epochs",
     .help = "ends the training; null: no limit"},
    {.name = "max_steps",
     .type = RR_KEY_SIZE,
     .offset = offsetof(rr_train_config, max_steps),
     .preset = "null",
     .word = "null",
     .min = 1,
     .max = 1e15,
     .unit = "steps",
     .help = "ends the training, whatever comes first; null: no limit"},
    {.name = "max_minutes",
     .type = RR_KEY_FLOAT,
     .offset = offsetof(rr_train_config, max_minutes),
     .preset = "null",
     .word = "null",
     .min = 0,
     .max = 1e9,
     .above_min = true,
     .unit = "minutes",
     .help = "time limit of one start: saves and exits with code 75, and the same command goes on; null: no limit"},
    {.name = "max_grad_norm",
     .type = RR_KEY_FLOAT,
     .offset = offsetof(rr_train_config, max_grad_norm),
     .preset = "null",
     .word = "null",
     .min = 0,
     .max = 1e30,
     .above_min = true,
     .help = "scales all gradients so that their global L2 norm is at most this; null: no clipping"},
    {.name = "max_grad_value",
     .type = RR_KEY_FLOAT,
     .offset = offsetof(rr_train_config, max_grad_value),
     .preset = "null",
     .word = "null",
     .min = 0,
     .max = 1e30,
     .above_min = true,
     .help = "clamps every gradient to [-value, value], before the norm is taken; null: no clamping"},
    {.name = "patience",
     .type = RR_KEY_SIZE,
     .offset = offsetof(rr_train_config, patience),
     .preset = "null",
     .word = "null",
     .min = 1,
     .max = 1e9,
     .unit = "evaluations",
     .help = "ends the training after that many evaluations in a row without a better eval.metric; null: never"},
    {.name = NULL},
};

static rr_status check_train(const rr_config *config, const void *section) {
    const rr_train_config *train = section;
    if (train->max_epochs == 0 && train->max_steps == 0 && isnan(train->max_minutes))
        return rr_config_fail(config, "train.max_epochs",
                              "one of train.max_epochs, train.max_steps and train.max_minutes must end the training");
    return RR_OK;
}

static const rr_section train_section = {.name = "train",
                                         .help = "Batches, limits and clipping",
                                         .size = sizeof(rr_train_config),
                                         .keys = train_keys,
                                         .check = check_train};

static const rr_key eval_keys[] = {
    {.name = "every",
     .type = RR_KEY_SIZE,
     .offset = offsetof(rr_eval_config, every),
     .preset = "epoch",
     .word = "epoch",
     .min = 1,
     .max = 1e15,
     .unit = "steps",
     .help = "evaluates on data.valid that often; epoch: at the end of each epoch"},
    {.name = "metric",
     .type = RR_KEY_STRING,
     .offset = offsetof(rr_eval_config, metric),
     .preset = "loss",
     .help = "the metric on data.valid that best.safetensors and train.patience go by: one of those that the task "
             "reports (accuracy, f1, bleu ...)"},
    {.name = "streams",
     .type = RR_KEY_SIZE,
     .offset = offsetof(rr_eval_config, streams),
     .preset = "null",
     .word = "null",
     .min = 1,
     .max = 1e8,
     .help = "running text is cut into that many streams for evaluation (1: read from beginning to end, as published "
             "perplexities are); null: train.global_batch_size"},
    {.name = NULL},
};

static const rr_section eval_section = {
    .name = "eval", .help = "Evaluation while training", .size = sizeof(rr_eval_config), .keys = eval_keys};

const rr_section *const rr_sections[] = {
    &run_section,      &rr_task_section,     &rr_data_section, &rr_model_section, &train_section,  &eval_section,
    &rr_optim_section, &rr_schedule_section, &rr_dist_section, &rr_ckpt_section,  &rr_log_section,
};
const size_t rr_section_count = sizeof rr_sections / sizeof *rr_sections;

rr_status rr_settings_bind(rr_config *config, rr_settings *out) {
    void *const structs[] = {&out->run,   &out->task,     &out->data, &out->model, &out->train, &out->eval,
                             &out->optim, &out->schedule, &out->dist, &out->ckpt,  &out->log};
    _Static_assert(sizeof structs / sizeof *structs == sizeof rr_sections / sizeof *rr_sections,
                   "a struct for each section");
    for (size_t i = 0; i < rr_section_count; i++) RR_TRY(rr_config_bind(config, rr_sections[i], structs[i]));
    if (out->dist.logical_shards > out->train.global_batch_size)
        return rr_config_fail(config, "dist.logical_shards",
                              "must be at most train.global_batch_size (%zu), so that each shard has a row; got %zu",
                              out->train.global_batch_size, out->dist.logical_shards);
    return rr_config_finish(config);
}

rr_status rr_settings_parse(const char *name, const char *text, size_t length, const char *const *overrides,
                            size_t override_count, rr_config **config, rr_settings *out) {
    RR_TRY(rr_config_parse(name, text, length, overrides, override_count, config));
    return rr_settings_bind(*config, out);
}

rr_task_setup rr_settings_task(const rr_settings *settings, const rr_config *config) {
    return (rr_task_setup){.config = config,
                           .task = &settings->task,
                           .data = &settings->data,
                           .model = &settings->model,
                           .global_batch_size = settings->train.global_batch_size,
                           .seed = settings->run.seed,
                           .bptt = settings->train.bptt,
                           .eval_streams = settings->eval.streams};
}

uint64_t rr_settings_total_steps(const rr_settings *settings, uint64_t steps_per_epoch) {
    uint64_t by_epochs = settings->train.max_epochs * steps_per_epoch, by_steps = settings->train.max_steps;
    if (by_epochs == 0 || by_steps == 0) return by_epochs + by_steps;
    return by_epochs < by_steps ? by_epochs : by_steps;
}

static rr_status find_metric(const rr_settings *settings, const rr_config *config, const rr_task *task, size_t *index) {
    rr_metric metrics[RR_TASK_METRICS];
    rr_buffer names = {0};
    size_t count = task->ops->metrics(task, NULL, 0, metrics); /* of nothing: their names */
    for (*index = 0; *index < count; ++*index)
        if (strcmp(metrics[*index].name, settings->eval.metric) == 0) return RR_OK;
    for (size_t i = 0; i < count; i++) rr_buffer_printf(&names, "%s%s", i > 0 ? ", " : "", metrics[i].name);
    rr_status status = rr_config_fail(config, "eval.metric", "\"%s\" is none that task %s reports: %s are",
                                      settings->eval.metric, task->ops->name, rr_buffer_text(&names));
    rr_buffer_free(&names);
    return status;
}

rr_status rr_settings_check_task(const rr_settings *settings, const rr_config *config, const rr_task *task,
                                 size_t *metric) {
    uint64_t steps_per_epoch = task->ops->steps_per_epoch(task);
    RR_TRY(find_metric(settings, config, task, metric));
    const rr_schedule_ops *schedule = rr_schedules[settings->schedule.type];
    if (schedule->needs_total != NULL && schedule->needs_total(&settings->schedule) &&
        rr_settings_total_steps(settings, steps_per_epoch) == 0)
        return rr_config_fail(config, "schedule.type",
                              "%s needs to know where training ends: give train.max_steps or train.max_epochs",
                              schedule->name);
    if ((settings->train.patience > 0 || schedule->validated != NULL) &&
        task->ops->eval_units(task, RR_SPLIT_VALID) == 0)
        return rr_config_fail(config, settings->train.patience > 0 ? "train.patience" : "schedule.type",
                              "needs validation data: give data.valid or data.split");
    return RR_OK;
}
