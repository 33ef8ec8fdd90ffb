/* Metrics of a forecaster. The outcome of a window is what was forecast, so that all follows from it on one rank. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "task/forecast_score.h"

size_t rr_forecast_outcome_size(const rr_task *task) { return rr_forecast_size((const rr_forecaster *)task); }

void rr_forecast_run(rr_forecaster *f, const rr_forecast_part *part, size_t begin, size_t end, const rr_hooks *hooks,
                     double *out) {
    size_t each = rr_forecast_size(f) / f->groups;
    for (size_t first = begin; first < end; first += f->micro_rows) {
        size_t rows = end - first < f->micro_rows ? end - first : f->micro_rows;
        rr_sequence sequence;
        for (size_t i = 0; i < rows; i++) f->batch.ids[i] = (uint32_t)(first + i);
        rr_forecast_forward(f, part, rows, 0, false, NULL, hooks, &sequence);
        for (size_t i = 0; i < rows * each; i++) out[(first - begin) * each + i] = (double)f->y[i];
    }
}

rr_status rr_forecast_evaluate(rr_task *task, rr_split split, size_t begin, size_t end, const rr_hooks *hooks,
                               double *outcomes) {
    rr_forecaster *f = (rr_forecaster *)task;
    f->evaluated = &f->parts[split];
    rr_forecast_run(f, f->evaluated, begin * f->groups, end * f->groups, hooks, outcomes);
    return RR_OK;
}

/* What is summed of all windows. */
typedef struct totals {
    rr_scores scores;
    double loss, inside, count; /* inside: truths within the interval */
} totals;

/* Whether the truth of a step lies within its interval: of quantiles in standardised units; of a normal distribution in
 * those of the file, as predict writes it, for the variances of changes add up. forecast, deviations: [horizon] */
static bool holds(const rr_forecaster *f, const rr_forecast_part *part, size_t row, size_t target, const double *said,
                  double forecast, double deviation) {
    const rr_forecast_table *table = part->table;
    size_t at = row * table->series.columns.count + f->scale.targets[target];
    double truth = (double)table->z[at], low = said[0], high = said[f->loss.outputs - 1];
    if (f->loss.head == RR_HEAD_GAUSSIAN)
        return fabs(table->series.values[at] - forecast) <= RR_FORECAST_DEVIATIONS * deviation;
    return truth >= low && truth <= high;
}

/* One target of a window; room: [3, horizon]. */
static void add_target(const rr_forecaster *f, const rr_forecast_part *part, size_t window, size_t target,
                       const double *said, double *room, totals *out) {
    size_t horizon = f->config.horizon, outputs = f->loss.outputs, middle = rr_forecast_middle(&f->loss);
    size_t width = part->table->series.columns.count;
    const float *truth = part->table->z + part->first[window] * width + f->scale.targets[target];
    for (size_t h = 0; h < horizon; h++) {
        out->loss += rr_forecast_loss_of(&f->loss, said + h * outputs, truth[h * width]);
        room[h] = said[h * outputs + middle];
    }
    rr_forecast_to_file(f, part, window, target, room, room + horizon);
    if (f->loss.head == RR_HEAD_GAUSSIAN)
        rr_forecast_deviations(f, part, window, target, said, room + horizon, room + 2 * horizon);
    for (size_t h = 0; h < horizon; h++)
        out->inside += holds(f, part, part->first[window] + h, target, said + h * outputs, room[horizon + h],
                             room[2 * horizon + h]);
    out->count += (double)horizon;
    rr_scores_add(&out->scores, f, part, window, target, room, room + horizon);
}

static rr_status add_up(const rr_forecaster *f, const double *outcomes, size_t units, totals *out) {
    const rr_forecast_part *part = f->evaluated;
    size_t each = f->config.horizon * f->loss.outputs;
    *out = (totals){.loss = 0};
    double *room = calloc(3 * f->config.horizon, sizeof *room);
    rr_status status = room != NULL ? RR_OK : rr_fail(RR_ERR_NOMEM, "no memory for a forecast");
    if (status == RR_OK) status = rr_scores_create(f, &out->scores);
    for (size_t w = 0; w < units && status == RR_OK; w++)
        for (size_t c = 0; c < f->scale.target_count; c++)
            add_target(f, part, w, c, outcomes + (w * f->scale.target_count + c) * each, room, out);
    free(room);
    return status;
}

size_t rr_forecast_metrics(const rr_task *task, const double *outcomes, size_t units, rr_metric out[RR_TASK_METRICS]) {
    const rr_forecaster *f = (const rr_forecaster *)task;
    totals all;
    rr_score score = {.mse = NAN};
    if (add_up(f, outcomes, units, &all) == RR_OK)
        score = rr_scores_of(&all.scores, all.scores.targets, all.scores.horizon);
    const rr_metric metrics[] = {{"loss", all.loss / all.count},
                                 {"mse", score.mse},
                                 {"mae", score.mae},
                                 {"raw_mse", score.raw_mse},
                                 {"rmse", score.rmse},
                                 {"raw_mae", score.raw_mae},
                                 {"mape", score.mape},
                                 {"rse", score.rse},
                                 {"corr", score.corr},
                                 {"coverage", all.inside / all.count}};
    size_t count = sizeof metrics / sizeof *metrics;
    if (f->loss.head == RR_HEAD_POINT) count--; /* it has no interval */
    memcpy(out, metrics, count * sizeof *metrics);
    rr_scores_free(&all.scores);
    return count;
}

static void put_row(rr_buffer *out, const char *name, const rr_score *s) {
    rr_buffer_printf(out, "%-24.24s %9.4f %9.4f %12.5g %12.5g %9.2f\n", name, s->mse, s->mae, s->rmse, s->raw_mae,
                     s->mape);
}

void rr_forecast_report(const rr_task *task, const double *outcomes, size_t units, rr_buffer *out) {
    enum { STEPS = 12 }; /* lines of the table, at most */
    const rr_forecaster *f = (const rr_forecaster *)task;
    size_t horizon = f->config.horizon, every = (horizon + STEPS - 1) / STEPS;
    totals all;
    if (add_up(f, outcomes, units, &all) == RR_OK) {
        rr_buffer name = {0};
        if (f->loss.head != RR_HEAD_POINT)
            rr_buffer_printf(out, "the interval of %g %% holds %.1f %% of the truth\n",
                             100 * rr_forecast_interval_share(&f->loss), 100 * all.inside / all.count);
        rr_buffer_printf(out, "%-24s %9s %9s %12s %12s %9s\n", "", "mse", "mae", "rmse", "raw mae", "mape %");
        for (size_t h = 0; h < horizon; h += h == 0 && every > 1 ? every - 1 : every) {
            rr_score score = rr_scores_of(&all.scores, all.scores.targets, h);
            rr_buffer_clear(&name);
            rr_buffer_printf(&name, "step %zu", h + 1);
            put_row(out, rr_buffer_text(&name), &score);
        }
        for (size_t c = 0; c < f->scale.target_count; c++) {
            rr_score score = rr_scores_of(&all.scores, c, horizon);
            put_row(out, f->scale.columns.items[f->scale.targets[c]], &score);
        }
        rr_buffer_free(&name);
    }
    rr_scores_free(&all.scores);
}
