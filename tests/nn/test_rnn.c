/* Recurrent stacks against the double-precision reference: outputs, and gradients by its central differences. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "math/runtime.h"
#include "nn/reference.h"

/* fp32 sums of up to some hundred terms lose 1e-6 or so of the largest value of a tensor; where terms of size 1 cancel,
 * what is left of them is an error of some ulp of 1. */
static const double tolerance = 1e-5, cancelled = 2e-7;
static const double nudge = 1e-6;

typedef struct shape {
    size_t input_size, hidden_size, num_layers;
    bool bidirectional, bias;
    float dropout;
    size_t rows;
    size_t lengths[6];
    bool state, dstate_out, alias;
} shape;

static const shape shapes[] = {
    {1, 1, 1, false, true, 0, 1, {1}, false, false, false},
    {3, 5, 1, false, true, 0, 1, {4}, true, true, false},
    {3, 5, 1, false, true, 0, 3, {4, 4, 4}, true, false, true},
    {7, 4, 2, false, false, 0, 2, {5, 5}, false, true, false},
    {2, 3, 3, false, true, 0.4f, 4, {6, 3, 3, 1}, true, true, true},
    {5, 3, 1, true, true, 0, 3, {5, 4, 1}, true, true, false},
    {3, 2, 3, true, true, 0.5f, 5, {4, 4, 2, 1, 1}, true, true, true},
    {4, 17, 1, true, false, 0, 2, {3, 1}, false, false, false},
    {1, 1, 2, true, true, 0, 6, {3, 3, 2, 2, 1, 1}, true, true, false},
};

/* Numbers in [-1, 1) that float holds exactly. */
static float drawn(uint64_t stream, size_t index) {
    uint32_t counter[4] = {(uint32_t)index, 0, 0, 0}, words[4];
    rr_philox(stream, RR_RNG_TEST, counter, words);
    return 2 * rr_unit_float(words[0]) - 1;
}

typedef struct bench {
    rr_rnn_spec spec;
    rr_rnn *rnn;
    rr_params params;
    rr_arena arena;
    rr_sequence sequence;
    size_t active[8], offset[9];
    uint64_t row_id[6];
    rr_dropout dropout;
    size_t state_count, x_count, y_count;
    float *x, *state, *state_out, *y, *dy, *dstate_out, *dx, *dstate;
    double *masks;
    reference reference;
} bench;

static float *floats(size_t count, uint64_t stream) {
    float *values = malloc((count + 1) * sizeof *values);
    for (size_t i = 0; i < count; i++) values[i] = drawn(stream, i);
    return values;
}

static double *doubles(const float *values, size_t count) {
    double *copy = calloc(count + 1, sizeof *copy);
    for (size_t i = 0; values != NULL && i < count; i++) copy[i] = (double)values[i];
    return copy;
}

static void open_bench(bench *b, const rr_cell_ops *cell, const shape *s) {
    memset(b, 0, sizeof *b);
    b->spec = (rr_rnn_spec){.cell = cell,
                            .input_size = s->input_size,
                            .hidden_size = s->hidden_size,
                            .num_layers = s->num_layers,
                            .bidirectional = s->bidirectional,
                            .bias = s->bias,
                            .dropout = s->dropout,
                            .dropout_layer = 5};
    assert_int_equal(rr_rnn_create(&b->spec, &b->rnn), RR_OK);
    assert_int_equal(rr_rnn_declare(b->rnn, &b->params, "r"), RR_OK);
    b->params.values = floats(b->params.total, 1);
    b->params.grads = calloc(b->params.total, sizeof(float));
    rr_sequence_fill(s->lengths, s->rows, b->active, b->offset);
    for (size_t row = 0; row < s->rows; row++) b->row_id[row] = 100 + 7 * row;
    b->sequence = (rr_sequence){.steps = s->lengths[0],
                                .rows = s->rows,
                                .total = b->offset[s->lengths[0]],
                                .active = b->active,
                                .offset = b->offset,
                                .lengths = s->lengths,
                                .row_id = b->row_id};
    size_t total = b->sequence.total, out = (s->bidirectional ? 2 : 1) * s->hidden_size;
    rr_arena measure = {0};
    rr_rnn_plan(b->rnn, &measure, total, s->lengths[0], s->rows, true);
    assert_int_equal(rr_arena_reserve(measure.used, &b->arena), RR_OK);
    rr_rnn_plan(b->rnn, &b->arena, total, s->lengths[0], s->rows, true);
    b->dropout = (rr_dropout){.seed = 9, .step = 4};
    b->state_count = rr_rnn_state_size(b->rnn) * s->rows;
    b->x_count = total * s->input_size;
    b->y_count = total * out;
    b->x = floats(b->x_count, 2);
    b->state = s->state ? floats(b->state_count, 3) : NULL;
    b->dy = floats(b->y_count, 4);
    b->dstate_out = s->dstate_out ? floats(b->state_count, 5) : NULL;
    b->state_out = calloc(b->state_count, sizeof(float));
    b->dx = calloc(b->x_count, sizeof(float));
    b->dstate = calloc(b->state_count, sizeof(float));
    size_t sites = s->num_layers - 1;
    float *ones = malloc((b->y_count + 1) * sizeof *ones);
    b->masks = calloc(sites * b->y_count + 1, sizeof *b->masks);
    for (size_t site = 0; site < sites; site++) {
        for (size_t i = 0; i < b->y_count; i++) ones[i] = 1;
        rr_dropout_apply(&b->dropout, 5 + (uint32_t)site, s->dropout, &b->sequence, out, ones, ones);
        for (size_t i = 0; i < b->y_count; i++) b->masks[site * b->y_count + i] = (double)ones[i];
    }
    free(ones);
    b->reference = (reference){.spec = &b->spec,
                               .params = &b->params,
                               .sequence = &b->sequence,
                               .values = doubles(b->params.values, b->params.total),
                               .x = doubles(b->x, b->x_count),
                               .state = doubles(b->state, b->state_count),
                               .masks = s->dropout > 0 ? b->masks : NULL,
                               .y = doubles(NULL, b->y_count),
                               .state_out = doubles(NULL, b->state_count)};
}

static void close_bench(bench *b) {
    float *const arrays[] = {b->params.values, b->params.grads, b->x,  b->state, b->dy,
                             b->dstate_out,    b->state_out,    b->dx, b->dstate};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) free(arrays[i]);
    double *const wide[] = {b->masks,           b->reference.values, b->reference.x,
                            b->reference.state, b->reference.y,      b->reference.state_out};
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) free(wide[i]);
    rr_rnn_free(b->rnn);
    rr_params_free(&b->params);
    rr_arena_release(&b->arena);
}

static void run(bench *b, const shape *s, const rr_hooks *hooks) {
    const float *before = b->state;
    if (s->alias && b->state != NULL) {
        memcpy(b->state_out, b->state, b->state_count * sizeof(float));
        before = b->state_out;
    }
    const float *y = rr_rnn_forward(b->rnn, &b->params, &b->sequence, b->x, before, b->state_out,
                                    s->dropout > 0 ? &b->dropout : NULL, hooks);
    b->y = malloc((b->y_count + 1) * sizeof *b->y);
    memcpy(b->y, y, b->y_count * sizeof *b->y);
    float *dy = malloc((b->y_count + 1) * sizeof *dy);
    memcpy(dy, b->dy, b->y_count * sizeof *dy);
    rr_rnn_backward(b->rnn, &b->params, &b->sequence, b->x, dy, b->dstate_out, b->dx, b->dstate, hooks);
    free(dy);
}

static double loss(bench *b) {
    double sum = 0;
    reference_forward(&b->reference, "r");
    for (size_t i = 0; i < b->y_count; i++) sum += (double)b->dy[i] * b->reference.y[i];
    for (size_t i = 0; b->dstate_out != NULL && i < b->state_count; i++)
        sum += (double)b->dstate_out[i] * b->reference.state_out[i];
    return sum;
}

static void assert_near(const char *what, const float *got, const double *want, size_t count) {
    double worst = 0, largest = 0;
    for (size_t i = 0; i < count; i++) {
        double error = fabs((double)got[i] - want[i]);
        worst = error > worst || isnan(error) ? error : worst;
        largest = fabs(want[i]) > largest ? fabs(want[i]) : largest;
    }
    if (!(worst <= tolerance * largest + cancelled)) fail_msg("%s: off by %g, largest %g", what, worst, largest);
}

/* The gradient of the loss with respect to `values`, by central differences. */
static void assert_gradient(bench *b, const char *what, const float *got, double *values, size_t count) {
    double *want = malloc((count + 1) * sizeof *want);
    for (size_t i = 0; i < count; i++) {
        double before = values[i];
        values[i] = before + nudge;
        double above = loss(b);
        values[i] = before - nudge;
        want[i] = (above - loss(b)) / (2 * nudge);
        values[i] = before;
    }
    assert_near(what, got, want, count);
    free(want);
}

static void everything_agrees_with_the_reference(void **test_state) {
    (void)test_state;
    for (size_t k = 0; k < rr_cell_count; k++)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
            const shape *s = &shapes[i];
            char what[160];
            bench b;
            open_bench(&b, rr_cells[k], s);
            run(&b, s, NULL);
            loss(&b);
            snprintf(what, sizeof what, "%s, shape %zu, output", rr_cells[k]->name, i);
            assert_near(what, b.y, b.reference.y, b.y_count);
            assert_near(what, b.state_out, b.reference.state_out, b.state_count);
            for (size_t p = 0; p < b.params.count; p++) {
                snprintf(what, sizeof what, "%s, shape %zu, gradient of %s", rr_cells[k]->name, i,
                         b.params.items[p].name);
                assert_gradient(&b, what, rr_param_grad(&b.params, p), b.reference.values + b.params.items[p].offset,
                                b.params.items[p].count);
            }
            snprintf(what, sizeof what, "%s, shape %zu, dx", rr_cells[k]->name, i);
            assert_gradient(&b, what, b.dx, b.reference.x, b.x_count);
            snprintf(what, sizeof what, "%s, shape %zu, dstate", rr_cells[k]->name, i);
            assert_gradient(&b, what, b.dstate, b.reference.state, b.state_count);
            free(b.y);
            close_bench(&b);
        }
}

static void gradients_are_added_and_calls_repeat_their_bits(void **test_state) {
    (void)test_state;
    for (size_t k = 0; k < rr_cell_count; k++) {
        const shape *s = &shapes[6];
        bench b;
        open_bench(&b, rr_cells[k], s);
        run(&b, s, NULL);
        float *y = b.y, *once = malloc(b.params.total * sizeof *once);
        memcpy(once, b.params.grads, b.params.total * sizeof *once);
        memset(b.params.grads, 0, b.params.total * sizeof *once);
        run(&b, s, NULL);
        assert_memory_equal(b.y, y, b.y_count * sizeof *y);
        assert_memory_equal(b.params.grads, once, b.params.total * sizeof *once);
        free(b.y);
        run(&b, s, NULL); /* on top of what is there */
        for (size_t i = 0; i < b.params.total; i++)
            assert_true(fabs((double)b.params.grads[i] - 2 * (double)once[i]) <= 1e-5 * (1 + fabs((double)once[i])));
        free(b.y);
        free(y);
        free(once);
        close_bench(&b);
    }
}

typedef struct listener {
    const rr_params *params;
    float *seen; /* gradients as they were when declared ready */
    size_t end, ticks;
} listener;

static void on_ready(void *ctx, size_t end) {
    listener *l = ctx;
    assert_true(end >= l->end && end <= l->params->total);
    memcpy(l->seen + l->end, l->params->grads + l->end, (end - l->end) * sizeof *l->seen);
    l->end = end;
}

static void on_tick(void *ctx) { ((listener *)ctx)->ticks++; }

static void what_is_ready_is_final_and_time_steps_tick(void **test_state) {
    (void)test_state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const shape *s = &shapes[i];
        bench b;
        open_bench(&b, rr_cells[i % rr_cell_count], s);
        listener l = {.params = &b.params, .seen = calloc(b.params.total, sizeof(float))};
        rr_hooks hooks = {.ready = on_ready, .tick = on_tick, .ctx = &l};
        run(&b, s, &hooks);
        assert_true(l.end == b.params.total);
        assert_memory_equal(l.seen, b.params.grads, b.params.total * sizeof(float));
        assert_true(l.ticks >= 2 * s->lengths[0] * s->num_layers * (s->bidirectional ? 2 : 1));
        free(l.seen);
        free(b.y);
        close_bench(&b);
    }
}

static void the_names_are_those_of_pytorch_top_layer_first(void **test_state) {
    (void)test_state;
    static const char *const names[] = {
        "r.weight_ih_l1",         "r.weight_hh_l1",         "r.bias_ih_l1",         "r.bias_hh_l1",
        "r.weight_ih_l1_reverse", "r.weight_hh_l1_reverse", "r.bias_ih_l1_reverse", "r.bias_hh_l1_reverse",
        "r.weight_ih_l0",         "r.weight_hh_l0",         "r.bias_ih_l0",         "r.bias_hh_l0",
        "r.weight_ih_l0_reverse", "r.weight_hh_l0_reverse", "r.bias_ih_l0_reverse", "r.bias_hh_l0_reverse"};
    rr_rnn_spec spec = {
        .cell = rr_cells[0], .input_size = 3, .hidden_size = 5, .num_layers = 2, .bidirectional = true, .bias = true};
    rr_rnn *rnn;
    rr_params params = {0};
    assert_int_equal(rr_rnn_create(&spec, &rnn), RR_OK);
    assert_int_equal(rr_rnn_declare(rnn, &params, "r"), RR_OK);
    assert_int_equal(params.count, 16);
    for (size_t i = 0; i < 16; i++) assert_string_equal(params.items[i].name, names[i]);
    assert_int_equal(params.items[0].dims[1], 10); /* both directions of the layer below */
    assert_int_equal(rr_params_scalars(&params), 2 * (20 * 10 + 20 * 5 + 40) + 2 * (20 * 3 + 20 * 5 + 40));
    rr_rnn_free(rnn);
    rr_params_free(&params);
}

static int open_math(void **test_state) {
    (void)test_state;
    return rr_math_open(1) == RR_OK ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_agrees_with_the_reference),
        cmocka_unit_test(gradients_are_added_and_calls_repeat_their_bits),
        cmocka_unit_test(what_is_ready_is_final_and_time_steps_tick),
        cmocka_unit_test(the_names_are_those_of_pytorch_top_layer_first),
    };
    return cmocka_run_group_tests(tests, open_math, NULL);
}
