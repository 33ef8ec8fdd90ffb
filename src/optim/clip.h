/* Gradient clipping. */
#ifndef RR_OPTIM_CLIP_H
#define RR_OPTIM_CLIP_H

#include <stddef.h>

#include "base/error.h"

/**
 * Measures the global L2 norm, in double, and gives the factor that brings it to at most max_norm (Pascanu et al. 2013,
 * algorithm 1; torch clip_grad_norm_ without its 1e-6). The gradients are not touched: the optimiser multiplies.
 *
 * @param[in]  grads      [count], already summed over ranks
 * @param[in]  max_norm   > 0; INFINITY measures only
 * @param[out] grad_norm  norm before scaling; may be non-finite
 * @param[out] scale      1 or max_norm / norm
 * @return RR_ERR_NUMERIC if the norm is not finite (grad_norm is set, the message says only that)
 */
rr_status rr_clip_norm(const float *grads, size_t count, double max_norm, double *grad_norm, float *scale);

/**
 * Clamps every finite gradient to [-limit, limit]. As torch clip_grad_value_, but infinite ones stay, as NaN does: a
 * limit must not hide that a gradient overflowed, and rr_clip_norm, which comes after, reports it.
 */
void rr_clip_value(float *grads, size_t count, float limit);

#endif
