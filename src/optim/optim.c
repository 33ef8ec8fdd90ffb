#include "optim/optim.h"

const rr_optim_ops *const rr_optims[] = {&rr_optim_sgd, &rr_optim_adam, &rr_optim_adamw};
const size_t rr_optim_count = sizeof rr_optims / sizeof *rr_optims;

static const char *variant_name(size_t index) { return rr_optims[index]->name; }
static const char *variant_help(size_t index) { return rr_optims[index]->help; }
static const rr_key *variant_keys(size_t index) { return rr_optims[index]->keys; }

static const rr_key keys[] = {
    {.name = "lr",
     .type = RR_KEY_FLOAT,
     .offset = offsetof(rr_optim_config, lr),
     .preset = "0.001",
     .max = 1e6,
     .above_min = true,
     .help = "learning rate; the schedule starts from it"},
    {.name = NULL},
};

static rr_status check(const rr_config *file, const void *section) {
    const rr_optim_config *config = section;
    const rr_optim_ops *ops = rr_optims[config->type];
    return ops->check != NULL ? ops->check(file, config) : RR_OK;
}

const rr_section rr_optim_section = {
    .name = "optim",
    .help = "How gradients change the weights",
    .size = sizeof(rr_optim_config),
    .keys = keys,
    .variant_key = "type",
    .variant_preset = "adam",
    .variant_offset = offsetof(rr_optim_config, type),
    .variant_count = sizeof rr_optims / sizeof *rr_optims,
    .variant_name = variant_name,
    .variant_help = variant_help,
    .variant_keys = variant_keys,
    .check = check,
};
