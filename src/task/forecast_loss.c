#include "task/forecast_loss.h"

#include <math.h>

#include "math/pointwise.h"

#define LEAST_LOG_VARIANCE (-14.0F) /* a variance of 1e-6, as GaussianNLLLoss(eps=1e-6) */

static double squared(float *y, float truth, float scale) {
    float off = *y - truth;
    if (scale != 0) *y = scale * 2 * off;
    return (double)off * (double)off;
}

static double absolute(float *y, float truth, float scale) {
    float off = *y - truth;
    if (scale != 0) *y = off > 0 ? scale : off < 0 ? -scale : 0;
    return fabs((double)off);
}

/* (log v + (mean - truth)^2 / v) / 2 with y = [mean, log v] */
static double gaussian(float *y, float truth, float scale) {
    bool clamped = y[1] < LEAST_LOG_VARIANCE;
    float log_variance = clamped ? LEAST_LOG_VARIANCE : y[1], precision = -log_variance, off = y[0] - truth;
    rr_exp(1, &precision, &precision);
    float weighted = off * off * precision;
    if (scale != 0) {
        y[0] = scale * off * precision;
        y[1] = clamped ? 0 : scale * 0.5F * (1 - weighted);
    }
    return 0.5 * ((double)log_variance + (double)weighted);
}

/* max(q (truth - y), (q - 1) (truth - y)), mean over quantiles */
static double pinball(const rr_forecast_loss *loss, float *y, float truth, float scale) {
    double sum = 0;
    for (size_t k = 0; k < loss->outputs; k++) {
        float q = (float)loss->quantiles[k], off = truth - y[k];
        sum += (double)(off > 0 ? q * off : (q - 1) * off);
        if (scale != 0) y[k] = scale / (float)loss->outputs * (off > 0 ? -q : off < 0 ? 1 - q : 0);
    }
    return sum / (double)loss->outputs;
}

static double loss_of(const rr_forecast_loss *loss, float *y, float truth, float scale) {
    if (loss->head == RR_HEAD_GAUSSIAN) return gaussian(y, truth, scale);
    if (loss->head == RR_HEAD_QUANTILE) return pinball(loss, y, truth, scale);
    return loss->point == RR_LOSS_MAE ? absolute(y, truth, scale) : squared(y, truth, scale);
}

double rr_forecast_loss_run(const rr_forecast_loss *loss, size_t count, float *y, const float *truth, float scale) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += loss_of(loss, y + i * loss->outputs, truth[i], scale);
    return sum;
}

double rr_forecast_loss_of(const rr_forecast_loss *loss, const double *y, float truth) {
    float said[RR_FORECAST_OUTPUTS] = {0};
    for (size_t k = 0; k < loss->outputs; k++) said[k] = (float)y[k];
    return loss_of(loss, said, truth, 0);
}

size_t rr_forecast_middle(const rr_forecast_loss *loss) {
    size_t best = 0;
    for (size_t k = 1; k < loss->outputs && loss->head == RR_HEAD_QUANTILE; k++)
        if (fabs(loss->quantiles[k] - 0.5) < fabs(loss->quantiles[best] - 0.5)) best = k;
    return best;
}

double rr_forecast_interval_share(const rr_forecast_loss *loss) {
    return loss->head == RR_HEAD_GAUSSIAN ? 0.9 : loss->quantiles[loss->outputs - 1] - loss->quantiles[0];
}
