#include "task/forecast.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/profile.h"
#include "math/pointwise.h"
#include "task/forecast_model.h"

#define OWN(field) RR_VARIANT_FIELD(rr_task_config, rr_forecast_config, field)

static const char *const changes[] = {"none", "difference", "log_return", NULL};
static const char *const norms[] = {"none", "last", "mean_std", NULL};
static const char *const heads[] = {"point", "gaussian", "quantile", NULL};
static const char *const losses[] = {"mse", "mae", NULL};

static const rr_key keys[] = {
    {.name = "date_column",
     .type = RR_KEY_STRING,
     .offset = OWN(date_column),
     .preset = "null",
     .word = "null",
     .help = "the column with dates (2016-07-01, 2016-07-01 13:00:00, Jul 1 2016) or whole numbers; null: the first"},
    {.name = "series_column",
     .type = RR_KEY_STRING,
     .offset = OWN(series_column),
     .preset = "null",
     .word = "null",
     .help = "the column that tells several series of one file apart (a symbol, a station); null: there is one series"},
    {.name = "inputs",
     .type = RR_KEY_STRINGS,
     .offset = OWN(inputs),
     .preset = "null",
     .word = "null",
     .help = "the columns that the network reads; null: all that hold a number in the first record"},
    {.name = "targets",
     .type = RR_KEY_STRINGS,
     .offset = OWN(targets),
     .preset = "null",
     .word = "null",
     .help = "the columns to forecast, of the inputs; null: all of them"},
    {.name = "window",
     .type = RR_KEY_SIZE,
     .offset = OWN(window),
     .preset = "96",
     .min = 1,
     .max = 1e6,
     .unit = "rows",
     .help = "how far back the network sees"},
    {.name = "horizon",
     .type = RR_KEY_SIZE,
     .offset = OWN(horizon),
     .preset = "24",
     .min = 1,
     .max = 1e6,
     .unit = "rows",
     .help = "how far ahead it forecasts, all steps at once"},
    {.name = "season",
     .type = RR_KEY_SIZE,
     .offset = OWN(season),
     .preset = "null",
     .word = "null",
     .min = 1,
     .max = 1e6,
     .unit = "rows",
     .help = "rows after which things repeat (24 for hours of a day), for the seasonal floors alone; null: none"},
    {.name = "change",
     .type = RR_KEY_ENUM,
     .offset = OWN(change),
     .preset = "none",
     .choices = changes,
     .help = "what the network sees and says: values, their differences, or the logarithm of their ratio; forecasts "
             "and metrics are of values"},
    {.name = "time_features",
     .type = RR_KEY_BOOL,
     .offset = OWN(time_features),
     .preset = "false",
     .help = "the network also sees the hour of the day, the day of the week and the day of the year, as sine and "
             "cosine"},
    {.name = "window_norm",
     .type = RR_KEY_ENUM,
     .offset = OWN(window_norm),
     .preset = "none",
     .choices = norms,
     .help = "each window by itself, on top of the standardisation: minus its last value (Zeng et al. 2023), or by "
             "its mean and deviation (Kim et al. 2022); undone in the forecast"},
    {.name = "linear_skip",
     .type = RR_KEY_BOOL,
     .offset = OWN(linear_skip),
     .preset = "false",
     .help = "a linear map of the window, shared by the targets, is added to the network's forecast, as the "
             "autoregressive part of LSTNet (Lai et al. 2018)"},
    {.name = "independent",
     .type = RR_KEY_BOOL,
     .offset = OWN(independent),
     .preset = "false",
     .help = "each target is an example by itself and is forecast from its own past, with the same weights for all"},
    {.name = "head",
     .type = RR_KEY_ENUM,
     .offset = OWN(head),
     .preset = "point",
     .choices = heads,
     .help = "a number; a normal distribution; or quantiles"},
    {.name = "loss",
     .type = RR_KEY_ENUM,
     .offset = OWN(loss),
     .preset = "mse",
     .choices = losses,
     .help = "of head point: squared or absolute error"},
    {.name = "quantiles",
     .type = RR_KEY_FLOATS,
     .offset = OWN(quantiles),
     .preset = "[0.1, 0.5, 0.9]",
     .min = 0,
     .max = 1,
     .above_min = true,
     .below_max = true,
     .help = "of head quantile, rising; the one nearest to 0.5 is the forecast that metrics are of"},
    {.name = "split_rows",
     .type = RR_KEY_SIZES,
     .offset = OWN(split_rows),
     .preset = "null",
     .word = "null",
     .help =
         "[train, valid, test] rows of data.train, of each series, in order of time; what is behind them is not used"},
    {.name = "split_dates",
     .type = RR_KEY_STRINGS,
     .offset = OWN(split_dates),
     .preset = "null",
     .word = "null",
     .help = "[valid, test] or [valid, test, end]: the dates that these parts of data.train begin with, and that the "
             "last ends before"},
    {.name = NULL},
};

static rr_forecast *self(rr_task *task) { return (rr_forecast *)task; }
static const rr_forecast *self_const(const rr_task *task) { return (const rr_forecast *)task; }

static void destroy(rr_task *task) {
    rr_forecast *f = self(task);
    rr_forecast_free_data(f);
    rr_forecast_map_free(f->map);
    rr_batches_free(f->batches);
    rr_rnn_free(f->rnn);
    rr_params_free(&f->base.params);
    free(f);
}

static rr_rnn_spec rnn_spec(const rr_forecast *f) {
    return (rr_rnn_spec){.cell = rr_cells[f->model.cell],
                         .input_size = f->input_size,
                         .hidden_size = f->model.hidden_size,
                         .num_layers = f->model.num_layers,
                         .bias = f->model.bias,
                         .dropout = (float)f->model.dropout,
                         .dropout_layer = 1,
                         .team = f->team};
}

static rr_status declare(rr_forecast *f) {
    rr_params *params = &f->base.params;
    const rr_forecast_config *own = &f->config;
    f->outputs = own->independent ? 1 : f->target_count;
    f->input_size = (own->independent ? 1 : f->table.column_count) + (own->time_features ? RR_TIME_FEATURES : 0);
    f->kinds = own->head == RR_FORECAST_GAUSSIAN ? 2 : own->head == RR_FORECAST_QUANTILE ? own->quantiles.count : 1;
    for (size_t k = 0; k < f->kinds && own->head == RR_FORECAST_QUANTILE; k++)
        if (fabs(own->quantiles.values[k] - 0.5) < fabs(own->quantiles.values[f->point] - 0.5)) f->point = k;
    RR_TRY(rr_linear_declare(&f->head, params, "head", f->model.hidden_size, f->outputs * own->horizon * f->kinds, true,
                             (size_t)-1));
    if (own->linear_skip)
        RR_TRY(rr_linear_declare(&f->skip, params, "skip", own->window, own->horizon, true, (size_t)-1));
    rr_rnn_spec spec = rnn_spec(f);
    RR_TRY(rr_rnn_create(&spec, &f->rnn));
    return rr_rnn_declare(f->rnn, params, "rnn");
}

static rr_status check(const rr_task_setup *setup, const rr_forecast_config *own) {
    const rr_config *config = setup->config;
    if (setup->model->tie_weights)
        return rr_config_fail(config, "model.tie_weights", "must be false: series have no vocabulary");
    if (setup->model->bidirectional)
        return rr_config_fail(config, "model.bidirectional", "must be false: a window is read from the past on");
    for (size_t k = 1; k < own->quantiles.count; k++)
        if (!(own->quantiles.values[k] > own->quantiles.values[k - 1]))
            return rr_config_fail(config, "task.quantiles", "must rise, got %g after %g", own->quantiles.values[k],
                                  own->quantiles.values[k - 1]);
    if (own->head == RR_FORECAST_QUANTILE && own->quantiles.count == 0)
        return rr_config_fail(config, "task.quantiles", "at least one is needed for task.head quantile");
    if (own->split_rows.count != 0 && own->split_rows.count != 3)
        return rr_config_fail(config, "task.split_rows", "must be three numbers [train, valid, test], got %zu",
                              own->split_rows.count);
    if (own->split_dates.count == 1 || own->split_dates.count > 3)
        return rr_config_fail(config, "task.split_dates", "must be two dates [valid, test], or three, got %zu",
                              own->split_dates.count);
    int ways = (own->split_rows.count > 0) + (own->split_dates.count > 0) + (setup->data->split.count > 0);
    if (ways > 1 || (ways == 1 && setup->data->valid.count + setup->data->test.count > 0))
        return rr_config_fail(config,
                              own->split_rows.count > 0    ? "task.split_rows"
                              : own->split_dates.count > 0 ? "task.split_dates"
                                                           : "data.split",
                              "is one of four ways to split: data.split, task.split_rows, task.split_dates, or "
                              "data.valid and data.test; take one");
    return RR_OK;
}

static rr_status create(const rr_task_setup *setup, rr_task **out) {
    const rr_forecast_config *own = (const rr_forecast_config *)(const void *)&setup->task->own;
    RR_TRY(check(setup, own));
    rr_forecast *f = calloc(1, sizeof *f);
    if (f == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a forecaster");
    f->base.ops = &rr_task_forecast;
    f->config = *own;
    f->model = *setup->model;
    f->team = setup->team;
    f->global_batch_size = setup->global_batch_size;
    rr_status status = rr_forecast_read(f, setup);
    if (status == RR_OK) status = declare(f);
    if (status == RR_OK && f->sets[RR_SPLIT_TRAIN].count > 0) {
        f->base.tokens_a_row = own->window;
        status = rr_batches_create(NULL, f->sets[RR_SPLIT_TRAIN].count, f->global_batch_size, setup->seed, &f->batches);
    }
    if (status != RR_OK) {
        destroy(&f->base);
        return status;
    }
    *out = &f->base;
    return RR_OK;
}

static void plan(rr_task *task, rr_arena *arena, size_t micro_rows, size_t begin, size_t end, bool training) {
    (void)begin, (void)end;
    rr_forecast *f = self(task);
    size_t rows = micro_rows > 0 ? micro_rows : 1, H = f->model.hidden_size, window = f->config.window;
    size_t values = rows * f->outputs * f->config.horizon;
    f->micro_rows = rows;
    rr_sequence_room_plan(&f->room, arena, window, rows);
    f->x = rr_arena_floats(arena, window * rows * f->input_size);
    f->last = rr_arena_floats(arena, rows * H);
    f->out = rr_arena_floats(arena, values * f->kinds);
    f->offset = rr_arena_floats(arena, rows * f->table.column_count);
    f->spread = rr_arena_floats(arena, rows * f->table.column_count);
    f->loss = rr_arena_take(arena, rows * sizeof *f->loss);
    f->chosen = rr_arena_take(arena, rows * sizeof *f->chosen);
    if (f->config.linear_skip) {
        f->skip_x = rr_arena_floats(arena, rows * f->outputs * window);
        f->skip_y = rr_arena_floats(arena, values);
        f->dskip_y = training ? rr_arena_floats(arena, values) : NULL;
        rr_linear_plan(&f->skip, arena, f->team, rows * f->outputs, training);
    }
    if (training) {
        f->dtop = rr_arena_floats(arena, window * rows * H);
        f->dlast = rr_arena_floats(arena, rows * H);
        f->dout = rr_arena_floats(arena, values * f->kinds);
    }
    rr_linear_plan(&f->head, arena, f->team, rows, training);
    rr_rnn_plan(f->rnn, arena, window * rows, window, rows, training);
}

static uint64_t steps_per_epoch(const rr_task *task) {
    const rr_forecast *f = self_const(task);
    return f->batches != NULL ? rr_batches_steps(f->batches) : 0;
}

static rr_status load(rr_task *task, const rr_position *position, size_t begin, size_t end, rr_loss_count *count) {
    rr_forecast *f = self(task);
    f->batch_rows = rr_batches_at(f->batches, position->epoch, position->step_in_epoch, &f->batch);
    size_t stop = end < f->batch_rows ? end : f->batch_rows, rows = stop > begin ? stop - begin : 0;
    *count = (rr_loss_count){.targets = (double)(rows * f->outputs * f->config.horizon),
                             .rows = (double)rows,
                             .tokens = (double)(rows * f->config.window)};
    return RR_OK;
}

/* What is taken off a window of a column, and what it is divided by. */
static void look_at_window(const rr_forecast *f, const float *z, float *offset, float *spread) {
    size_t window = f->config.window, stride = f->table.column_count;
    *offset = 0;
    *spread = 1;
    if (f->config.window_norm == RR_WINDOW_LAST) *offset = z[(window - 1) * stride];
    if (f->config.window_norm != RR_WINDOW_MEAN_STD) return;
    double sum = 0, squares = 0;
    for (size_t t = 0; t < window; t++) sum += (double)z[t * stride];
    for (size_t t = 0; t < window; t++) {
        double d = (double)z[t * stride] - sum / (double)window;
        squares += d * d;
    }
    *offset = (float)(sum / (double)window);
    *spread = (float)sqrt(squares / (double)window + 1e-5);
}

static void fill_row(rr_forecast *f, const rr_forecast_example *e, size_t i, size_t rows) {
    size_t window = f->config.window, columns = f->table.column_count, first = e->row - window;
    float *offset = f->offset + i * columns, *spread = f->spread + i * columns;
    for (size_t c = 0; c < columns; c++) look_at_window(f, f->z + first * columns + c, &offset[c], &spread[c]);
    for (size_t t = 0; t < window; t++) {
        const float *z = f->z + (first + t) * columns;
        float *x = f->x + (t * rows + i) * f->input_size;
        if (f->config.independent) {
            size_t c = f->targets[e->target];
            *x++ = (z[c] - offset[c]) / spread[c];
        } else {
            for (size_t c = 0; c < columns; c++) *x++ = (z[c] - offset[c]) / spread[c];
        }
        if (f->time != NULL) memcpy(x, f->time + (first + t) * RR_TIME_FEATURES, RR_TIME_FEATURES * sizeof *x);
    }
    for (size_t output = 0; output < f->outputs && f->config.linear_skip; output++) {
        size_t c = rr_forecast_column(f, e, output);
        float *x = f->skip_x + (i * f->outputs + output) * window;
        for (size_t t = 0; t < window; t++) x[t] = (f->z[(first + t) * columns + c] - offset[c]) / spread[c];
    }
}

/* Dropout of the last outputs [rows, H], which are a batch of one step. */
static void drop_last(const rr_forecast *f, const rr_dropout *dropout, const rr_sequence *s, float *x) {
    const size_t offset[2] = {0, s->rows};
    rr_sequence last = rr_sequence_part(s, s->steps - 1, s->steps);
    last.offset = offset;
    rr_dropout_apply(dropout, (uint32_t)f->model.num_layers, (float)f->model.dropout_output, &last,
                     f->model.hidden_size, x, x);
}

/* From what the head and the skip gave to units of f->z. */
static void finish(rr_forecast *f, const rr_forecast_example *examples, size_t rows) {
    size_t horizon = f->config.horizon;
    for (size_t i = 0; i < rows; i++)
        for (size_t output = 0; output < f->outputs; output++) {
            size_t c = i * f->table.column_count + rr_forecast_column(f, &examples[i], output);
            for (size_t h = 0; h < horizon; h++) {
                size_t value = (i * f->outputs + output) * horizon + h;
                float *out = f->out + value * f->kinds;
                for (size_t k = 0; k < f->kinds; k++) {
                    bool spread_alone = f->config.head == RR_FORECAST_GAUSSIAN && k == 1;
                    if (spread_alone)
                        out[k] += 2 * logf(f->spread[c]);
                    else
                        out[k] =
                            (out[k] + (f->config.linear_skip ? f->skip_y[value] : 0)) * f->spread[c] + f->offset[c];
                }
            }
        }
}

/* The mirror: gradients of what the head and the skip gave. */
static void finish_backward(rr_forecast *f, const rr_forecast_example *examples, size_t rows) {
    size_t horizon = f->config.horizon;
    for (size_t i = 0; i < rows; i++)
        for (size_t output = 0; output < f->outputs; output++) {
            size_t c = i * f->table.column_count + rr_forecast_column(f, &examples[i], output);
            for (size_t h = 0; h < horizon; h++) {
                size_t value = (i * f->outputs + output) * horizon + h;
                float *dout = f->dout + value * f->kinds, sum = 0;
                for (size_t k = 0; k < f->kinds; k++) {
                    if (f->config.head == RR_FORECAST_GAUSSIAN && k == 1) continue;
                    dout[k] *= f->spread[c];
                    sum += dout[k];
                }
                if (f->config.linear_skip) f->dskip_y[value] = sum;
            }
        }
}

void rr_forecast_forward(rr_forecast *f, const rr_forecast_example *examples, size_t rows, size_t first,
                         const rr_dropout *dropout, const rr_hooks *hooks, rr_sequence *sequence) {
    const rr_params *params = &f->base.params;
    size_t H = f->model.hidden_size;
    rr_phase outer = rr_profile_enter(RR_PHASE_EMBEDDING);
    for (size_t i = 0; i < rows; i++) {
        f->room.lengths[i] = f->config.window;
        f->room.row_id[i] = first + i;
        fill_row(f, &examples[i], i, rows);
    }
    *sequence = rr_sequence_of(&f->room, rows);
    rr_dropout_apply(dropout, 0, (float)f->model.dropout_input, sequence, f->input_size, f->x, f->x);
    rr_profile_enter(outer);
    const float *y = rr_rnn_forward(f->rnn, params, sequence, f->x, NULL, NULL, dropout, hooks);
    memcpy(f->last, y + (f->config.window - 1) * rows * H, rows * H * sizeof *f->last);
    drop_last(f, dropout, sequence, f->last);
    rr_profile_enter(RR_PHASE_HEAD);
    rr_linear_forward(&f->head, params, rows, f->last, f->out, hooks);
    if (f->config.linear_skip) rr_linear_forward(&f->skip, params, rows * f->outputs, f->skip_x, f->skip_y, hooks);
    finish(f, examples, rows);
    rr_profile_enter(outer);
}

static void backward(rr_forecast *f, const rr_forecast_example *examples, const rr_sequence *sequence,
                     const rr_dropout *dropout, const rr_hooks *hooks) {
    rr_params *params = &f->base.params;
    size_t rows = sequence->rows, H = f->model.hidden_size, before = (f->config.window - 1) * rows * H;
    finish_backward(f, examples, rows);
    rr_phase outer = rr_profile_enter(RR_PHASE_HEAD);
    rr_linear_backward(&f->head, params, rows, f->last, f->dout, false, f->dlast, true, hooks);
    if (f->config.linear_skip)
        rr_linear_backward(&f->skip, params, rows * f->outputs, f->skip_x, f->dskip_y, false, NULL, false, hooks);
    rr_profile_enter(outer);
    rr_hooks_ready(hooks, rr_param_end(params, f->config.linear_skip ? f->skip.bias : f->head.bias));
    drop_last(f, dropout, sequence, f->dlast);
    memset(f->dtop, 0, before * sizeof *f->dtop);
    memcpy(f->dtop + before, f->dlast, rows * H * sizeof *f->dtop);
    rr_rnn_backward(f->rnn, params, sequence, f->x, f->dtop, NULL, NULL, NULL, hooks);
}

static rr_status train(rr_task *task, size_t begin, size_t end, float scale, const rr_dropout *dropout,
                       const rr_hooks *hooks, double *loss) {
    rr_forecast *f = self(task);
    rr_params *params = &f->base.params;
    size_t stop = end < f->batch_rows ? end : f->batch_rows, rows = stop > begin ? stop - begin : 0;
    rr_sequence sequence;
    *loss = 0;
    if (rows == 0) { /* the last batch of an epoch may have fewer rows than ranks */
        rr_params_settle_grads(params);
        rr_hooks_ready(hooks, params->total);
        return RR_OK;
    }
    for (size_t i = 0; i < rows; i++) f->chosen[i] = f->sets[RR_SPLIT_TRAIN].items[f->batch[begin + i]];
    rr_forecast_forward(f, f->chosen, rows, begin, dropout, hooks, &sequence);
    rr_forecast_loss(f, f->chosen, rows, scale);
    for (size_t i = 0; i < rows; i++) *loss += f->loss[i];
    backward(f, f->chosen, &sequence, dropout, hooks);
    rr_hooks_ready(hooks, params->total);
    return RR_OK;
}

static size_t eval_units(const rr_task *task, rr_split split) { return self_const(task)->sets[split].count; }

static size_t train_metrics(const rr_task *task, double loss, rr_metric *out) {
    (void)task, (void)loss, (void)out;
    return 0;
}

static rr_status scale_json(const rr_task *task, rr_buffer *out) {
    return rr_series_scale_to_json(&self_const(task)->scale, out);
}

static rr_task_cost cost(const rr_task *task) {
    const rr_forecast *f = self_const(task);
    rr_rnn_spec spec = rnn_spec(f);
    double window = (double)f->config.window, values = (double)(f->outputs * f->config.horizon);
    double rows = (double)f->global_batch_size, head = (double)f->head.in_size * (double)f->head.out_size;
    double skip = f->config.linear_skip ? window * values : 0;
    if ((double)f->sets[RR_SPLIT_TRAIN].count < rows) rows = (double)f->sets[RR_SPLIT_TRAIN].count;
    return (rr_task_cost){.macs_per_target = (window * rr_rnn_macs_per_token(&spec) + head + skip) / values,
                          .targets_per_step = values * rows,
                          .tokens_per_step = window * rows};
}

static void describe_table(const rr_forecast *f, rr_buffer *out) {
    const rr_series_table *table = &f->table;
    if (table->step.months > 0)
        rr_buffer_printf(out, "a row each %lld months", (long long)table->step.months);
    else
        rr_buffer_printf(out, "a row each %lld s", (long long)table->step.seconds);
    if (table->irregular > 0)
        rr_buffer_printf(out, "; %zu rows do not follow that step, the first %s", table->irregular,
                         rr_buffer_text(&table->first_irregular));
    if (table->missing > 0) rr_buffer_printf(out, "; %zu values are missing", table->missing);
    if (table->names.skipped > 0)
        rr_buffer_printf(out, "; %zu of them or of rows were bad, the first %s", table->names.skipped,
                         rr_buffer_text(&table->names.first_skip));
    rr_buffer_puts(out, "\n");
}

static void describe(const rr_task *task, rr_buffer *out) {
    const rr_forecast *f = self_const(task);
    rr_buffer_printf(out, "%zu series of %zu columns, %zu of them forecast: %zu rows ahead from %zu rows back\n",
                     f->scale.series_count, f->scale.column_count, f->target_count, f->config.horizon,
                     f->config.window);
    if (f->table.rows > 0) describe_table(f, out);
    for (int split = 0; split < RR_SPLIT_COUNT; split++) {
        const rr_forecast_set *set = &f->sets[split];
        if (set->count == 0) continue;
        rr_buffer_printf(out, "%s %zu windows", rr_split_names[split], set->count);
        if (set->missing > 0) rr_buffer_printf(out, " (%zu left out: a value is missing in them)", set->missing);
        rr_buffer_puts(out, "\n");
    }
}

const rr_task_ops rr_task_forecast = {
    .name = "forecast",
    .help = "forecasts of time series from CSV files with dates; reports mse and mae in standardised units, and rmse, "
            "mae, mape, rse and corr of the values",
    .keys = keys,
    .create = create,
    .free = destroy,
    .plan = plan,
    .steps_per_epoch = steps_per_epoch,
    .load = load,
    .train = train,
    .commit = rr_task_no_commit,
    .carry_size = rr_task_no_carry_size,
    .carry_read = rr_task_no_carry_read,
    .carry_write = rr_task_no_carry_write,
    .eval_units = eval_units,
    .outcome_size = rr_forecast_outcome_size,
    .evaluate = rr_forecast_evaluate,
    .metrics = rr_forecast_metrics,
    .report = rr_forecast_report,
    .floors = rr_forecast_floors,
    .train_metrics = train_metrics,
    .predict_file = rr_forecast_predict_file,
    .vocab_json = scale_json,
    .cost = cost,
    .describe = describe,
};
