/* Losses of a forecaster, and what its numbers mean. */
#include <math.h>

#include "task/forecast_model.h"

enum { LIMIT = 15 }; /* of a log variance */

/* Gaussian negative log-likelihood of y; out: mean, log variance. */
static double gaussian(const float *out, double y, float scale, float *dout) {
    static const double log_two_pi = 1.8378770664093453;
    double mean = (double)out[0], free_log = (double)out[1];
    double log_variance = free_log > LIMIT ? LIMIT : free_log < -LIMIT ? -LIMIT : free_log;
    double error = y - mean, weighted = error * error * exp(-log_variance);
    if (dout != NULL) {
        dout[0] = (float)((double)scale * -error * exp(-log_variance));
        dout[1] = log_variance == free_log ? (float)((double)scale * 0.5 * (1 - weighted)) : 0;
    }
    return 0.5 * (log_two_pi + log_variance + weighted);
}

/* Pinball loss (Koenker & Bassett 1978), the mean over quantiles. */
static double pinball(const rr_floats *quantiles, const float *out, double y, float scale, float *dout) {
    double loss = 0, count = (double)quantiles->count;
    for (size_t k = 0; k < quantiles->count; k++) {
        double q = quantiles->values[k], error = y - (double)out[k];
        loss += (error > 0 ? q : q - 1) * error / count;
        if (dout != NULL) dout[k] = (float)((double)scale * (error > 0 ? -q : error < 0 ? 1 - q : 0) / count);
    }
    return loss;
}

static double point(bool absolute, const float *out, double y, float scale, float *dout) {
    double error = (double)out[0] - y;
    if (dout != NULL) dout[0] = (float)((double)scale * (absolute ? (error > 0) - (error < 0) : 2 * error));
    return absolute ? fabs(error) : error * error;
}

void rr_forecast_loss(rr_forecast *f, const rr_forecast_example *examples, size_t rows, float scale) {
    size_t columns = f->table.column_count, horizon = f->config.horizon;
    for (size_t i = 0; i < rows; i++) {
        f->loss[i] = 0;
        for (size_t output = 0; output < f->outputs; output++) {
            const float *target = f->z + examples[i].row * columns + rr_forecast_column(f, &examples[i], output);
            for (size_t h = 0; h < horizon; h++) {
                size_t at = ((i * f->outputs + output) * horizon + h) * f->kinds;
                double y = (double)target[h * columns];
                float *dout = scale != 0 ? f->dout + at : NULL;
                if (f->config.head == RR_FORECAST_GAUSSIAN)
                    f->loss[i] += gaussian(f->out + at, y, scale, dout);
                else if (f->config.head == RR_FORECAST_QUANTILE)
                    f->loss[i] += pinball(&f->config.quantiles, f->out + at, y, scale, dout);
                else
                    f->loss[i] += point(f->config.loss == 1, f->out + at, y, scale, dout);
            }
        }
    }
}

void rr_forecast_values(const rr_forecast *f, const rr_forecast_example *example, size_t i, size_t output, size_t kind,
                        double *values) {
    size_t column = rr_forecast_column(f, example, output), horizon = f->config.horizon;
    size_t cell = rr_forecast_cell(f, example->row - 1, column);
    const float *out = f->out + (i * f->outputs + output) * horizon * f->kinds + kind;
    double last = f->table.values[(example->row - 1) * f->table.column_count + column];
    for (size_t h = 0; h < horizon; h++) {
        double change = (double)out[h * f->kinds] * f->scale.changes_deviation[cell] + f->scale.changes_mean[cell];
        if (f->config.change == RR_CHANGE_NONE)
            values[h] = change;
        else
            values[h] = last = f->config.change == RR_CHANGE_DIFFERENCE ? last + change : last * exp(change);
    }
}
