/* The sections `run`, `train` and `eval`, and the whole configuration. */
#ifndef RR_TRAIN_TRAIN_CONFIG_H
#define RR_TRAIN_TRAIN_CONFIG_H

#include "ckpt/store.h"
#include "config/config.h"
#include "data/data_config.h"
#include "dist/dist_config.h"
#include "log/log.h"
#include "nn/model_config.h"
#include "optim/optim.h"
#include "optim/schedule.h"
#include "task/task.h"

typedef struct rr_run_config {
    const char *name, *dir;
    uint64_t seed;
} rr_run_config;

typedef enum rr_loss_scale { RR_LOSS_PER_TOKEN, RR_LOSS_PER_ROW } rr_loss_scale;

typedef struct rr_train_config {
    size_t global_batch_size;
    size_t micro_batch_size; /* 0: all rows of a rank at once */
    size_t bptt;
    int loss_scale;        /* rr_loss_scale */
    size_t max_epochs;     /* 0: no limit */
    size_t max_steps;      /* 0: no limit */
    double max_minutes;    /* NAN: no limit */
    double max_grad_norm;  /* NAN: no clipping */
    double max_grad_value; /* NAN: no clipping */
    size_t patience;       /* 0: no early stopping */
} rr_train_config;

typedef struct rr_eval_config {
    size_t every;   /* steps; 0: at the end of each epoch */
    size_t streams; /* 0: train.global_batch_size */
    const char *metric;
} rr_eval_config;

/** A struct for each section, in the order in which they are documented. */
typedef struct rr_settings {
    rr_run_config run;
    rr_task_config task;
    rr_data_config data;
    rr_model_config model;
    rr_train_config train;
    rr_eval_config eval;
    rr_optim_config optim;
    rr_schedule_config schedule;
    rr_dist_config dist;
    rr_ckpt_config ckpt;
    rr_log_config log;
} rr_settings;

/** All sections, for help and documentation. */
extern const rr_section *const rr_sections[];
extern const size_t rr_section_count;

/** Binds every section and refuses unknown ones. @return RR_ERR_INPUT */
rr_status rr_settings_bind(rr_config *config, rr_settings *out);

/** Parses text and binds it; *config is set even if binding fails (free it). */
rr_status rr_settings_parse(const char *name, const char *text, size_t length, const char *const *overrides,
                            size_t override_count, rr_config **config, rr_settings *out);

/** What a task is made from, out of the settings. */
rr_task_setup rr_settings_task(const rr_settings *settings, const rr_config *config);

/**
 * Checks what only shows once the task is known: steps an epoch, schedules that need a planned end, metrics.
 * @param[out] metric  which of the task's metrics eval.metric is
 */
rr_status rr_settings_check_task(const rr_settings *settings, const rr_config *config, const rr_task *task,
                                 size_t *metric);

/** Planned number of steps, or 0 where only time ends the training. */
uint64_t rr_settings_total_steps(const rr_settings *settings, uint64_t steps_per_epoch);

#endif
