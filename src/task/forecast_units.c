/* From standardised, transformed numbers to those of the file, and back. */
#include <math.h>

#include "task/forecast_model.h"

size_t rr_forecast_scale_at(const rr_forecaster *f, const rr_forecast_part *part, size_t window, size_t target) {
    const rr_forecast_table *table = part->table;
    size_t series = table->names[table->series.rows[part->first[window] - 1].series];
    return series * f->scale.columns.count + f->scale.targets[target];
}

/* The last value of the window, as the file has it. */
static double base_of(const rr_forecaster *f, const rr_forecast_part *part, size_t window, size_t target) {
    const rr_series *series = &part->table->series;
    return series->values[(part->first[window] - 1) * series->columns.count + f->scale.targets[target]];
}

void rr_forecast_to_file(const rr_forecaster *f, const rr_forecast_part *part, size_t window, size_t target,
                         const double *z, double *out) {
    size_t at = rr_forecast_scale_at(f, part, window, target);
    double value = base_of(f, part, window, target);
    for (size_t h = 0; h < f->config.horizon; h++) {
        double change = z[h] * f->scale.std[at] + f->scale.mean[at];
        if (f->config.transform == RR_TRANSFORM_NONE)
            value = change;
        else
            value = f->config.transform == RR_TRANSFORM_DIFFERENCE ? value + change : value * exp(change);
        out[h] = value;
    }
}

void rr_forecast_from_file(const rr_forecaster *f, const rr_forecast_part *part, size_t window, size_t target,
                           const double *values, double *z) {
    size_t at = rr_forecast_scale_at(f, part, window, target);
    double before = base_of(f, part, window, target);
    for (size_t h = 0; h < f->config.horizon; h++) {
        double change = f->config.transform == RR_TRANSFORM_NONE         ? values[h]
                        : f->config.transform == RR_TRANSFORM_DIFFERENCE ? values[h] - before
                                                                         : log(values[h] / before);
        z[h] = (change - f->scale.mean[at]) / f->scale.std[at];
        before = values[h];
    }
}

void rr_forecast_deviations(const rr_forecaster *f, const rr_forecast_part *part, size_t window, size_t target,
                            const double *z, const double *forecast, double *out) {
    size_t at = rr_forecast_scale_at(f, part, window, target);
    double variance = 0;
    for (size_t h = 0; h < f->config.horizon; h++) {
        double own = exp(z[2 * h + 1]) * f->scale.std[at] * f->scale.std[at];
        variance = f->config.transform == RR_TRANSFORM_NONE ? own : variance + own;
        out[h] = sqrt(variance) * (f->config.transform == RR_TRANSFORM_LOG_RETURN ? fabs(forecast[h]) : 1);
    }
}
