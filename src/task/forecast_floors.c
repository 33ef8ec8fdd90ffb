/* What simple rules reach: the last value, the season before, the mean of some seasons, one linear map. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "task/forecast_score.h"
#include "task/ridge.h"

enum { LONGEST_WINDOW = 1024 }; /* of the linear map, whose fit takes window^3 */

/* Windows that follow each other row by row, from `first` on. */
static size_t run_of(const rr_forecast_part *part, size_t first) {
    size_t end = first + 1;
    while (end < part->count && part->first[end] == part->first[end - 1] + 1) end++;
    return end - first;
}

static void add_part(const rr_forecaster *f, const rr_forecast_part *part, rr_ridge *ridge) {
    for (size_t w = 0; w < part->count;) {
        size_t windows = run_of(part, w), width = part->table->series.columns.count;
        for (size_t c = 0; c < f->scale.target_count; c++)
            rr_ridge_add(ridge, part->table->z + (part->first[w] - f->config.window) * width + f->scale.targets[c],
                         width, windows);
        w += windows;
    }
}

rr_status rr_forecast_fit_linear(rr_forecaster *f) {
    size_t window = f->config.window, horizon = f->config.horizon, count = horizon * (1 + window);
    rr_ridge train = {0}, valid = {0};
    double penalty;
    double *map = NULL;
    if (f->parts[RR_SPLIT_TRAIN].count == 0 || window > LONGEST_WINDOW) return RR_OK;
    rr_status status = rr_ridge_create(window, horizon, &train);
    if (status == RR_OK) status = rr_ridge_create(window, horizon, &valid);
    if (status == RR_OK) {
        map = malloc(count * sizeof *map);
        if (map == NULL) status = rr_fail(RR_ERR_NOMEM, "no memory for a linear map of %zu numbers", count);
    }
    if (status == RR_OK) {
        add_part(f, &f->parts[RR_SPLIT_TRAIN], &train);
        add_part(f, &f->parts[RR_SPLIT_VALID], &valid);
        status = rr_ridge_choose(&train, &valid, map, &penalty);
    }
    rr_ridge_free(&train);
    rr_ridge_free(&valid);
    if (status == RR_OK) {
        f->scale.linear = map;
        f->scale.linear_count = count;
        return RR_OK;
    }
    free(map);
    return status == RR_ERR_NUMERIC ? RR_OK : status; /* it is only a floor */
}

/* A row of a target's own series that lies `back` rows before `row`, in the file's units; NAN: none. */
static double past(const rr_forecast_part *part, size_t column, size_t row, size_t back) {
    const rr_series *series = &part->table->series;
    if (back > row) return NAN;
    if (series->rows[row - back].series != series->rows[row].series) return NAN;
    return series->values[(row - back) * series->columns.count + column];
}

typedef enum rule { PERSISTENCE, SEASON_BEFORE, SEASON_MEAN, LINEAR, RULES } rule;

/* The mean of the same place in the last `seasons` seasons that are known; the last value if none is. */
static void seasonal(const rr_forecaster *f, const rr_forecast_part *part, size_t first, size_t column, size_t seasons,
                     double *values) {
    size_t season = f->season;
    for (size_t h = 0; h < f->config.horizon; h++) {
        double sum = 0, count = 0;
        for (size_t k = 0; k < seasons; k++) {
            size_t back = (h / season + 1 + k) * season - h; /* before row `first` */
            double value = past(part, column, first, back);
            if (isnan(value)) continue;
            sum += value;
            count++;
        }
        values[h] = count > 0 ? sum / count : past(part, column, first - 1, 0);
    }
}

static void apply(const rr_forecaster *f, const rr_forecast_part *part, rule r, size_t window, size_t target, double *z,
                  double *values) {
    size_t first = part->first[window], column = f->scale.targets[target], width = part->table->series.columns.count;
    if (r == LINEAR) {
        rr_ridge_apply(f->config.window, f->config.horizon, f->scale.linear,
                       part->table->z + (first - f->config.window) * width + column, width, z);
        rr_forecast_to_file(f, part, window, target, z, values);
        return;
    }
    if (r == PERSISTENCE)
        for (size_t h = 0; h < f->config.horizon; h++) values[h] = past(part, column, first - 1, 0);
    else
        seasonal(f, part, first, column, r == SEASON_BEFORE ? 1 : f->config.seasons, values);
    rr_forecast_from_file(f, part, window, target, values, z);
}

static bool can_apply(const rr_forecaster *f, rule r) {
    if (r == LINEAR) return f->scale.linear_count == f->config.horizon * (1 + f->config.window);
    return r == PERSISTENCE || (f->season > 0 && (r == SEASON_BEFORE || f->config.seasons > 1));
}

static bool score_rule(const rr_forecaster *f, const rr_forecast_part *part, rule r, rr_score *out) {
    rr_scores scores = {.cells = NULL};
    double *z = malloc(f->config.horizon * sizeof *z), *values = malloc(f->config.horizon * sizeof *values);
    bool good = z != NULL && values != NULL && rr_scores_create(f, &scores) == RR_OK;
    for (size_t w = 0; w < part->count && good; w++)
        for (size_t c = 0; c < f->scale.target_count; c++) {
            apply(f, part, r, w, c, z, values);
            rr_scores_add(&scores, f, part, w, c, z, values);
        }
    if (good) *out = rr_scores_of(&scores, scores.targets, scores.horizon);
    rr_scores_free(&scores);
    free(z);
    free(values);
    return good;
}

size_t rr_forecast_floors(const rr_task *task, rr_split split, rr_floor out[RR_TASK_METRICS]) {
    const rr_forecaster *f = (const rr_forecaster *)task;
    const rr_forecast_part *part = &f->parts[split];
    const char *const names[RULES] = {"persistence", f->season_name, f->mean_name, "linear map"};
    size_t count = 0;
    for (int r = 0; r < RULES && part->count > 0; r++) {
        rr_score score;
        if (!can_apply(f, (rule)r) || !score_rule(f, part, (rule)r, &score)) continue;
        out[count++] = (rr_floor){names[r], "mse", score.mse};
        out[count++] = (rr_floor){names[r], "mae", score.mae};
        out[count++] = (rr_floor){names[r], "rmse", score.rmse};
    }
    return count;
}
