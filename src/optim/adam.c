/* Adam (Kingma & Ba 2015) and AdamW (Loshchilov & Hutter 2019), as torch.optim.Adam and AdamW. */
#include <math.h>

#include "config/config.h"
#include "math/pointwise.h"
#include "optim/exact.h"
#include "optim/optim.h"

typedef struct adam_config {
    rr_floats betas; /* [2] */
    double eps, weight_decay;
} adam_config;

static const adam_config *own(const rr_optim_config *config) { return (const adam_config *)(const void *)&config->own; }

/* eps > 0 also keeps the padding of the arenas at 0: there 0 / (sqrt(0) + eps) is computed. */
#define BETAS_AND_EPS                                                                                                  \
    {.name = "betas",                                                                                                  \
     .type = RR_KEY_FLOATS,                                                                                            \
     .offset = RR_VARIANT_FIELD(rr_optim_config, adam_config, betas),                                                  \
     .preset = "[0.9, 0.999]",                                                                                         \
     .max = 1,                                                                                                         \
     .below_max = true,                                                                                                \
     .help = "decay rates of the running means of the gradient and of its square"},                                    \
    {                                                                                                                  \
        .name = "eps", .type = RR_KEY_FLOAT, .offset = RR_VARIANT_FIELD(rr_optim_config, adam_config, eps),            \
        .preset = "1e-8", .min = 1e-30, .max = 1,                                                                      \
        .help = "added to the root of the mean square, so that nothing is divided by 0"                                \
    }

static const rr_key adam_keys[] = {
    BETAS_AND_EPS,
    {.name = "weight_decay",
     .type = RR_KEY_FLOAT,
     .offset = RR_VARIANT_FIELD(rr_optim_config, adam_config, weight_decay),
     .preset = "0",
     .max = 1e6,
     .help = "L2 penalty: weight_decay times the weight is added to its gradient"},
    {.name = NULL},
};

static const rr_key adamw_keys[] = {
    BETAS_AND_EPS,
    {.name = "weight_decay",
     .type = RR_KEY_FLOAT,
     .offset = RR_VARIANT_FIELD(rr_optim_config, adam_config, weight_decay),
     .preset = "0.01",
     .max = 1e6,
     .help = "lr times weight_decay times the weight is taken off it at each step"},
    {.name = NULL},
};

static rr_status check(const rr_config *file, const rr_optim_config *config) {
    size_t count = own(config)->betas.count;
    if (count == 2) return RR_OK;
    return rr_config_fail(file, "optim.betas", "must be two numbers, got %zu", count);
}

static size_t states(const rr_optim_config *config) {
    (void)config;
    return 2;
}

static void update(const rr_optim *optim, const rr_params *params, uint64_t step, double lr, float grad_scale,
                   size_t begin, size_t end, size_t at) {
    const adam_config *adam = own(optim->config);
    float beta1 = (float)adam->betas.values[0], beta2 = (float)adam->betas.values[1];
    /* The corrections are those of the rounded betas, which the means are made with: 1 - 0.999 is 1.3e-5 off in float.
     */
    rr_adam_step pass = {.grad_scale = grad_scale,
                         .lr = (float)lr,
                         .beta1 = beta1,
                         .beta2 = beta2,
                         .eps = (float)adam->eps,
                         .bias_correction1 = (float)(1 - rr_exact_power(beta1, step)),
                         .bias_correction2_sqrt = (float)sqrt(1 - rr_exact_power(beta2, step)),
                         .weight_decay = (float)adam->weight_decay,
                         .decoupled = optim->ops == &rr_optim_adamw};
    rr_adam_update(end - begin, &pass, params->grads + begin, params->values + begin, optim->state[0] + at,
                   optim->state[1] + at);
}

static const char *const state_names[] = {"exp_avg", "exp_avg_sq"};

const rr_optim_ops rr_optim_adam = {
    .name = "adam",
    .help = "Adam: steps of even size in every direction",
    .keys = adam_keys,
    .check = check,
    .states = states,
    .state_names = state_names,
    .update = update,
};

const rr_optim_ops rr_optim_adamw = {
    .name = "adamw",
    .help = "Adam whose weight decay does not go through the running means",
    .keys = adamw_keys,
    .check = check,
    .states = states,
    .state_names = state_names,
    .update = update,
};
