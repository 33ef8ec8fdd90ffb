/* Schedules that fit the length of the training, step by step: cosine_annealing, one_cycle. */
#include "optim/exact.h"
#include "optim/schedule.h"

typedef struct cosine_config {
    size_t T_max; /* 0: the whole training */
    double eta_min;
} cosine_config;

static const rr_key cosine_keys[] = {
    {.name = "T_max",
     .type = RR_KEY_SIZE,
     .offset = RR_VARIANT_FIELD(rr_schedule_config, cosine_config, T_max),
     .preset = "null",
     .word = "null",
     .min = 1,
     .max = 1e15,
     .unit = "steps",
     .help = "steps from lr down to eta_min; it rises again after them; null: to the end of the training"},
    {.name = "eta_min",
     .type = RR_KEY_FLOAT,
     .offset = RR_VARIANT_FIELD(rr_schedule_config, cosine_config, eta_min),
     .preset = "0",
     .max = 1e6,
     .help = "lowest learning rate"},
    {.name = NULL},
};

/* Loshchilov & Hutter 2017, without restarts. */
static double cosine_lr(const rr_schedule_config *config, double base_lr, const rr_schedule_state *state) {
    const cosine_config *own = (const cosine_config *)(const void *)&config->own;
    uint64_t length = own->T_max > 0 ? own->T_max : state->total_steps;
    if (length == 0) return base_lr;
    uint64_t position = state->step % (2 * length); /* exact, however long the training */
    double cosine = rr_exact_cos_pi((double)position / (double)length);
    return own->eta_min + (base_lr - own->eta_min) * (1 + cosine) / 2;
}

static bool cosine_needs_total(const rr_schedule_config *config) {
    return ((const cosine_config *)(const void *)&config->own)->T_max == 0;
}

const rr_schedule_ops rr_schedule_cosine_annealing = {.name = "cosine_annealing",
                                                      .help = "half a cosine from lr to eta_min",
                                                      .keys = cosine_keys,
                                                      .lr = cosine_lr,
                                                      .needs_total = cosine_needs_total};

enum { ANNEAL_COS, ANNEAL_LINEAR };
static const char *const anneal_names[] = {"cos", "linear", NULL};

typedef struct one_cycle_config {
    size_t total_steps; /* 0: the whole training */
    double pct_start, div_factor, final_div_factor;
    int anneal_strategy;
} one_cycle_config;

static const rr_key one_cycle_keys[] = {
    {.name = "total_steps",
     .type = RR_KEY_SIZE,
     .offset = RR_VARIANT_FIELD(rr_schedule_config, one_cycle_config, total_steps),
     .preset = "null",
     .word = "null",
     .min = 1,
     .max = 1e15,
     .unit = "steps",
     .help = "length of the cycle, after which the lowest rate stays; null: the whole training"},
    {.name = "pct_start",
     .type = RR_KEY_FLOAT,
     .offset = RR_VARIANT_FIELD(rr_schedule_config, one_cycle_config, pct_start),
     .preset = "0.3",
     .max = 1,
     .help = "fraction of the cycle in which the rate rises to optim.lr"},
    {.name = "div_factor",
     .type = RR_KEY_FLOAT,
     .offset = RR_VARIANT_FIELD(rr_schedule_config, one_cycle_config, div_factor),
     .preset = "25",
     .min = 1,
     .max = 1e12,
     .help = "the cycle starts at optim.lr / div_factor"},
    {.name = "final_div_factor",
     .type = RR_KEY_FLOAT,
     .offset = RR_VARIANT_FIELD(rr_schedule_config, one_cycle_config, final_div_factor),
     .preset = "1e4",
     .min = 1,
     .max = 1e12,
     .help = "it ends at optim.lr / div_factor / final_div_factor"},
    {.name = "anneal_strategy",
     .type = RR_KEY_ENUM,
     .offset = RR_VARIANT_FIELD(rr_schedule_config, one_cycle_config, anneal_strategy),
     .preset = "cos",
     .choices = anneal_names,
     .help = "shape of the way up and down"},
    {.name = NULL},
};

static double anneal(int strategy, double from, double to, double part) {
    if (strategy == ANNEAL_LINEAR) return from + (to - from) * part;
    return to + (from - to) / 2 * (1 + rr_exact_cos_pi(part));
}

/* Smith & Topin 2017, two phases; momentum stays as it is. The phases end at steps of -1 + a fraction, as PyTorch's do.
 */
static double one_cycle_lr(const rr_schedule_config *config, double base_lr, const rr_schedule_state *state) {
    const one_cycle_config *own = (const one_cycle_config *)(const void *)&config->own;
    uint64_t total = own->total_steps > 0 ? own->total_steps : state->total_steps;
    if (total == 0) return base_lr;
    double first = base_lr / own->div_factor, last = first / own->final_div_factor;
    double step = (double)state->step, top = own->pct_start * (double)total - 1, end = (double)total - 1;
    if (step <= top) return top > 0 ? anneal(own->anneal_strategy, first, base_lr, step / top) : base_lr;
    if (step >= end) return last;
    return anneal(own->anneal_strategy, base_lr, last, (step - top) / (end - top));
}

static bool one_cycle_needs_total(const rr_schedule_config *config) {
    return ((const one_cycle_config *)(const void *)&config->own)->total_steps == 0;
}

const rr_schedule_ops rr_schedule_one_cycle = {.name = "one_cycle",
                                               .help = "up from a low rate to lr, then down far below it",
                                               .keys = one_cycle_keys,
                                               .lr = one_cycle_lr,
                                               .needs_total = one_cycle_needs_total};
