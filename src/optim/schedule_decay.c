/* Schedules that count epochs or steps: constant, linear, step, multi_step, exponential. */
#include "optim/exact.h"
#include "optim/schedule.h"

/* What a schedule counts: key `interval`. */
enum { BY_EPOCH, BY_STEP };
static const char *const interval_names[] = {"epoch", "step", NULL};

#define INTERVAL_KEY(struct_name)                                                                                      \
    {                                                                                                                  \
        .name = "interval", .type = RR_KEY_ENUM,                                                                       \
        .offset = RR_VARIANT_FIELD(rr_schedule_config, struct_name, interval), .preset = "epoch",                      \
        .choices = interval_names, .help = "what the schedule counts"                                                  \
    }

static uint64_t counted(int interval, const rr_schedule_state *state) {
    return interval == BY_STEP ? state->step : state->epoch;
}

static double constant_lr(const rr_schedule_config *config, double base_lr, const rr_schedule_state *state) {
    (void)config;
    (void)state;
    return base_lr;
}

const rr_schedule_ops rr_schedule_constant = {
    .name = "constant", .help = "lr as it stands, after the warm-up", .lr = constant_lr};

typedef struct linear_config {
    double start_factor, end_factor;
    size_t total_iters;
    int interval;
} linear_config;

static const rr_key linear_keys[] = {
    {.name = "start_factor",
     .type = RR_KEY_FLOAT,
     .offset = RR_VARIANT_FIELD(rr_schedule_config, linear_config, start_factor),
     .preset = "0.3333333333333333",
     .max = 1,
     .above_min = true,
     .help = "factor of lr at the start"},
    {.name = "end_factor",
     .type = RR_KEY_FLOAT,
     .offset = RR_VARIANT_FIELD(rr_schedule_config, linear_config, end_factor),
     .preset = "1",
     .max = 1,
     .help = "factor of lr from total_iters on"},
    {.name = "total_iters",
     .type = RR_KEY_SIZE,
     .offset = RR_VARIANT_FIELD(rr_schedule_config, linear_config, total_iters),
     .preset = "5",
     .min = 1,
     .max = 1e15,
     .unit = "intervals",
     .help = "how many intervals it takes from one factor to the other"},
    INTERVAL_KEY(linear_config),
    {.name = NULL},
};

static double linear_lr(const rr_schedule_config *config, double base_lr, const rr_schedule_state *state) {
    const linear_config *own = (const linear_config *)(const void *)&config->own;
    uint64_t done = counted(own->interval, state);
    double part = done < own->total_iters ? (double)done / (double)own->total_iters : 1;
    return base_lr * (own->start_factor + (own->end_factor - own->start_factor) * part);
}

const rr_schedule_ops rr_schedule_linear = {
    .name = "linear", .help = "a straight line from one factor of lr to another", .keys = linear_keys, .lr = linear_lr};

typedef struct step_config {
    size_t step_size;
    double gamma;
    int interval;
} step_config;

static const rr_key step_keys[] = {
    {.name = "step_size",
     .type = RR_KEY_SIZE,
     .offset = RR_VARIANT_FIELD(rr_schedule_config, step_config, step_size),
     .preset = "1",
     .min = 1,
     .max = 1e15,
     .unit = "intervals",
     .help = "lr is multiplied by gamma each time that many intervals are done"},
    {.name = "gamma",
     .type = RR_KEY_FLOAT,
     .offset = RR_VARIANT_FIELD(rr_schedule_config, step_config, gamma),
     .preset = "0.1",
     .max = 10,
     .above_min = true,
     .help = "factor of each change"},
    INTERVAL_KEY(step_config),
    {.name = NULL},
};

static double step_lr(const rr_schedule_config *config, double base_lr, const rr_schedule_state *state) {
    const step_config *own = (const step_config *)(const void *)&config->own;
    return base_lr * rr_exact_power(own->gamma, counted(own->interval, state) / own->step_size);
}

const rr_schedule_ops rr_schedule_step = {
    .name = "step", .help = "lr times gamma every step_size intervals", .keys = step_keys, .lr = step_lr};

typedef struct multi_step_config {
    rr_sizes milestones;
    double gamma;
    int interval;
} multi_step_config;

static const rr_key multi_step_keys[] = {
    {.name = "milestones",
     .type = RR_KEY_SIZES,
     .offset = RR_VARIANT_FIELD(rr_schedule_config, multi_step_config, milestones),
     .preset = "null",
     .word = "null",
     .max = 1e15,
     .unit = "intervals",
     .help = "lr is multiplied by gamma when so many intervals are done; a number that stands twice counts twice; "
             "null: never"},
    {.name = "gamma",
     .type = RR_KEY_FLOAT,
     .offset = RR_VARIANT_FIELD(rr_schedule_config, multi_step_config, gamma),
     .preset = "0.1",
     .max = 10,
     .above_min = true,
     .help = "factor of each change"},
    INTERVAL_KEY(multi_step_config),
    {.name = NULL},
};

static double multi_step_lr(const rr_schedule_config *config, double base_lr, const rr_schedule_state *state) {
    const multi_step_config *own = (const multi_step_config *)(const void *)&config->own;
    uint64_t done = counted(own->interval, state), passed = 0;
    for (size_t i = 0; i < own->milestones.count; i++) passed += own->milestones.values[i] <= done;
    return base_lr * rr_exact_power(own->gamma, passed);
}

const rr_schedule_ops rr_schedule_multi_step = {
    .name = "multi_step", .help = "lr times gamma at each milestone", .keys = multi_step_keys, .lr = multi_step_lr};

typedef struct exponential_config {
    double gamma;
    size_t start_epoch;
    int interval;
} exponential_config;

static const rr_key exponential_keys[] = {
    {.name = "gamma",
     .type = RR_KEY_FLOAT,
     .offset = RR_VARIANT_FIELD(rr_schedule_config, exponential_config, gamma),
     .preset = "0.95",
     .max = 10,
     .above_min = true,
     .help = "lr is multiplied by it after each interval"},
    {.name = "start_epoch",
     .type = RR_KEY_SIZE,
     .offset = RR_VARIANT_FIELD(rr_schedule_config, exponential_config, start_epoch),
     .preset = "0",
     .max = 1e9,
     .unit = "epochs",
     .help = "the first that many epochs run at the full lr; the first interval always does"},
    INTERVAL_KEY(exponential_config),
    {.name = NULL},
};

/* Zaremba et al. 2014 (the factor decays "after" epoch n): epoch e of 0, 1, ... has gamma^max(e + 1 - n, 0). n <= 1:
 * PyTorch. */
static double exponential_lr(const rr_schedule_config *config, double base_lr, const rr_schedule_state *state) {
    const exponential_config *own = (const exponential_config *)(const void *)&config->own;
    uint64_t begun = counted(own->interval, state) + 1;
    uint64_t full = own->interval == BY_STEP ? own->start_epoch * state->steps_per_epoch : own->start_epoch;
    if (full == 0) full = 1;
    return base_lr * rr_exact_power(own->gamma, begun > full ? begun - full : 0);
}

const rr_schedule_ops rr_schedule_exponential = {.name = "exponential",
                                                 .help = "lr times gamma after each interval",
                                                 .keys = exponential_keys,
                                                 .lr = exponential_lr};
