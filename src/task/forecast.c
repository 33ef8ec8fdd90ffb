#include "task/forecast.h"

#include <stdlib.h>

#include "base/profile.h"
#include "math/pointwise.h"
#include "nn/cell.h"
#include "task/forecast_model.h"

static rr_forecaster *self(rr_task *task) { return (rr_forecaster *)task; }
static const rr_forecaster *self_const(const rr_task *task) { return (const rr_forecaster *)task; }

static void destroy(rr_task *task) {
    rr_forecaster *f = self(task);
    rr_forecast_free_data(f);
    rr_batches_free(f->base.examples.order);
    rr_pooling_free(f->pooling);
    rr_rnn_free(f->rnn);
    rr_params_free(&f->base.params);
    free(f);
}

static rr_rnn_spec rnn_spec(const rr_forecaster *f) {
    return (rr_rnn_spec){.cell = rr_cells[f->model.cell],
                         .input_size = f->input_width,
                         .hidden_size = f->model.hidden_size,
                         .num_layers = f->model.num_layers,
                         .bidirectional = f->model.bidirectional,
                         .bias = f->model.bias,
                         .dropout = (float)f->model.dropout,
                         .dropout_layer = 1,
                         .team = f->team};
}

/* Sizes follow from the columns. Parameters in the order in which backward finishes them. */
static rr_status declare(rr_forecaster *f) {
    size_t directions = f->model.bidirectional ? 2 : 1, horizon = f->config.horizon;
    size_t seen = f->config.channel_independent ? 1 : f->scale.inputs;
    rr_params *params = &f->base.params;
    f->groups = f->config.channel_independent ? f->scale.target_count : 1;
    f->row_targets = f->scale.target_count / f->groups;
    f->steps = f->config.window / f->config.segment;
    f->input_width = f->config.segment * (seen + f->feature_width);
    f->width = directions * f->model.hidden_size;
    rr_rnn_spec rnn = rnn_spec(f);
    rr_pooling_spec pooling = {.kind = (rr_pooling_kind)f->config.pooling,
                               .hidden_size = f->model.hidden_size,
                               .directions = directions,
                               .team = f->team};
    RR_TRY(rr_rnn_create(&rnn, &f->rnn));
    RR_TRY(rr_pooling_create(&pooling, &f->pooling));
    RR_TRY(rr_linear_declare(&f->head, params, "head", f->width, f->row_targets * horizon * f->loss.outputs, true,
                             (size_t)-1));
    if (f->config.linear_skip)
        RR_TRY(rr_linear_declare(&f->skip, params, "skip", f->config.window, horizon, true, (size_t)-1));
    RR_TRY(rr_pooling_declare(f->pooling, params, "pooling"));
    return rr_rnn_declare(f->rnn, params, "rnn");
}

static rr_status order_batches(rr_forecaster *f, uint64_t seed) {
    const rr_forecast_part *part = &f->parts[RR_SPLIT_TRAIN];
    if (part->count == 0) return RR_OK;
    f->base.tokens_a_row = f->steps;
    return rr_batches_create(NULL, part->count * f->groups, f->global_batch_size, seed, &f->base.examples.order);
}

static rr_forecast_loss loss_of(const rr_forecast_config *config) {
    return (rr_forecast_loss){.head = (rr_forecast_head)config->head,
                              .point = (rr_point_loss)config->loss,
                              .outputs = config->head == RR_HEAD_POINT      ? 1
                                         : config->head == RR_HEAD_GAUSSIAN ? 2
                                                                            : config->quantiles.count,
                              .quantiles = config->quantiles.values};
}

static rr_status create(const rr_task_setup *setup, rr_task **out) {
    rr_forecaster *f = calloc(1, sizeof *f);
    if (f == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a forecaster");
    f->base.ops = &rr_task_forecast;
    f->config = *(const rr_forecast_config *)(const void *)&setup->task->own;
    f->model = *setup->model;
    f->data = setup->data;
    f->team = setup->team;
    f->global_batch_size = setup->global_batch_size;
    f->loss = loss_of(&f->config);
    rr_status status = rr_forecast_check(setup, &f->config);
    if (status == RR_OK) status = rr_forecast_read(f, setup);
    if (status == RR_OK) status = declare(f);
    if (status == RR_OK) status = order_batches(f, setup->seed);
    if (status != RR_OK) {
        destroy(&f->base);
        return status;
    }
    *out = &f->base;
    return RR_OK;
}

static void plan(rr_task *task, rr_arena *arena, size_t micro_rows, size_t begin, size_t end, bool training) {
    (void)begin, (void)end;
    rr_forecaster *f = self(task);
    size_t rows = micro_rows > 0 ? micro_rows : 1, targets = rows * f->row_targets, total = rows * f->steps;
    f->micro_rows = rows;
    rr_forecast_batch_plan(f, arena, rows);
    f->pooled = rr_arena_floats(arena, rows * f->width);
    f->dpooled = training ? rr_arena_floats(arena, rows * f->width) : NULL;
    f->y = rr_arena_floats(arena, targets * f->config.horizon * f->loss.outputs);
    f->skipped = f->config.linear_skip ? rr_arena_floats(arena, targets * f->config.horizon) : NULL;
    f->dtop = training ? rr_arena_floats(arena, total * f->width) : NULL;
    rr_linear_plan(&f->head, arena, f->team, rows, training);
    if (f->config.linear_skip) rr_linear_plan(&f->skip, arena, f->team, targets, training);
    rr_pooling_plan(f->pooling, arena, total, rows, training);
    rr_rnn_plan(f->rnn, arena, total, f->steps, rows, training);
}

static rr_status load(rr_task *task, const rr_position *position, size_t begin, size_t end, rr_loss_count *count) {
    rr_forecaster *f = self(task);
    const uint32_t *examples;
    rr_examples_load(task, position);
    double rows = (double)rr_examples_share(task, begin, end, &examples);
    *count = (rr_loss_count){.rows = rows,
                             .tokens = rows * (double)f->steps,
                             .padded = rows * (double)f->steps,
                             .targets = rows * (double)(f->row_targets * f->config.horizon)};
    return RR_OK;
}

/* To every number that lies on the axis of the values. */
static void add_skip(rr_forecaster *f, size_t targets) {
    size_t horizon = f->config.horizon, outputs = f->loss.outputs;
    for (size_t i = 0; i < targets * horizon; i++)
        for (size_t k = 0; k < outputs; k++)
            if (rr_forecast_is_place(&f->loss, k)) f->y[i * outputs + k] += f->skipped[i];
}

/* Puts back what was taken off the window. A variance has no place, but grows with the scale. */
static void put_back(rr_forecaster *f, size_t targets) {
    size_t horizon = f->config.horizon, outputs = f->loss.outputs;
    for (size_t i = 0; i < targets; i++) {
        float shift = f->batch.shift[i], scale = f->batch.scale[i], grown;
        rr_log(1, &scale, &grown);
        float *y = f->y + i * horizon * outputs;
        for (size_t k = 0; k < horizon * outputs; k++)
            y[k] = rr_forecast_is_place(&f->loss, k % outputs) ? y[k] * scale + shift : y[k] + 2 * grown;
    }
}

/* The mirror of both: f->y becomes the gradient of the head's output, f->skipped that of the skip's. */
static void gradients_of_places(rr_forecaster *f, size_t targets) {
    size_t horizon = f->config.horizon, outputs = f->loss.outputs;
    for (size_t i = 0; i < targets * horizon; i++) {
        float sum = 0;
        for (size_t k = 0; k < outputs; k++) {
            if (!rr_forecast_is_place(&f->loss, k)) continue;
            f->y[i * outputs + k] *= f->batch.scale[i / horizon];
            sum += f->y[i * outputs + k];
        }
        if (f->skipped != NULL) f->skipped[i] = sum;
    }
}

static void drop_output(const rr_forecaster *f, const rr_dropout *dropout, const rr_sequence *sequence, float *pooled) {
    rr_dropout_rows(dropout, (uint32_t)f->model.num_layers, (float)f->model.dropout_output, sequence, f->width, pooled);
}

void rr_forecast_forward(rr_forecaster *f, const rr_forecast_part *part, size_t rows, size_t first, bool with_truth,
                         const rr_dropout *dropout, const rr_hooks *hooks, rr_sequence *sequence) {
    const rr_params *params = &f->base.params;
    size_t targets = rows * f->row_targets;
    rr_phase outer = rr_profile_enter(RR_PHASE_EMBEDDING);
    *sequence = rr_forecast_batch_fill(f, part, rows, first, with_truth);
    rr_dropout_apply(dropout, 0, (float)f->model.dropout_input, sequence, f->input_width, f->batch.x, f->batch.x);
    rr_profile_enter(outer);
    f->top = rr_rnn_forward(f->rnn, params, sequence, f->batch.x, NULL, NULL, dropout, hooks);
    rr_profile_enter(RR_PHASE_HEAD);
    rr_pooling_forward(f->pooling, params, sequence, f->top, f->pooled, hooks);
    drop_output(f, dropout, sequence, f->pooled);
    rr_linear_forward(&f->head, params, rows, f->pooled, f->y, hooks);
    if (f->config.linear_skip) {
        rr_linear_forward(&f->skip, params, targets, f->batch.history, f->skipped, hooks);
        add_skip(f, targets);
    }
    put_back(f, targets);
    rr_profile_enter(outer);
}

static void backward(rr_forecaster *f, const rr_sequence *sequence, const rr_dropout *dropout, const rr_hooks *hooks) {
    const rr_params *params = &f->base.params;
    size_t rows = sequence->rows;
    rr_phase outer = rr_profile_enter(RR_PHASE_HEAD);
    gradients_of_places(f, rows * f->row_targets);
    rr_linear_backward(&f->head, params, rows, f->pooled, f->y, false, f->dpooled, true, hooks);
    rr_hooks_ready(hooks, rr_param_end(params, f->head.bias));
    if (f->config.linear_skip) {
        rr_linear_backward(&f->skip, params, rows * f->row_targets, f->batch.history, f->skipped, false, NULL, true,
                           hooks);
        rr_hooks_ready(hooks, rr_param_end(params, f->skip.bias));
    }
    drop_output(f, dropout, sequence, f->dpooled);
    rr_pooling_backward(f->pooling, params, sequence, f->top, f->dpooled, f->dtop, hooks);
    rr_profile_enter(outer);
    rr_rnn_backward(f->rnn, params, sequence, f->batch.x, f->dtop, NULL, NULL, NULL, hooks);
}

static rr_status train(rr_task *task, size_t begin, size_t end, float scale, const rr_dropout *dropout,
                       const rr_hooks *hooks, double *loss) {
    rr_forecaster *f = self(task);
    rr_params *params = &f->base.params;
    const uint32_t *examples;
    size_t rows = rr_examples_share(task, begin, end, &examples);
    *loss = 0;
    if (rows == 0) {
        rr_examples_none(task, hooks);
        return RR_OK;
    }
    rr_sequence sequence;
    for (size_t i = 0; i < rows; i++) f->batch.ids[i] = examples[i];
    rr_forecast_forward(f, &f->parts[RR_SPLIT_TRAIN], rows, begin, true, dropout, hooks, &sequence);
    rr_phase outer = rr_profile_enter(RR_PHASE_LOSS);
    *loss = rr_forecast_loss_run(&f->loss, rows * f->row_targets * f->config.horizon, f->y, f->batch.truth, scale);
    rr_profile_enter(outer);
    backward(f, &sequence, dropout, hooks);
    rr_hooks_ready(hooks, params->total);
    return RR_OK;
}

static size_t eval_units(const rr_task *task, rr_split split) { return self_const(task)->parts[split].count; }

static size_t train_metrics(const rr_task *task, double loss, rr_metric *out) {
    (void)task, (void)loss, (void)out;
    return 0;
}

static rr_status vocab_json(const rr_task *task, rr_buffer *out) {
    return rr_series_scale_to_json(&self_const(task)->scale, out);
}

static rr_task_cost cost(const rr_task *task) {
    const rr_forecaster *f = self_const(task);
    rr_rnn_spec rnn = rnn_spec(f);
    double rows = (double)f->global_batch_size, steps = (double)f->steps;
    double numbers = (double)(f->row_targets * f->config.horizon);
    double skip = f->config.linear_skip ? (double)f->config.window * numbers : 0;
    double macs = steps * rr_rnn_macs_per_token(&rnn) + skip + (double)f->head.in_size * (double)f->head.out_size;
    return (rr_task_cost){
        .macs_per_target = macs / numbers, .targets_per_step = rows * numbers, .tokens_per_step = rows * steps};
}

const rr_task_ops rr_task_forecast = {
    .name = "forecast",
    .help = "forecasts of time series, of one or many columns and steps; reports squared and absolute errors",
    .keys = rr_forecast_keys,
    .create = create,
    .free = destroy,
    .plan = plan,
    .steps_per_epoch = rr_examples_steps,
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
    .whole_file = true,
    .take = rr_forecast_take,
    .predict = rr_forecast_predict,
    .vocab_json = vocab_json,
    .cost = cost,
    .describe = rr_forecast_describe,
};
