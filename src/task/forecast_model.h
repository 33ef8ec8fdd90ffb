/* The parts of a forecaster, shared by its files. */
#ifndef RR_TASK_FORECAST_MODEL_H
#define RR_TASK_FORECAST_MODEL_H

#include "data/batches.h"
#include "data/series.h"
#include "data/series_scale.h"
#include "nn/linear.h"
#include "nn/rnn.h"
#include "task/task.h"

typedef enum rr_forecast_head { RR_FORECAST_POINT, RR_FORECAST_GAUSSIAN, RR_FORECAST_QUANTILE } rr_forecast_head;
typedef enum rr_forecast_change { RR_CHANGE_NONE, RR_CHANGE_DIFFERENCE, RR_CHANGE_LOG_RETURN } rr_forecast_change;
typedef enum rr_window_norm { RR_WINDOW_NONE, RR_WINDOW_LAST, RR_WINDOW_MEAN_STD } rr_window_norm;

/** The task's own rows of the `task` section. */
typedef struct rr_forecast_config {
    const char *date_column, *series_column;
    rr_paths inputs, targets;
    size_t window, horizon, season;
    int change; /* rr_forecast_change */
    bool time_features;
    int window_norm; /* rr_window_norm */
    bool linear_skip, independent;
    int head; /* rr_forecast_head */
    int loss; /* 0 squared, 1 absolute */
    rr_floats quantiles;
    rr_sizes split_rows;
    rr_paths split_dates;
} rr_forecast_config;

/** A window is the rows before `row` of the table; the target's rows begin there. */
typedef struct rr_forecast_example {
    uint32_t row;
    uint32_t target; /* which of the targets; 0 where all are one example */
} rr_forecast_example;

typedef struct rr_forecast_set {
    rr_forecast_example *items;
    size_t count;
    size_t missing; /* windows that were left out, as a value is missing in them */
} rr_forecast_set;

enum { RR_TIME_FEATURES = 6 };

/** A linear map of the window, the floor that a network should be below: see forecast_floors.c. */
typedef struct rr_linear_map rr_linear_map;

typedef struct rr_forecast {
    rr_task base;
    rr_forecast_config config;
    rr_model_config model;
    rr_team *team;
    size_t global_batch_size;

    rr_series_table table;
    rr_series_scale scale;
    size_t *scale_of;    /* [series of the table] */
    size_t *targets;     /* [target_count] columns */
    size_t target_count; /* that the network gives at once are `outputs` of them */
    double *changes;     /* [rows, columns] what the network sees, before it is standardised */
    float *z;            /* [rows, columns] standardised */
    float *time;         /* [rows, RR_TIME_FEATURES], or NULL */
    rr_forecast_set sets[RR_SPLIT_COUNT];
    rr_batches *batches;
    rr_linear_map *map; /* for floors, made when it is wanted */

    size_t input_size; /* of a time step */
    size_t outputs;    /* targets of an example */
    size_t kinds;      /* numbers for each value: 1, 2 (mean, log variance), or one for each quantile */
    size_t point;      /* which of them is the forecast */
    rr_rnn *rnn;
    rr_linear head, skip;

    /* What plan took, for R rows. */
    size_t micro_rows;
    rr_sequence_room room;
    float *x;                    /* [window, R, input_size] */
    float *dtop, *last, *dlast;  /* [window, R, H], [R, H] */
    float *out, *dout;           /* [R, outputs, horizon, kinds] */
    float *skip_x;               /* [R, outputs, window] */
    float *skip_y, *dskip_y;     /* [R, outputs, horizon] */
    float *offset, *spread;      /* [R, columns] of the window */
    double *loss;                /* [R] */
    rr_forecast_example *chosen; /* [R] */

    const uint32_t *batch; /* examples of the rows of this step */
    size_t batch_rows;
} rr_forecast;

/** forecast_data.c */
rr_status rr_forecast_read(rr_forecast *f, const rr_task_setup *setup);
/** What follows from the table: changes, scaling of series (found in the checkpoint's, or fitted), features. */
rr_status rr_forecast_prepare(rr_forecast *f);
void rr_forecast_free_data(rr_forecast *f);
rr_series_options rr_forecast_options(const rr_forecast *f);

/** The column that output `output` of an example is. */
static inline size_t rr_forecast_column(const rr_forecast *f, const rr_forecast_example *e, size_t output) {
    return f->targets[f->config.independent ? e->target : output];
}

/** Index of a cell of f->scale. */
static inline size_t rr_forecast_cell(const rr_forecast *f, size_t row, size_t column) {
    return f->scale_of[f->table.owner[row]] * f->table.column_count + column;
}

/** Forward over examples, out of f->out; in units of f->z. Row i of the batch is example i. */
void rr_forecast_forward(rr_forecast *f, const rr_forecast_example *examples, size_t rows, size_t first,
                         const rr_dropout *dropout, const rr_hooks *hooks, rr_sequence *sequence);

/** forecast_loss.c: f->loss [rows] of f->out against the examples' targets; with scale not 0 f->dout. */
void rr_forecast_loss(rr_forecast *f, const rr_forecast_example *examples, size_t rows, float scale);

/** Numbers of f->out, in units of f->z, as the values of the series. kind: which of f->kinds. */
void rr_forecast_values(const rr_forecast *f, const rr_forecast_example *example, size_t i, size_t output, size_t kind,
                        double *values);

/** forecast_metrics.c */
size_t rr_forecast_outcome_size(const rr_task *task);
rr_status rr_forecast_evaluate(rr_task *task, rr_split split, size_t begin, size_t end, const rr_hooks *hooks,
                               double *outcomes);
size_t rr_forecast_metrics(const rr_task *task, const double *outcomes, size_t units, rr_metric out[RR_TASK_METRICS]);
void rr_forecast_report(const rr_task *task, const double *outcomes, size_t units, rr_buffer *out);

/** forecast_floors.c */
size_t rr_forecast_floors(const rr_task *task, rr_split split, rr_floor out[RR_TASK_METRICS]);
void rr_forecast_map_free(rr_linear_map *map);

/** forecast_predict.c */
rr_status rr_forecast_predict_file(rr_task *task, const rr_text *file, rr_buffer *out);

#endif
