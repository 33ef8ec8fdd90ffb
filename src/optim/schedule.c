#include "optim/schedule.h"

const rr_schedule_ops *const rr_schedules[] = {
    &rr_schedule_constant,    &rr_schedule_linear,           &rr_schedule_step,      &rr_schedule_multi_step,
    &rr_schedule_exponential, &rr_schedule_cosine_annealing, &rr_schedule_one_cycle, &rr_schedule_reduce_on_plateau,
};
const size_t rr_schedule_count = sizeof rr_schedules / sizeof *rr_schedules;

static const char *variant_name(size_t index) { return rr_schedules[index]->name; }
static const char *variant_help(size_t index) { return rr_schedules[index]->help; }
static const rr_key *variant_keys(size_t index) { return rr_schedules[index]->keys; }

static const rr_key keys[] = {
    {.name = "warmup_steps",
     .type = RR_KEY_SIZE,
     .offset = offsetof(rr_schedule_config, warmup_steps),
     .preset = "0",
     .max = 1e15,
     .unit = "steps",
     .help =
         "lr rises linearly from lr / warmup_steps to lr over that many steps; then the schedule runs from its start"},
    {.name = NULL},
};

const rr_section rr_schedule_section = {
    .name = "schedule",
    .help = "How the learning rate changes during training",
    .size = sizeof(rr_schedule_config),
    .keys = keys,
    .variant_key = "type",
    .variant_preset = "constant",
    .variant_offset = offsetof(rr_schedule_config, type),
    .variant_count = sizeof rr_schedules / sizeof *rr_schedules,
    .variant_name = variant_name,
    .variant_help = variant_help,
    .variant_keys = variant_keys,
};

/* The state as a schedule sees it that started when the warm-up ended. */
static rr_schedule_state after_warmup(const rr_schedule_state *state, uint64_t warmup_steps) {
    rr_schedule_state later = *state;
    later.step -= warmup_steps;
    if (state->steps_per_epoch > 0) later.epoch = later.step / state->steps_per_epoch;
    if (state->total_steps > 0)
        later.total_steps = state->total_steps > warmup_steps ? state->total_steps - warmup_steps : 1;
    return later;
}

double rr_schedule_lr(const rr_schedule_config *config, double base_lr, const rr_schedule_state *state) {
    const rr_schedule_ops *ops = rr_schedules[config->type];
    if (config->warmup_steps == 0) return ops->lr(config, base_lr, state);
    if (state->step < config->warmup_steps) return base_lr * ((double)(state->step + 1) / (double)config->warmup_steps);
    rr_schedule_state later = after_warmup(state, config->warmup_steps);
    return ops->lr(config, base_lr, &later);
}

void rr_schedule_validated(const rr_schedule_config *config, double loss, rr_schedule_state *state) {
    const rr_schedule_ops *ops = rr_schedules[config->type];
    if (ops->validated != NULL && state->step >= config->warmup_steps) ops->validated(config, loss, state);
}
