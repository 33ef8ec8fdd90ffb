/*
 * Learning-rate schedules, as torch.optim.lr_scheduler's, all with linear warm-up. A new one is one file and one line
 * in schedule.c.
 */
#ifndef RR_OPTIM_SCHEDULE_H
#define RR_OPTIM_SCHEDULE_H

#include "config/schema.h"

/** The `schedule` section. */
typedef struct rr_schedule_config {
    size_t type; /* index in rr_schedules */
    /*
     * lr rises linearly from lr / warmup_steps over that many steps, then the schedule runs from its start: it counts
     * steps, epochs and what is left of the training from there, and validations during the warm-up do not touch it.
     */
    size_t warmup_steps;
    rr_variant_config own;
} rr_schedule_config;

extern const rr_section rr_schedule_section;

/** Where training stands, and what validation said so far. A schedule's value is a pure function of it. */
typedef struct rr_schedule_state {
    uint64_t step;  /* optimiser steps done */
    uint64_t epoch; /* epochs done */
    uint64_t steps_per_epoch;
    uint64_t total_steps; /* planned length of training; 0 if open-ended */
    /* reduce_on_plateau alone, changed by rr_schedule_validated; saved in checkpoints */
    double plateau_best;  /* NAN before the first validation */
    uint64_t plateau_bad; /* validations without improvement since */
    uint64_t plateau_cooldown;
    double plateau_factor; /* product of reductions, starts at 1 */
} rr_schedule_state;

typedef struct rr_schedule_ops {
    const char *name, *help;
    const rr_key *keys;
    double (*lr)(const rr_schedule_config *config, double base_lr, const rr_schedule_state *state);
    /** After a validation with its loss; NULL: does not care. */
    void (*validated)(const rr_schedule_config *config, double loss, rr_schedule_state *state);
    /** True if it cannot work without total_steps (cosine with T_max null, say). NULL: never. */
    bool (*needs_total)(const rr_schedule_config *config);
} rr_schedule_ops;

extern const rr_schedule_ops rr_schedule_constant, rr_schedule_linear, rr_schedule_step, rr_schedule_multi_step,
    rr_schedule_exponential, rr_schedule_cosine_annealing, rr_schedule_one_cycle, rr_schedule_reduce_on_plateau;
extern const rr_schedule_ops *const rr_schedules[];
extern const size_t rr_schedule_count;

/** lr of the step about to be done, warm-up included. */
double rr_schedule_lr(const rr_schedule_config *config, double base_lr, const rr_schedule_state *state);
void rr_schedule_validated(const rr_schedule_config *config, double loss, rr_schedule_state *state);

#endif
