#include "optim/clip.h"

#include <float.h>
#include <math.h>

#include "math/pointwise.h"

rr_status rr_clip_norm(const float *grads, size_t count, double max_norm, double *grad_norm, float *scale) {
    double norm = sqrt(rr_sum_squares(count, grads));
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
