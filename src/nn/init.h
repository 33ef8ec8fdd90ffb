/* Initial values of parameters. */
#ifndef RR_NN_INIT_H
#define RR_NN_INIT_H

#include <stdint.h>

#include "nn/params.h"

typedef enum rr_init_scheme {
    RR_INIT_UNIFORM,   /* all parameters uniform in [-range, range) (Zaremba et al. 2014) */
    RR_INIT_PYTORCH,   /* uniform +-1/sqrt(fan_in), embeddings normal(0, 1) */
    RR_INIT_XAVIER,    /* matrices Glorot & Bengio 2010 uniform, gate by gate; biases 0; embeddings as matrices */
    RR_INIT_ORTHOGONAL /* recurrent matrices orthogonal gate by gate (Saxe et al. 2014), others xavier; biases 0 */
} rr_init_scheme;

typedef struct rr_init_config {
    int scheme;         /* rr_init_scheme */
    double range;       /* of RR_INIT_UNIFORM */
    double forget_bias; /* NAN: as the scheme says; else bias_ih of the forget gate is this and bias_hh's is 0 */
} rr_init_config;

/** Fills params->values. A function of seed, names and shapes alone: the order of declaration does not matter. */
rr_status rr_init_values(const rr_init_config *config, uint64_t seed, const rr_params *params);

#endif
