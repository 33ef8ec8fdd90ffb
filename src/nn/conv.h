/* One-dimensional convolution over time of a packed batch, as torch.nn.Conv1d with padding='same'. */
#ifndef RR_NN_CONV_H
#define RR_NN_CONV_H

#include "nn/linear.h"
#include "nn/sequence.h"

/** y[t] = b + sum over k of W[:, :, k] x[t + k - (kernel_size - 1) / 2], where x outside of the row is 0. */
typedef struct rr_conv {
    size_t in_size, kernel_size;
    rr_linear linear; /* of what a filter sees of a step: its weight is [out_size, in_size, kernel_size] */
    /* What plan took. */
    float *windows, *dwindows; /* [total, in_size * kernel_size]; dwindows in training */
} rr_conv;

/** Adds "<prefix>.weight" [out_size, in_size, kernel_size] and "<prefix>.bias" [out_size]. */
rr_status rr_conv_declare(rr_conv *conv, rr_params *params, const char *prefix, size_t in_size, size_t out_size,
                          size_t kernel_size);

/** For up to max_total packed steps; as rr_linear_plan. */
void rr_conv_plan(rr_conv *conv, rr_arena *arena, rr_team *team, size_t max_total, bool training);

/** y [total, out_size] from x [total, in_size], both packed as the sequence says. */
void rr_conv_forward(rr_conv *conv, const rr_params *params, const rr_sequence *sequence, const float *x, float *y,
                     const rr_hooks *hooks);

/** Behind forward: adds to the gradients of the parameters, and says ready of them; dx [total, in_size] is overwritten.
 */
void rr_conv_backward(rr_conv *conv, const rr_params *params, const rr_sequence *sequence, const float *dy, float *dx,
                      const rr_hooks *hooks);

#endif
