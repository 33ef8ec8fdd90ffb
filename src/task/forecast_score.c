#include "task/forecast_score.h"

#include <math.h>
#include <stdlib.h>

rr_status rr_scores_create(const rr_forecaster *f, rr_scores *out) {
    *out = (rr_scores){.targets = f->scale.target_count, .horizon = f->config.horizon};
    out->cells = calloc(out->targets * out->horizon, sizeof *out->cells);
    return out->cells != NULL ? RR_OK : rr_fail(RR_ERR_NOMEM, "no memory for the errors of forecasts");
}

void rr_scores_free(rr_scores *scores) { free(scores->cells); }

void rr_scores_add(rr_scores *scores, const rr_forecaster *f, const rr_forecast_part *part, size_t window,
                   size_t target, const double *z, const double *values) {
    const rr_series *series = &part->table->series;
    size_t width = series->columns.count, column = f->scale.targets[target];
    for (size_t h = 0; h < scores->horizon; h++) {
        size_t at = (part->first[window] + h) * width + column;
        rr_score_cell *cell = &scores->cells[target * scores->horizon + h];
        double truth = series->values[at], p = values[h], off = p - truth;
        double z_off = z[h] - (double)part->table->z[at];
        cell->count++;
        cell->z_squares += z_off * z_off;
        cell->z_absolute += fabs(z_off);
        cell->squares += off * off;
        cell->absolute += fabs(off);
        cell->y += truth;
        cell->p += p;
        cell->yy += truth * truth;
        cell->pp += p * p;
        cell->yp += truth * p;
        if (truth == 0) continue;
        cell->percent += fabs(off / truth);
        cell->percents++;
    }
}

static double correlation(const rr_score_cell *c) {
    double y = c->yy - c->y * c->y / c->count, p = c->pp - c->p * c->p / c->count;
    return (c->yp - c->y * c->p / c->count) / sqrt(y * p);
}

rr_score rr_scores_of(const rr_scores *scores, size_t target, size_t step) {
    rr_score_cell sum = {0};
    double correlations = 0, correlated = 0;
    for (size_t i = 0; i < scores->targets * scores->horizon; i++) {
        const rr_score_cell *c = &scores->cells[i];
        if (target < scores->targets && i / scores->horizon != target) continue;
        if (step < scores->horizon && i % scores->horizon != step) continue;
        sum.count += c->count;
        sum.z_squares += c->z_squares;
        sum.z_absolute += c->z_absolute;
        sum.squares += c->squares;
        sum.absolute += c->absolute;
        sum.percent += c->percent;
        sum.percents += c->percents;
        sum.y += c->y;
        sum.yy += c->yy;
        double r = correlation(c);
        if (!isfinite(r)) continue; /* truth or forecast never changes */
        correlations += r;
        correlated++;
    }
    return (rr_score){.mse = sum.z_squares / sum.count,
                      .mae = sum.z_absolute / sum.count,
                      .raw_mse = sum.squares / sum.count,
                      .raw_mae = sum.absolute / sum.count,
                      .rmse = sqrt(sum.squares / sum.count),
                      .mape = 100 * sum.percent / sum.percents,
                      .rse = sqrt(sum.squares / (sum.yy - sum.y * sum.y / sum.count)),
                      .corr = correlations / correlated};
}
