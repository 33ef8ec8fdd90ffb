/* Drawing one class from logits. */
#ifndef RR_TASK_SAMPLING_H
#define RR_TASK_SAMPLING_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "ringrnn/model.h"

/** Scratch for rr_sample: order of the classes. */
typedef struct rr_sampler {
    size_t classes;
    int32_t *order;       /* [classes] */
    float *probabilities; /* [classes] */
} rr_sampler;

rr_status rr_sampler_create(size_t classes, rr_sampler *out);
void rr_sampler_free(rr_sampler *sampler);

/** Checks temperature, top_k and top_p. @return RR_ERR_INPUT naming the option */
rr_status rr_sampling_check(const rr_generate_options *options);

/**
 * Draws a class from logits [classes] with the options' temperature, top_k, top_p and seed; index is the number of the
 * draw, so the same (seed, index) draws the same. `banned` (-1: none) is never drawn. Ties go to the lower class.
 */
int32_t rr_sample(rr_sampler *sampler, const float *logits, const rr_generate_options *options, uint64_t index,
                  int32_t banned);

#endif
