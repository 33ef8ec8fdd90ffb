/* Stochastic gradient descent with momentum (Polyak 1964; Nesterov's form: Sutskever et al. 2013), as torch.optim.SGD.
 */
#include "config/config.h"
#include "math/pointwise.h"
#include "optim/optim.h"

typedef struct sgd_config {
    double momentum, dampening, weight_decay;
    bool nesterov;
} sgd_config;

static const sgd_config *own(const rr_optim_config *config) { return (const sgd_config *)(const void *)&config->own; }

static const rr_key keys[] = {
    {.name = "momentum",
     .type = RR_KEY_FLOAT,
     .offset = RR_VARIANT_FIELD(rr_optim_config, sgd_config, momentum),
     .preset = "0",
     .max = 1,
     .help = "share of the direction before that is kept; 0: none, and no memory for it"},
    {.name = "dampening",
     .type = RR_KEY_FLOAT,
     .offset = RR_VARIANT_FIELD(rr_optim_config, sgd_config, dampening),
     .preset = "0",
     .max = 1,
     .help = "the gradient enters the momentum times 1 - dampening"},
    {.name = "nesterov",
     .type = RR_KEY_BOOL,
     .offset = RR_VARIANT_FIELD(rr_optim_config, sgd_config, nesterov),
     .preset = "false",
     .help = "Nesterov's momentum, which looks one step ahead; needs momentum > 0 and dampening 0"},
    {.name = "weight_decay",
     .type = RR_KEY_FLOAT,
     .offset = RR_VARIANT_FIELD(rr_optim_config, sgd_config, weight_decay),
     .preset = "0",
     .max = 1e6,
     .help = "L2 penalty: weight_decay times the weight is added to its gradient"},
    {.name = NULL},
};

static rr_status check(const rr_config *file, const rr_optim_config *config) {
    const sgd_config *sgd = own(config);
    if (!sgd->nesterov) return RR_OK;
    if (sgd->momentum == 0) return rr_config_fail(file, "optim.nesterov", "needs optim.momentum > 0");
    if (sgd->dampening != 0)
        return rr_config_fail(file, "optim.nesterov", "needs optim.dampening 0, got %g", sgd->dampening);
    return RR_OK;
}

static size_t states(const rr_optim_config *config) { return own(config)->momentum != 0 ? 1 : 0; }

static void update(const rr_optim *optim, const rr_params *params, uint64_t step, double lr, float grad_scale,
                   size_t begin, size_t end, size_t at) {
    const sgd_config *sgd = own(optim->config);
    float *momentum = sgd->momentum != 0 ? optim->state[0] + at : NULL;
    rr_sgd_step pass = {.grad_scale = grad_scale,
                        .lr = (float)lr,
                        .momentum = (float)sgd->momentum,
                        .dampening = (float)sgd->dampening,
                        .weight_decay = (float)sgd->weight_decay,
                        .nesterov = sgd->nesterov,
                        .first = step == 1};
    rr_sgd_update(end - begin, &pass, params->grads + begin, params->values + begin, momentum);
}

static const char *const state_names[] = {"momentum_buffer"};

const rr_optim_ops rr_optim_sgd = {
    .name = "sgd",
    .help = "stochastic gradient descent, with or without momentum",
    .keys = keys,
    .check = check,
    .states = states,
    .state_names = state_names,
    .update = update,
};
