/* Optimisers. A new one is one file and one line in optim.c. */
#ifndef RR_OPTIM_OPTIM_H
#define RR_OPTIM_OPTIM_H

#include "config/schema.h"
#include "nn/params.h"

enum { RR_OPTIM_STATES = 4 };

/** The `optim` section. */
typedef struct rr_optim_config {
    size_t type; /* index in rr_optims */
    double lr;
    rr_variant_config own; /* of the optimiser: betas, momentum, weight_decay (whose default differs) ... */
} rr_optim_config;

extern const rr_section rr_optim_section;

typedef struct rr_optim_ops rr_optim_ops;

typedef struct rr_optim {
    const rr_optim_ops *ops;
    const rr_optim_config *config; /* borrowed */
    float *state[RR_OPTIM_STATES]; /* each as long as what is updated, zero at first; borrowed */
} rr_optim;

struct rr_optim_ops {
    const char *name, *help;
    const rr_key *keys;
    /** Rules over several keys; words errors with rr_config_fail. NULL: none. */
    rr_status (*check)(const rr_config *file, const rr_optim_config *config);
    size_t (*states)(const rr_optim_config *config);
    const char *const *state_names; /* as PyTorch's: "exp_avg", "exp_avg_sq", "momentum_buffer" */
    /**
     * Updates [begin, end) of the arena: any range, so shards and buckets work alike. Its state begins at state[at].
     * The caller says rr_params_changed when all ranges are done. step counts from 1; grad_scale (the clip factor)
     * multiplies the gradients; lr is the schedule's for this step.
     */
    void (*update)(const rr_optim *optim, const rr_params *params, uint64_t step, double lr, float grad_scale,
                   size_t begin, size_t end, size_t at);
};

extern const rr_optim_ops rr_optim_sgd, rr_optim_adam, rr_optim_adamw;
extern const rr_optim_ops *const rr_optims[];
extern const size_t rr_optim_count;

#endif
