/*
 * Metrics of a forecaster. An evaluation keeps the forecasts themselves, so that any metric can be made of them:
 * mse and mae in units of each column's standard deviation in the training part; rmse, mae, mape, and rse and corr (Lai
 * et al. 2018) of the values.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "task/forecast_model.h"

/* Of a window: its part and number, loss, values within the outer quantiles (or 80 % of the normal distribution), and
 * the forecasts [outputs, horizon]. */
enum { SPLIT, NUMBER, LOSS, INSIDE, VALUES };

static const double NORMAL_80 = 1.2815515655446004; /* standard deviations that hold 80 % */

size_t rr_forecast_outcome_size(const rr_task *task) {
    const rr_forecast *f = (const rr_forecast *)task;
    return VALUES + f->outputs * f->config.horizon;
}

static const double *truth(const rr_forecast *f, const rr_forecast_example *e, size_t output, size_t h) {
    return &f->table.values[(e->row + h) * f->table.column_count + rr_forecast_column(f, e, output)];
}

/* Whether what happened lies within the interval that the head gives, in units of f->z. */
static bool inside(const rr_forecast *f, const rr_forecast_example *e, size_t i, size_t output, size_t h) {
    const float *out = f->out + ((i * f->outputs + output) * f->config.horizon + h) * f->kinds;
    double y = (double)f->z[(e->row + h) * f->table.column_count + rr_forecast_column(f, e, output)];
    if (f->config.head == RR_FORECAST_GAUSSIAN)
        return fabs(y - (double)out[0]) <= NORMAL_80 * exp(0.5 * (double)out[1]);
    return y >= (double)out[0] && y <= (double)out[f->kinds - 1];
}

rr_status rr_forecast_evaluate(rr_task *task, rr_split split, size_t begin, size_t end, const rr_hooks *hooks,
                               double *outcomes) {
    rr_forecast *f = (rr_forecast *)task;
    const rr_forecast_set *set = &f->sets[split];
    size_t width = rr_forecast_outcome_size(task), horizon = f->config.horizon;
    for (size_t first = begin; first < end; first += f->micro_rows) {
        size_t rows = end - first < f->micro_rows ? end - first : f->micro_rows;
        const rr_forecast_example *examples = set->items + first;
        rr_sequence sequence;
        rr_forecast_forward(f, examples, rows, 0, NULL, hooks, &sequence);
        rr_forecast_loss(f, examples, rows, 0);
        for (size_t i = 0; i < rows; i++) {
            double *outcome = outcomes + (first + i - begin) * width;
            outcome[SPLIT] = split;
            outcome[NUMBER] = (double)(first + i);
            outcome[LOSS] = f->loss[i];
            outcome[INSIDE] = 0;
            for (size_t output = 0; output < f->outputs; output++) {
                rr_forecast_values(f, &examples[i], i, output, f->point, outcome + VALUES + output * horizon);
                for (size_t h = 0; h < horizon && f->config.head != RR_FORECAST_POINT; h++)
                    outcome[INSIDE] += inside(f, &examples[i], i, output, h);
            }
        }
    }
    return RR_OK;
}

/* Sums over forecasts of some steps ahead. */
typedef struct sums {
    double count, squares, absolute;                 /* standardised */
    double raw_squares, raw_absolute, ratio, ratios; /* of the values; ratio: |error| / |truth| where that is not 0 */
} sums;

static void add(sums *s, double said, double true_value, double deviation) {
    double error = said - true_value;
    s->count++;
    s->squares += error / deviation * (error / deviation);
    s->absolute += fabs(error / deviation);
    s->raw_squares += error * error;
    s->raw_absolute += fabs(error);
    if (true_value == 0) return;
    s->ratio += fabs(error / true_value);
    s->ratios++;
}

/* Of one column: for its correlation, and the spread of what happened. */
typedef struct moments {
    double count, x, y, xx, yy, xy;
} moments;

static void correlate(moments *m, double x, double y) {
    m->count++;
    m->x += x;
    m->y += y;
    m->xx += x * x;
    m->yy += y * y;
    m->xy += x * y;
}

/* Adds all forecasts; of one step ahead, or of all (h = horizon). columns [table columns] may be NULL. */
static sums collect(const rr_forecast *f, const double *outcomes, size_t units, size_t only, moments *columns) {
    size_t width = rr_forecast_outcome_size(&f->base), horizon = f->config.horizon;
    sums s = {0};
    for (size_t unit = 0; unit < units; unit++) {
        const double *outcome = outcomes + unit * width;
        const rr_forecast_example *e = &f->sets[(size_t)outcome[SPLIT]].items[(size_t)outcome[NUMBER]];
        for (size_t output = 0; output < f->outputs; output++) {
            size_t column = rr_forecast_column(f, e, output);
            double deviation = f->scale.deviation[rr_forecast_cell(f, e->row, column)];
            for (size_t h = only < horizon ? only : 0; h < horizon && (only == horizon || h == only); h++) {
                double said = outcome[VALUES + output * horizon + h], value = *truth(f, e, output, h);
                add(&s, said, value, deviation);
                if (columns != NULL) correlate(&columns[column], said, value);
            }
        }
    }
    return s;
}

/* Root of the squared errors over that of the mean of what happened; and the mean correlation of the columns. */
static void relative(const rr_forecast *f, const sums *s, const moments *columns, double *rse, double *corr) {
    double spread = 0, correlation = 0, count = 0, all = 0, sum = 0;
    for (size_t c = 0; c < f->table.column_count; c++) {
        const moments *m = &columns[c];
        all += m->count;
        sum += m->y;
        double x = m->xx - m->x * m->x / m->count, y = m->yy - m->y * m->y / m->count;
        if (!(m->count > 0 && x > 0 && y > 0)) continue;
        correlation += (m->xy - m->x * m->y / m->count) / sqrt(x * y);
        count++;
    }
    for (size_t c = 0; c < f->table.column_count; c++)
        if (columns[c].count > 0)
            spread += columns[c].yy - 2 * columns[c].y * sum / all + columns[c].count * (sum / all) * (sum / all);
    *rse = sqrt(s->raw_squares) / sqrt(spread);
    *corr = correlation / count;
}

size_t rr_forecast_metrics(const rr_task *task, const double *outcomes, size_t units, rr_metric out[RR_TASK_METRICS]) {
    const rr_forecast *f = (const rr_forecast *)task;
    moments *columns = calloc(f->table.column_count + 1, sizeof *columns);
    double loss = 0, within = 0, rse = NAN, corr = NAN;
    size_t width = rr_forecast_outcome_size(task), used = 0;
    sums s = collect(f, outcomes, units, f->config.horizon, columns);
    for (size_t unit = 0; unit < units; unit++) {
        loss += outcomes[unit * width + LOSS];
        within += outcomes[unit * width + INSIDE];
    }
    if (columns != NULL) relative(f, &s, columns, &rse, &corr);
    free(columns);
    out[used++] = (rr_metric){"loss", loss / s.count};
    out[used++] = (rr_metric){"mse", s.squares / s.count};
    out[used++] = (rr_metric){"mae", s.absolute / s.count};
    out[used++] = (rr_metric){"raw_rmse", sqrt(s.raw_squares / s.count)};
    out[used++] = (rr_metric){"raw_mse", s.raw_squares / s.count};
    out[used++] = (rr_metric){"raw_mae", s.raw_absolute / s.count};
    out[used++] = (rr_metric){"mape", 100 * s.ratio / s.ratios};
    out[used++] = (rr_metric){"rse", rse};
    out[used++] = (rr_metric){"corr", corr};
    if (f->config.head != RR_FORECAST_POINT) out[used++] = (rr_metric){"coverage", within / s.count};
    return used;
}

void rr_forecast_report(const rr_task *task, const double *outcomes, size_t units, rr_buffer *out) {
    const rr_forecast *f = (const rr_forecast *)task;
    size_t horizon = f->config.horizon, shown = 24, each = (horizon + shown - 1) / shown;
    moments *columns = calloc(f->table.column_count + 1, sizeof *columns);
    rr_buffer_printf(out, "%6s %10s %10s %12s %12s %10s %8s %8s\n", "ahead", "mse", "mae", "raw_rmse", "raw_mae",
                     "mape %", "rse", "corr");
    for (size_t h = each - 1; h < horizon && columns != NULL; h += each) {
        double rse, corr;
        memset(columns, 0, f->table.column_count * sizeof *columns);
        sums s = collect(f, outcomes, units, h, columns);
        relative(f, &s, columns, &rse, &corr);
        rr_buffer_printf(out, "%6zu %10.4f %10.4f %12.4f %12.4f %10.2f %8.4f %8.4f\n", h + 1, s.squares / s.count,
                         s.absolute / s.count, sqrt(s.raw_squares / s.count), s.raw_absolute / s.count,
                         100 * s.ratio / s.ratios, rse, corr);
    }
    free(columns);
    if (f->config.head == RR_FORECAST_QUANTILE)
        rr_buffer_printf(out, "coverage is that of quantiles %g to %g: %g is meant\n", f->config.quantiles.values[0],
                         f->config.quantiles.values[f->kinds - 1],
                         f->config.quantiles.values[f->kinds - 1] - f->config.quantiles.values[0]);
    if (f->config.head == RR_FORECAST_GAUSSIAN) rr_buffer_puts(out, "coverage is that of the middle 80 %\n");
}
