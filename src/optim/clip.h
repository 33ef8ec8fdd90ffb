/* Gradient clipping. */
#ifndef RR_OPTIM_CLIP_H
#define RR_OPTIM_CLIP_H

#include <stddef.h>

#include "base/error.h"

/** The norm is summed from pieces of so many gradients, in their order: the same bits whoever measured which piece. */
enum { RR_CLIP_PIECE = 1024 };

/** Pieces of count gradients. */
static inline size_t rr_clip_pieces(size_t count) { return (count + RR_CLIP_PIECE - 1) / RR_CLIP_PIECE; }

/** Sums of squares, in double, of pieces [first, end) of grads[count]: to squares[first .. end - 1]. */
void rr_clip_squares(const float *grads, size_t count, size_t first, size_t end, double *squares);

/**
 * Global L2 norm, in double, and the factor that brings it to at most max_norm (Pascanu et al. 2013, algorithm 1; torch
 * clip_grad_norm_ without its 1e-6). The gradients are not touched: the optimiser multiplies.
 *
 * @param[in]  squares    [pieces] of the gradients, already summed over ranks
 * @param[in]  max_norm   > 0; INFINITY measures only
 * @param[out] grad_norm  norm before scaling; may be non-finite
 * @param[out] scale      1 or max_norm / norm
 * @return RR_ERR_NUMERIC if the norm is not finite (grad_norm is set, the message says only that)
 */
rr_status rr_clip_norm(const double *squares, size_t pieces, double max_norm, double *grad_norm, float *scale);

/**
 * Clamps every finite gradient to [-limit, limit]. As torch clip_grad_value_, but infinite ones stay, as NaN does: a
 * limit must not hide that a gradient overflowed, and rr_clip_norm, which comes after, reports it.
 */
void rr_clip_value(float *grads, size_t count, float limit);

#endif
