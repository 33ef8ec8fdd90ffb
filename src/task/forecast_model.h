/* The parts of a forecaster, shared by its files. */
#ifndef RR_TASK_FORECAST_MODEL_H
#define RR_TASK_FORECAST_MODEL_H

#include "data/series_math.h"
#include "data/series_scale.h"
#include "nn/linear.h"
#include "nn/pooling.h"
#include "nn/rnn.h"
#include "task/examples.h"
#include "task/forecast_loss.h"

/** What is taken off a window's values, and put back on its forecast. */
typedef enum rr_window_norm { RR_WINDOW_NONE, RR_WINDOW_LAST, RR_WINDOW_MEAN_STD } rr_window_norm;

/** Keys of the task. */
typedef struct rr_forecast_config {
    const char *date_column, *date_format, *series_column; /* NULL: see rr_series_wish */
    int decimal;                                           /* 1: a comma */
    rr_paths inputs, targets, time_features;
    size_t window, horizon, segment;
    int transform;        /* rr_series_transform */
    int normalise_window; /* rr_window_norm */
    int head, loss;       /* rr_forecast_head, rr_point_loss */
    int pooling;          /* rr_pooling_kind */
    rr_floats quantiles;
    bool standardise, linear_skip, channel_independent;
    rr_sizes split_rows;
    rr_paths split_dates;
    size_t season, seasons; /* season 0: by the step of time */
} rr_forecast_config;

/** Rows of one or several files, ready for the network. */
typedef struct rr_forecast_table {
    rr_series series;
    size_t *names;   /* [series.series.count] which of the scale's series each is */
    float *z;        /* [rows, columns] transformed and standardised; NAN: missing */
    float *features; /* [rows, feature_width] of time */
} rr_forecast_table;

/** One part of the data: windows, each named by the first row that it forecasts. */
typedef struct rr_forecast_part {
    const rr_forecast_table *table; /* NULL: no such data */
    uint32_t *first;                /* [count] */
    size_t count, left_out;         /* left_out: windows in which a number is missing */
} rr_forecast_part;

/** A packed batch of windows; a row is a window, or with channel_independent one column of it. */
typedef struct rr_forecast_batch {
    rr_sequence_room room; /* [steps, rows] */
    uint32_t *ids;         /* [rows] window * groups + group */
    float *x;              /* [steps * rows, input_width] */
    float *shift, *scale;  /* [rows, row_targets] z = scale * network + shift */
    float *history;        /* [rows * row_targets, window], linear_skip alone */
    float *truth;          /* [rows, row_targets, horizon] */
} rr_forecast_batch;

typedef struct rr_forecaster {
    rr_task base;
    rr_forecast_config config;
    rr_model_config model;
    rr_forecast_loss loss;
    const rr_data_config *data;
    rr_team *team;
    size_t global_batch_size;

    rr_series_scale scale;
    size_t season; /* rows; 0: there is none */
    size_t features[RR_TIME_FEATURES], feature_width;
    char season_name[48], mean_name[48]; /* of floors */
    rr_forecast_table tables[RR_SPLIT_COUNT], taken;
    rr_forecast_part parts[RR_SPLIT_COUNT], wanted; /* wanted: what is to be predicted */

    size_t groups;      /* rows of the network for each window: targets, or 1 */
    size_t row_targets; /* columns that a row forecasts: 1, or the targets */
    size_t steps;       /* window / segment */
    size_t input_width; /* segment * (columns + features) */
    size_t width;       /* of the pooled vector */

    rr_rnn *rnn;
    rr_pooling *pooling;
    rr_linear head; /* [row_targets * horizon * outputs, width] */
    rr_linear skip; /* [horizon, window], shared by all columns */

    /* What plan took. */
    size_t micro_rows;
    rr_forecast_batch batch;
    const float *top;        /* [steps * rows, width], the rnn's */
    float *pooled, *dpooled; /* [rows, width] */
    float *y;                /* [rows, row_targets, horizon, outputs]; its gradient in training */
    float *skipped;          /* [rows * row_targets, horizon] */
    float *dtop;             /* [steps * rows, width] */

    const rr_forecast_part *evaluated; /* what the last outcomes are of */
} rr_forecaster;

/** Floats that the network says of a window: [targets, horizon, outputs]. */
static inline size_t rr_forecast_size(const rr_forecaster *f) {
    return f->scale.target_count * f->config.horizon * f->loss.outputs;
}

/** forecast_config.c */
extern const rr_key rr_forecast_keys[];
rr_status rr_forecast_check(const rr_task_setup *setup, const rr_forecast_config *config);

/** forecast_data.c: reads what setup asks for. */
rr_status rr_forecast_read(rr_forecaster *f, const rr_task_setup *setup);
rr_status rr_forecast_table_fill(const rr_forecaster *f, rr_forecast_table *table);
rr_series_wish rr_forecast_wish(const rr_forecaster *f, const rr_data_config *data);
void rr_forecast_table_free(rr_forecast_table *table);
void rr_forecast_free_data(rr_forecaster *f);

/** forecast_parts.c: the windows of every part; RR_ERR_INPUT where one that is wanted has none. */
rr_status rr_forecast_divide(rr_forecaster *f, const rr_task_setup *setup);
/** Rows [*begin, *end) of a series of the training file that belong to a part. */
rr_status rr_forecast_bounds(const rr_forecaster *f, const rr_task_setup *setup, const rr_forecast_table *table,
                             size_t series, int split, size_t *begin, size_t *end);
/** Whether data.train holds all parts. */
bool rr_forecast_divides(const rr_forecaster *f, const rr_task_setup *setup);

/** forecast_batch.c */
void rr_forecast_batch_plan(rr_forecaster *f, rr_arena *arena, size_t rows);
/**
 * Windows f->batch.ids[rows] as a packed batch.
 * first: the number of the first row in the global batch; with_truth: what comes next is known
 */
rr_sequence rr_forecast_batch_fill(rr_forecaster *f, const rr_forecast_part *part, size_t rows, size_t first,
                                   bool with_truth);

/** forecast.c: f->y of rows f->batch.ids[rows], in standardised units. */
void rr_forecast_forward(rr_forecaster *f, const rr_forecast_part *part, size_t rows, size_t first, bool with_truth,
                         const rr_dropout *dropout, const rr_hooks *hooks, rr_sequence *sequence);

/** forecast_units.c: between standardised, transformed numbers and those of the file. */
void rr_forecast_to_file(const rr_forecaster *f, const rr_forecast_part *part, size_t window, size_t target,
                         const double *z, double *out);
void rr_forecast_from_file(const rr_forecaster *f, const rr_forecast_part *part, size_t window, size_t target,
                           const double *values, double *z);
/** Standard deviations [horizon] in the file's units, of normal distributions z [horizon, 2]; steps independent. */
void rr_forecast_deviations(const rr_forecaster *f, const rr_forecast_part *part, size_t window, size_t target,
                            const double *z, const double *forecast, double *out);

/** Where mean and deviation of a target stand, for the series of a window. */
size_t rr_forecast_scale_at(const rr_forecaster *f, const rr_forecast_part *part, size_t window, size_t target);

/** forecast_floors.c */
rr_status rr_forecast_fit_linear(rr_forecaster *f);
size_t rr_forecast_floors(const rr_task *task, rr_split split, rr_floor out[RR_TASK_METRICS]);

/** forecast_metrics.c */
/** Rows [begin, end) of a part (window * groups + group), many at a time: out [rows, row_targets, horizon, outputs]. */
void rr_forecast_run(rr_forecaster *f, const rr_forecast_part *part, size_t begin, size_t end, const rr_hooks *hooks,
                     double *out);
size_t rr_forecast_outcome_size(const rr_task *task);
rr_status rr_forecast_evaluate(rr_task *task, rr_split split, size_t begin, size_t end, const rr_hooks *hooks,
                               double *outcomes);
size_t rr_forecast_metrics(const rr_task *task, const double *outcomes, size_t units, rr_metric out[RR_TASK_METRICS]);
void rr_forecast_report(const rr_task *task, const double *outcomes, size_t units, rr_buffer *out);

/** forecast_describe.c: lines for banner and info. */
void rr_forecast_describe(const rr_task *task, rr_buffer *out);

/** forecast_predict.c */
rr_status rr_forecast_take(rr_task *task, const rr_text *texts, size_t count);
rr_status rr_forecast_predict(rr_task *task, const rr_text *texts, size_t count, rr_buffer *out);

#endif
