#include "optim/clip.h"

#include <float.h>
#include <math.h>

#include "math/pointwise.h"

void rr_clip_squares(const float *grads, size_t count, size_t first, size_t end, double *squares) {
    for (size_t piece = first; piece < end; piece++) {
        size_t begin = piece * RR_CLIP_PIECE, rest = count - begin;
        squares[piece] = rr_sum_squares(rest < RR_CLIP_PIECE ? rest : RR_CLIP_PIECE, grads + begin);
    }
}

rr_status rr_clip_norm(const double *squares, size_t pieces, double max_norm, double *grad_norm, float *scale) {
    double sum = 0;
    for (size_t piece = 0; piece < pieces; piece++) sum += squares[piece];
    double norm = sqrt(sum);
    *grad_norm = norm;
    if (!isfinite(norm)) return rr_fail(RR_ERR_NUMERIC, "the norm of the gradients is not finite");
    *scale = norm > max_norm ? (float)(max_norm / norm) : 1.0F;
    return RR_OK;
}

void rr_clip_value(float *grads, size_t count, float limit) {
    for (size_t i = 0; i < count; i++) {
        float size = fabsf(grads[i]);
        if (size > limit && size <= FLT_MAX) grads[i] = copysignf(limit, grads[i]);
    }
}
