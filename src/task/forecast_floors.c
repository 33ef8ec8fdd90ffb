/*
 * What simple predictors reach: the last value (persistence), the value a season before, the mean of the same phase
 * over the window's seasons, and a linear map of the window (ridge regression) with one weight for each step back and
 * ahead, shared by all columns and series. Forecasters that cost much more are often worse (Zeng et al. 2023).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "math/gemm.h"
#include "task/forecast_model.h"

enum { CHUNK = 1024, MOST_ROWS = 200 * 1000, MOST_SEASONS = 7 };

struct rr_linear_map {
    size_t inputs, outputs; /* window + 1, the last of them 1; horizon */
    double *weights;        /* [inputs, outputs] */
};

void rr_forecast_map_free(rr_linear_map *map) {
    if (map == NULL) return;
    free(map->weights);
    free(map);
}

/* A value in units of its column. */
static double value_at(const rr_forecast *f, size_t row, size_t column) {
    size_t cell = rr_forecast_cell(f, row, column);
    return (f->table.values[row * f->table.column_count + column] - f->scale.mean[cell]) / f->scale.deviation[cell];
}

/* The window of one column minus its last value, and a 1. */
static double window_of(const rr_forecast *f, size_t row, size_t column, float *x) {
    size_t window = f->config.window;
    double last = value_at(f, row - 1, column);
    for (size_t t = 0; t < window; t++) x[t] = (float)(value_at(f, row - window + t, column) - last);
    x[window] = 1;
    return last;
}

/* Windows of a part, column after column; where there are many, evenly chosen ones. */
typedef struct choice {
    size_t count, each; /* windows with a column, and every how manieth is taken */
} choice;

static size_t columns_of(const rr_forecast *f) { return f->config.independent ? 1 : f->target_count; }

static choice choose(const rr_forecast *f, rr_split split) {
    size_t all = f->sets[split].count * columns_of(f);
    return (choice){all, 1 + (all - (all > 0)) / MOST_ROWS};
}

static void chosen(const rr_forecast *f, rr_split split, size_t number, size_t *row, size_t *column) {
    size_t columns = columns_of(f);
    const rr_forecast_example *e = &f->sets[split].items[number / columns];
    *row = e->row;
    *column = rr_forecast_column(f, e, number % columns);
}

/* Adds x^T [x y] over a part to gram [inputs, inputs + outputs], in double over chunks. */
static void add_products(const rr_forecast *f, rr_split split, size_t D, size_t width, float *rows, float *part,
                         double *gram) {
    choice all = choose(f, split);
    size_t filled = 0;
    for (size_t number = 0; number < all.count; number += all.each) {
        size_t row, column;
        float *x = rows + filled * width;
        chosen(f, split, number, &row, &column);
        double last = window_of(f, row, column, x);
        for (size_t h = 0; h < f->config.horizon; h++) x[D + h] = (float)(value_at(f, row + h, column) - last);
        if (++filled < CHUNK && number + all.each < all.count) continue;
        memset(part, 0, D * width * sizeof *part);
        rr_gemm_backward_weight(filled, D, width, rows, width, rows, width, part, width);
        for (size_t i = 0; i < D * width; i++) gram[i] += (double)part[i];
        filled = 0;
    }
}

/* Solves (A + ridge I) W = B by Cholesky's decomposition; gram [D, D + outputs] is [A B]. False if A is singular. */
static bool solve(const double *gram, size_t D, size_t outputs, double ridge, double *factor, double *weights) {
    size_t width = D + outputs;
    for (size_t i = 0; i < D; i++)
        for (size_t j = 0; j <= i; j++) {
            double sum = gram[i * width + j] + (i == j ? ridge : 0);
            for (size_t k = 0; k < j; k++) sum -= factor[i * D + k] * factor[j * D + k];
            if (i == j && !(sum > 0)) return false;
            factor[i * D + j] = i == j ? sqrt(sum) : sum / factor[j * D + j];
        }
    for (size_t o = 0; o < outputs; o++) {
        for (size_t i = 0; i < D; i++) {
            double sum = gram[i * width + D + o];
            for (size_t k = 0; k < i; k++) sum -= factor[i * D + k] * weights[k * outputs + o];
            weights[i * outputs + o] = sum / factor[i * D + i];
        }
        for (size_t i = D; i-- > 0;) {
            double sum = weights[i * outputs + o];
            for (size_t k = i + 1; k < D; k++) sum -= factor[k * D + i] * weights[k * outputs + o];
            weights[i * outputs + o] = sum / factor[i * D + i];
        }
    }
    return true;
}

static void map_forecast(const rr_forecast *f, const rr_linear_map *map, size_t row, size_t column, float *x,
                         double *said) {
    double last = window_of(f, row, column, x);
    for (size_t h = 0; h < map->outputs; h++) said[h] = last;
    for (size_t i = 0; i < map->inputs; i++)
        for (size_t h = 0; h < map->outputs; h++) said[h] += (double)x[i] * map->weights[i * map->outputs + h];
}

static double squared_error_of(const rr_forecast *f, rr_split split, const rr_linear_map *map, float *x, double *said) {
    choice all = choose(f, split);
    double sum = 0;
    for (size_t number = 0; number < all.count; number += all.each) {
        size_t row, column;
        chosen(f, split, number, &row, &column);
        map_forecast(f, map, row, column, x, said);
        for (size_t h = 0; h < map->outputs; h++) {
            double error = said[h] - value_at(f, row + h, column);
            sum += error * error;
        }
    }
    return sum;
}

/* The ridge is the one of those tried that is best on data.valid; without it, a hundredth of the inputs' variance. */
static void fit_best(const rr_forecast *f, rr_linear_map *map, const double *gram, double *factor, double *candidate,
                     float *x, double *said) {
    static const double tried[] = {1e-2, 1e-5, 1e-4, 1e-3, 1e-1, 1};
    size_t D = map->inputs, width = D + map->outputs, weights = D * map->outputs;
    double trace = 0, best = INFINITY;
    bool validate = f->sets[RR_SPLIT_VALID].count > 0;
    for (size_t i = 0; i < D; i++) trace += gram[i * width + i];
    for (size_t i = 0; i < (validate ? sizeof tried / sizeof *tried : 1); i++) {
        rr_linear_map now = {D, map->outputs, candidate};
        if (!solve(gram, D, map->outputs, tried[i] * trace / (double)D + 1e-9, factor, candidate)) continue;
        double error = validate ? squared_error_of(f, RR_SPLIT_VALID, &now, x, said) : 0;
        if (!(error < best)) continue;
        best = error;
        memcpy(map->weights, candidate, weights * sizeof *candidate);
    }
}

static rr_linear_map *fit(const rr_forecast *f) {
    size_t D = f->config.window + 1, outputs = f->config.horizon, width = D + outputs;
    rr_linear_map *map = calloc(1, sizeof *map);
    double *gram = calloc(D * width, sizeof *gram), *factor = malloc(D * D * sizeof *factor);
    double *candidate = malloc(D * outputs * sizeof *candidate), *said = malloc(outputs * sizeof *said);
    float *rows = malloc(CHUNK * width * sizeof *rows), *part = malloc(D * width * sizeof *part);
    if (map != NULL) *map = (rr_linear_map){D, outputs, calloc(D * outputs, sizeof(double))};
    bool there = map != NULL && map->weights != NULL && gram != NULL && factor != NULL && candidate != NULL &&
                 said != NULL && rows != NULL && part != NULL;
    if (there) {
        add_products(f, RR_SPLIT_TRAIN, D, width, rows, part, gram);
        fit_best(f, map, gram, factor, candidate, rows, said);
    } else {
        rr_forecast_map_free(map);
        map = NULL;
    }
    free(gram);
    free(factor);
    free(candidate);
    free(said);
    free(rows);
    free(part);
    return map;
}

typedef enum predictor { PERSISTENCE, SEASONAL, SEASONAL_MEAN, LINEAR } predictor;
static const char *const names[] = {"the last value", "a season before", "the mean of the same phase",
                                    "a linear map of the window"};

static void naive(const rr_forecast *f, predictor which, size_t row, size_t column, double *said) {
    size_t season = f->config.season, back = which == SEASONAL ? 1 : f->config.window / (season > 0 ? season : 1);
    if (back > MOST_SEASONS) back = MOST_SEASONS;
    for (size_t h = 0; h < f->config.horizon; h++) {
        double sum = 0;
        if (which == PERSISTENCE) {
            said[h] = value_at(f, row - 1, column);
            continue;
        }
        for (size_t k = 0; k < back; k++) sum += value_at(f, row + h % season - (k + 1) * season, column);
        said[h] = sum / (double)back;
    }
}

/* Mean squared and absolute error over a part, in units of the columns. */
static void errors_of(const rr_forecast *f, predictor which, rr_split split, float *x, double *said, double *mse,
                      double *mae) {
    size_t columns = columns_of(f), all = f->sets[split].count * columns;
    double squares = 0, absolute = 0, count = (double)(all * f->config.horizon);
    for (size_t number = 0; number < all; number++) {
        size_t row, column;
        chosen(f, split, number, &row, &column);
        if (which == LINEAR)
            map_forecast(f, f->map, row, column, x, said);
        else
            naive(f, which, row, column, said);
        for (size_t h = 0; h < f->config.horizon; h++) {
            double error = said[h] - value_at(f, row + h, column);
            squares += error * error;
            absolute += fabs(error);
        }
    }
    *mse = squares / count;
    *mae = absolute / count;
}

size_t rr_forecast_floors(const rr_task *task, rr_split split, rr_floor out[RR_TASK_METRICS]) {
    rr_forecast *f = (rr_forecast *)task; /* the map is made when it is first wanted */
    size_t used = 0;
    if (f->sets[split].count == 0 || split == RR_SPLIT_TRAIN) return 0;
    if (f->map == NULL && f->sets[RR_SPLIT_TRAIN].count > 0) f->map = fit(f);
    float *x = malloc((f->config.window + 1) * sizeof *x);
    double *said = malloc(f->config.horizon * sizeof *said);
    for (int which = PERSISTENCE; which <= LINEAR && x != NULL && said != NULL; which++) {
        bool seasonal = which == SEASONAL || which == SEASONAL_MEAN;
        if (seasonal && (f->config.season == 0 || f->config.season > f->config.window)) continue;
        if (which == LINEAR && f->map == NULL) continue;
        double mse, mae;
        errors_of(f, (predictor)which, split, x, said, &mse, &mae);
        out[used++] = (rr_floor){names[which], "mse", mse};
        out[used++] = (rr_floor){names[which], "mae", mae};
    }
    free(x);
    free(said);
    return used;
}
