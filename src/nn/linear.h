/* y = x W^T + b, as torch.nn.Linear; the weight may be another layer's (tied to an embedding). */
#ifndef RR_NN_LINEAR_H
#define RR_NN_LINEAR_H

#include <stdbool.h>

#include "nn/params.h"

typedef struct rr_linear {
    size_t in_size, out_size;
    size_t weight; /* index of the parameter [out_size, in_size] */
    size_t bias;   /* index, or (size_t)-1 */
} rr_linear;

/** Adds "<prefix>.weight" (unless tied_weight is a parameter's index; (size_t)-1 for none) and "<prefix>.bias" if
 * has_bias. */
rr_status rr_linear_declare(rr_linear *linear, rr_params *params, const char *prefix, size_t in_size, size_t out_size,
                            bool has_bias, size_t tied_weight);

/** y [rows, out_size] from x [rows, in_size], both contiguous. */
void rr_linear_forward(const rr_linear *linear, const rr_params *params, size_t rows, const float *x, float *y);

/** Adds to the gradients of weight and bias; dx [rows, in_size] (+= if accumulate) unless NULL. Does not call hooks. */
void rr_linear_backward(const rr_linear *linear, const rr_params *params, size_t rows, const float *x, const float *dy,
                        bool accumulate, float *dx);

#endif
