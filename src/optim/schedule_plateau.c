/* reduce_on_plateau: smaller steps when the validation loss stands still, as torch ReduceLROnPlateau in its mode "min".
 */
#include <math.h>

#include "optim/schedule.h"

enum { THRESHOLD_REL, THRESHOLD_ABS };
static const char *const threshold_modes[] = {"rel", "abs", NULL};

typedef struct plateau_config {
    double factor, threshold, min_lr;
    size_t patience, cooldown;
    int threshold_mode;
} plateau_config;

static const plateau_config *own(const rr_schedule_config *config) {
    return (const plateau_config *)(const void *)&config->own;
}

static const rr_key keys[] = {
    {.name = "factor",
     .type = RR_KEY_FLOAT,
     .offset = RR_VARIANT_FIELD(rr_schedule_config, plateau_config, factor),
     .preset = "0.1",
     .max = 1,
     .above_min = true,
     .below_max = true,
     .help = "lr is multiplied by it"},
    {.name = "patience",
     .type = RR_KEY_SIZE,
     .offset = RR_VARIANT_FIELD(rr_schedule_config, plateau_config, patience),
     .preset = "10",
     .max = 1e9,
     .unit = "evaluations",
     .help = "evaluations without a lower loss that are let pass; the next one reduces lr"},
    {.name = "threshold",
     .type = RR_KEY_FLOAT,
     .offset = RR_VARIANT_FIELD(rr_schedule_config, plateau_config, threshold),
     .preset = "1e-4",
     .max = 1e6,
     .help = "by how much the loss must be lower to count"},
    {.name = "threshold_mode",
     .type = RR_KEY_ENUM,
     .offset = RR_VARIANT_FIELD(rr_schedule_config, plateau_config, threshold_mode),
     .preset = "rel",
     .choices = threshold_modes,
     .help = "rel: threshold is a fraction of the lowest loss; abs: it is in its unit"},
    {.name = "cooldown",
     .type = RR_KEY_SIZE,
     .offset = RR_VARIANT_FIELD(rr_schedule_config, plateau_config, cooldown),
     .preset = "0",
     .max = 1e9,
     .unit = "evaluations",
     .help = "evaluations after a reduction that do not count"},
    {.name = "min_lr",
     .type = RR_KEY_FLOAT,
     .offset = RR_VARIANT_FIELD(rr_schedule_config, plateau_config, min_lr),
     .preset = "0",
     .max = 1e6,
     .help = "lr is not reduced below it"},
    {.name = NULL},
};

static double lr(const rr_schedule_config *config, double base_lr, const rr_schedule_state *state) {
    double reduced = base_lr * state->plateau_factor, least = own(config)->min_lr;
    if (reduced >= least) return reduced;
    return least < base_lr ? least : base_lr;
}

static bool is_lower(const plateau_config *plateau, double loss, double best) {
    if (isnan(best)) return loss < INFINITY;
    double least =
        plateau->threshold_mode == THRESHOLD_REL ? best * (1 - plateau->threshold) : best - plateau->threshold;
    return loss < least;
}

static void validated(const rr_schedule_config *config, double loss, rr_schedule_state *state) {
    const plateau_config *plateau = own(config);
    if (is_lower(plateau, loss, state->plateau_best)) {
        state->plateau_best = loss;
        state->plateau_bad = 0;
    } else {
        state->plateau_bad++;
    }
    if (state->plateau_cooldown > 0) {
        state->plateau_cooldown--;
        state->plateau_bad = 0;
    }
    if (state->plateau_bad > plateau->patience) {
        state->plateau_factor *= plateau->factor;
        state->plateau_cooldown = plateau->cooldown;
        state->plateau_bad = 0;
    }
}

const rr_schedule_ops rr_schedule_reduce_on_plateau = {.name = "reduce_on_plateau",
                                                       .help = "lr times factor when the validation loss stands still",
                                                       .keys = keys,
                                                       .lr = lr,
                                                       .validated = validated};
