/* Losses against their formulas in double, and the gradients of whole forecasters against central differences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "math/runtime.h"
#include "nn/init.h"
#include "task/forecast_loss.h"
#include "task/task.h"

static const double quantiles[] = {0.1, 0.5, 0.9};
static const rr_forecast_loss losses[] = {
    {.head = RR_HEAD_POINT, .point = RR_LOSS_MSE, .outputs = 1},
    {.head = RR_HEAD_POINT, .point = RR_LOSS_MAE, .outputs = 1},
    {.head = RR_HEAD_GAUSSIAN, .outputs = 2},
    {.head = RR_HEAD_QUANTILE, .outputs = 3, .quantiles = quantiles},
};
enum { LOSSES = sizeof losses / sizeof *losses, MOST = 3 };

static double formula(const rr_forecast_loss *loss, const double *y, double truth) {
    double off = y[0] - truth, sum = 0;
    if (loss->head == RR_HEAD_GAUSSIAN) return 0.5 * (y[1] + off * off / exp(y[1]));
    if (loss->head == RR_HEAD_POINT) return loss->point == RR_LOSS_MSE ? off * off : fabs(off);
    for (size_t k = 0; k < loss->outputs; k++)
        sum += fmax(quantiles[k] * (truth - y[k]), (quantiles[k] - 1) * (truth - y[k]));
    return sum / (double)loss->outputs;
}

static void losses_and_their_slopes_are_those_of_the_formula(void **state) {
    (void)state;
    for (int l = 0; l < LOSSES; l++)
        for (int i = 0; i < 50; i++) {
            float y[MOST], said[MOST], truth = (float)(i * 7 % 11) / 4 + 0.05F; /* never at a kink */
            double at[MOST];
            for (int k = 0; k < MOST; k++) at[k] = (double)(y[k] = said[k] = (float)((i * 13 + k * 5) % 17 - 8) / 3);
            double loss = rr_forecast_loss_run(&losses[l], 1, y, &truth, 0);
            assert_memory_equal(y, said, sizeof y);
            assert_true(fabs(loss - formula(&losses[l], at, (double)truth)) < 1e-5 * (1 + fabs(loss)));
            assert_true(fabs(loss - rr_forecast_loss_of(&losses[l], at, truth)) == 0);
            rr_forecast_loss_run(&losses[l], 1, y, &truth, 0.5F);
            for (size_t k = 0; k < losses[l].outputs; k++) {
                double up[MOST], down[MOST], h = 1e-6;
                memcpy(up, at, sizeof up);
                memcpy(down, at, sizeof down);
                up[k] += h;
                down[k] -= h;
                double slope =
                    (formula(&losses[l], up, (double)truth) - formula(&losses[l], down, (double)truth)) / (2 * h);
                assert_true(fabs((double)y[k] - 0.5 * slope) < 1e-4 * (1 + fabs(slope)));
            }
        }
}

/* A forecaster with made-up data. */
typedef struct bench {
    rr_config *config;
    rr_task_config task_config;
    rr_data_config data_config;
    rr_model_config model_config;
    rr_task *task;
    rr_arena arena;
    rr_loss_count count;
} bench;

enum { BATCH = 6 };

static void open_bench(const char *yaml, bench *b) {
    *b = (bench){.config = NULL};
    assert_int_equal(rr_math_open(1), RR_OK);
    assert_int_equal(rr_config_parse("test", yaml, strlen(yaml), NULL, 0, &b->config), RR_OK);
    assert_int_equal(rr_config_bind(b->config, &rr_task_section, &b->task_config), RR_OK);
    assert_int_equal(rr_config_bind(b->config, &rr_data_section, &b->data_config), RR_OK);
    assert_int_equal(rr_config_bind(b->config, &rr_model_section, &b->model_config), RR_OK);
    rr_task_setup setup = {.config = b->config,
                           .task = &b->task_config,
                           .data = &b->data_config,
                           .model = &b->model_config,
                           .global_batch_size = BATCH,
                           .seed = 1,
                           .need_train = true,
                           .synthetic_steps = 1};
    assert_int_equal(rr_tasks[b->task_config.type]->create(&setup, &b->task), RR_OK);
    rr_params *params = &b->task->params;
    params->values = calloc(params->total, sizeof(float));
    params->grads = calloc(params->total, sizeof(float));
    assert_int_equal(rr_init_values(&b->model_config.init, 3, params), RR_OK);
    rr_arena measure = {0};
    b->task->ops->plan(b->task, &measure, BATCH, 0, BATCH, true);
    assert_int_equal(rr_arena_reserve(measure.used, &b->arena), RR_OK);
    b->task->ops->plan(b->task, &b->arena, BATCH, 0, BATCH, true);
    const rr_position start = {0};
    assert_int_equal(b->task->ops->load(b->task, &start, 0, BATCH, &b->count), RR_OK);
}

static void close_bench(bench *b) {
    free(b->task->params.values);
    free(b->task->params.grads);
    b->task->ops->free(b->task);
    rr_arena_release(&b->arena);
    rr_config_free(b->config);
}

static double loss_of(bench *b, size_t begin, size_t end) {
    double loss;
    rr_params_clear_grads(&b->task->params);
    rr_params_changed(&b->task->params);
    assert_int_equal(b->task->ops->train(b->task, begin, end, 1, NULL, NULL, &loss), RR_OK);
    return loss;
}

/* The forward pass is in single precision: differences of the loss (some tens) are good to a few 1e-6, over 2^-5. */
static void check_gradients(const char *yaml) {
    bench b;
    open_bench(yaml, &b);
    rr_params *params = &b.task->params;
    float *grads = malloc(params->total * sizeof *grads), step = 0x1p-6F;
    loss_of(&b, 0, BATCH);
    memcpy(grads, params->grads, params->total * sizeof *grads);
    for (size_t p = 0; p < params->count; p++)
        for (size_t i = 0; i < params->items[p].count; i += 1 + params->items[p].count / 9) {
            float *value = rr_param_value(params, p) + i, kept = *value;
            *value = kept + step;
            double up = loss_of(&b, 0, BATCH);
            *value = kept - step;
            double down = loss_of(&b, 0, BATCH);
            *value = kept;
            double slope = (up - down) / (2 * (double)step), ours = (double)grads[params->items[p].offset + i];
            if (!(fabs(slope - ours) < 0.02 + 0.01 * fabs(slope)))
                print_error("%s[%zu]: %g, by differences %g\n", params->items[p].name, i, ours, slope);
            assert_true(fabs(slope - ours) < 0.02 + 0.01 * fabs(slope));
        }
    free(grads);
    close_bench(&b);
}

#define MODEL "model: {cell: lstm, hidden_size: 5, num_layers: 2}\n"
#define TASK "task: {type: forecast, window: 8, horizon: 3, "

static void gradients_are_those_of_differences(void **state) {
    (void)state;
    check_gradients(TASK "inputs: [a, b, c], targets: [c, d]}\n" MODEL);
    check_gradients(TASK "inputs: [a, b], linear_skip: true, segment: 4, time_features: [hour]}\n" MODEL);
    check_gradients(TASK "inputs: [a, b], linear_skip: true, channel_independent: true, normalise_window: mean_std, "
                         "pooling: attention}\n" MODEL);
    check_gradients(TASK "inputs: [a, b], head: gaussian, normalise_window: mean_std, linear_skip: true}\n" MODEL);
    check_gradients(TASK "inputs: [a], transform: difference, normalise_window: last}\n"
                         "model: {cell: gru, hidden_size: 4, num_layers: 1, bidirectional: true}\n");
}

static void a_row_does_not_depend_on_those_beside_it(void **state) {
    (void)state;
    bench b;
    open_bench(TASK "linear_skip: true, head: quantile, channel_independent: true}\n" MODEL, &b);
    double sum = 0, all = loss_of(&b, 0, BATCH);
    for (size_t row = 0; row < BATCH; row++) sum += loss_of(&b, row, row + 1);
    assert_true(fabs(sum - all) < 1e-12 * all);
    assert_true(b.count.targets == BATCH * 3 && b.count.rows == BATCH && b.count.tokens == BATCH * 8);
    close_bench(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_and_their_slopes_are_those_of_the_formula),
        cmocka_unit_test(gradients_are_those_of_differences),
        cmocka_unit_test(a_row_does_not_depend_on_those_beside_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
