/*
 * The recurrent stack against the reference in double. Single precision rounds to 6e-8; sums over some hundred terms
 * and time steps lose another digit; 1e-5 of a tensor's largest value is the promise made to users.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "nn/reference.h"
#include "nn/stack.h"

static const double tolerance = 1e-5;
/*
 * Where terms of both signs cancel (one number in a tensor, say), a sum in single precision is only known to a few
 * roundings of its terms: 2^-22 of the sum of their absolute values. PyTorch's own sums are as far off there.
 */
static const double rounding = 0x1p-22;
static double worst;              /* of the tensors held to the tolerance */
static size_t tensors, cancelled; /* compared; let off because their terms cancel */

/* A shape, and what of the state is given and wanted. */
typedef struct shape {
    size_t input, hidden, layers, directions, rows, T;
    int unequal;
    bool bias, with_state, in_place, with_dstate;
    float dropout;
} shape;

static void compare(const shape *s, const char *cell, const char *what, size_t count, const float *got,
                    const double *want, const double *sizes) {
    double apart = numbers_distance(count, got, want);
    tensors++;
    if (apart <= tolerance) {
        if (apart > worst) worst = apart;
        return;
    }
    bool explained = sizes != NULL;
    for (size_t i = 0; i < count && explained; i++) explained = fabs((double)got[i] - want[i]) <= rounding * sizes[i];
    cancelled += explained;
    if (!explained)
        fail_msg(
            "%s %zu->%zu, %zu layers, %zu directions, %zu rows, %zu steps, unequal %d, bias %d, state %d, in place %d, "
            "dropout %g: %s is off by %g",
            cell, s->input, s->hidden, s->layers, s->directions, s->rows, s->T, s->unequal, s->bias, s->with_state,
            s->in_place, (double)s->dropout, what, apart);
}

static void report(void) {
    printf("%zu tensors, largest difference %.2g; in %zu more terms cancel\n", tensors - cancelled, worst, cancelled);
    assert_true(cancelled * 100 <= tensors);
}

static double *to_double(const float *values, size_t count) {
    double *out = calloc(count + 1, sizeof *out);
    if (out == NULL) abort();
    for (size_t i = 0; values != NULL && i < count; i++) out[i] = (double)values[i];
    return out;
}

/* The array of a reference's weights that a parameter's name means. */
static double *place_of(const char *name, const ref_weights weights[REF_MAX_LAYERS][2]) {
    size_t layer = (size_t)(strstr(name, "_l")[2] - '0'), direction = strstr(name, "_reverse") != NULL;
    const ref_weights *w = &weights[layer][direction];
    if (strncmp(name, "rnn.weight_ih", 13) == 0) return w->w_ih;
    if (strncmp(name, "rnn.weight_hh", 13) == 0) return w->w_hh;
    return strncmp(name, "rnn.bias_ih", 11) == 0 ? w->b_ih : w->b_hh;
}

/* Factors of the dropout after each layer but the last, by applying it to ones. */
static void masks(const stack *s, const rr_dropout *dropout, ref_rnn *reference, double *out[REF_MAX_LAYERS]) {
    size_t width = reference->directions * reference->H, count = s->batch.sequence.total * width;
    float *ones = malloc((count + 1) * sizeof *ones);
    if (ones == NULL) abort();
    for (size_t l = 0; l + 1 < reference->layers; l++) {
        for (size_t i = 0; i < count; i++) ones[i] = 1;
        rr_dropout_apply(dropout, s->spec.dropout_layer + (uint32_t)l, s->spec.dropout, &s->batch.sequence, width, ones,
                         ones);
        reference->mask[l] = out[l] = to_double(ones, count);
    }
    free(ones);
}

static void check(const shape *size, const rr_cell_ops *cell, uint64_t seed) {
    numbers n = {.seed = seed};
    rr_rnn_spec spec = {.cell = cell,
                        .input_size = size->input,
                        .hidden_size = size->hidden,
                        .num_layers = size->layers,
                        .bidirectional = size->directions == 2,
                        .bias = size->bias,
                        .dropout = size->dropout,
                        .dropout_layer = 3};
    stack s;
    stack_open(&s, &spec, batch_open(&n, size->rows, size->T, size->unequal), &n, 1 / sqrt((double)size->hidden));
    const rr_sequence *sequence = &s.batch.sequence;
    ref_rnn r = {.input_size = size->input,
                 .H = size->hidden,
                 .layers = size->layers,
                 .directions = size->directions,
                 .bias = size->bias};
    static const char *const names[] = {"lstm", "gru", "rnn_tanh", "rnn_relu"};
    while (strcmp(names[r.cell], cell->name) != 0) r.cell++;
    ref_open(&r, sequence->total);
    for (size_t p = 0; p < s.params.count; p++) {
        double *place = place_of(s.params.items[p].name, r.weights);
        for (size_t i = 0; i < s.params.items[p].count; i++) place[i] = (double)rr_param_value(&s.params, p)[i];
    }
    rr_dropout dropout = {.seed = seed, .step = 5};
    double *mask[REF_MAX_LAYERS] = {NULL};
    if (size->dropout > 0) masks(&s, &dropout, &r, mask);

    double *x = to_double(s.x, s.x_count), *dy = to_double(s.dy, s.y_count), *dx = to_double(NULL, s.x_count);
    double *state = size->with_state ? to_double(s.state, s.state_count) : NULL;
    double *dstate_out = size->with_dstate ? to_double(s.dstate_out, s.state_count) : NULL;
    double *y = to_double(NULL, s.y_count), *state_out = to_double(NULL, s.state_count);
    double *dstate = to_double(NULL, s.state_count);
    ref_weights grads[REF_MAX_LAYERS][2], sizes[REF_MAX_LAYERS][2];
    ref_weights_open(&r, grads);
    ref_weights_open(&r, sizes);
    ref_forward(&r, sequence, x, state, y, state_out);
    ref_backward(&r, sequence, x, state, dy, dstate_out, grads, sizes, dx, dstate);

    float *out = size->in_place ? s.state : s.state_out;
    const float *got = rr_rnn_forward(s.rnn, &s.params, sequence, s.x, size->with_state ? s.state : NULL, out,
                                      size->dropout > 0 ? &dropout : NULL, NULL);
    compare(size, cell->name, "output", s.y_count, got, y, NULL);
    compare(size, cell->name, "state", s.state_count, out, state_out, NULL);
    rr_rnn_backward(s.rnn, &s.params, sequence, s.x, s.dy, size->with_dstate ? s.dstate_out : NULL, s.dx, s.dstate,
                    NULL);
    compare(size, cell->name, "gradient of the input", s.x_count, s.dx, dx, NULL);
    compare(size, cell->name, "gradient of the state", s.state_count, s.dstate, dstate, NULL);
    for (size_t p = 0; p < s.params.count; p++)
        compare(size, cell->name, s.params.items[p].name, s.params.items[p].count, rr_param_grad(&s.params, p),
                place_of(s.params.items[p].name, grads), place_of(s.params.items[p].name, sizes));
    assert_true(stack_guards_stand(&s));

    double *const own[] = {x, dy, dx, state, dstate_out, y, state_out, dstate, mask[0], mask[1], mask[2], mask[3]};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) free(own[i]);
    ref_weights_close(grads);
    ref_weights_close(sizes);
    ref_close(&r);
    stack_close(&s);
}

static void every_cell_agrees_with_the_reference(void **state) {
    (void)state;
    static const shape shapes[] = {
        /* in, H, layers, directions, rows, T, unequal, bias, state, in place, dstate, dropout */
        {1, 1, 1, 1, 1, 1, 0, true, true, false, true, 0},
        {3, 1, 2, 2, 2, 4, 1, true, true, true, true, 0},
        {5, 7, 1, 1, 1, 9, 0, true, false, false, false, 0},
        {5, 7, 1, 2, 4, 1, 0, true, true, true, true, 0},
        {4, 15, 2, 1, 3, 6, 0, false, true, false, true, 0},
        {4, 16, 2, 2, 3, 6, 1, true, false, true, false, 0},
        {8, 17, 3, 1, 5, 8, 1, true, true, true, true, 0},
        {9, 17, 3, 2, 5, 8, 1, true, true, false, true, 0.3F},
        {16, 33, 2, 2, 7, 11, 1, false, true, true, true, 0.5F},
        {31, 65, 2, 1, 13, 20, 0, true, true, true, false, 0.25F},
        {2, 3, 4, 2, 9, 5, 1, true, true, false, true, 0.1F},
        {129, 40, 1, 2, 33, 3, 1, true, true, false, true, 0},
    };
    for (size_t cell = 0; cell < rr_cell_count; cell++)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) check(&shapes[i], rr_cells[cell], 100 + i);
    report();
}

static void shapes_drawn_at_random_agree(void **state) {
    (void)state;
    numbers n = {.seed = 77};
    for (size_t i = 0; i < 120; i++) {
        shape s = {.input = numbers_size(&n, 1, 24),
                   .hidden = numbers_size(&n, 1, 24),
                   .layers = numbers_size(&n, 1, 3),
                   .directions = numbers_size(&n, 1, 2),
                   .rows = numbers_size(&n, 1, 9),
                   .T = numbers_size(&n, 1, 12),
                   .unequal = (int)numbers_size(&n, 0, 2),
                   .bias = numbers_size(&n, 0, 3) > 0,
                   .with_state = numbers_size(&n, 0, 3) > 0,
                   .in_place = numbers_size(&n, 0, 1) > 0,
                   .with_dstate = numbers_size(&n, 0, 1) > 0,
                   .dropout = numbers_size(&n, 0, 1) > 0 ? 0.4F : 0};
        check(&s, rr_cells[i % rr_cell_count], 1000 + i);
    }
    report();
}

static void gradients_are_added(void **state) {
    (void)state;
    numbers n = {.seed = 5};
    rr_rnn_spec spec = {.input_size = 3, .hidden_size = 5, .num_layers = 2, .bidirectional = true, .bias = true};
    for (size_t cell = 0; cell < rr_cell_count; cell++) {
        stack s;
        spec.cell = rr_cells[cell];
        stack_open(&s, &spec, batch_open(&n, 3, 4, 1), &n, 0.4);
        float *dy = calloc(s.y_count, sizeof *dy);
        double *twice = calloc(s.params.total, sizeof *twice);
        memcpy(dy, s.dy, s.y_count * sizeof *dy);
        rr_rnn_forward(s.rnn, &s.params, &s.batch.sequence, s.x, NULL, NULL, NULL, NULL);
        rr_rnn_backward(s.rnn, &s.params, &s.batch.sequence, s.x, s.dy, NULL, NULL, NULL, NULL);
        for (size_t i = 0; i < s.params.total; i++) twice[i] = 2 * (double)s.params.grads[i];
        rr_rnn_forward(s.rnn, &s.params, &s.batch.sequence, s.x, NULL, NULL, NULL, NULL);
        rr_rnn_backward(s.rnn, &s.params, &s.batch.sequence, s.x, dy, NULL, NULL, NULL, NULL);
        assert_true(numbers_distance(s.params.total, s.params.grads, twice) < 1e-6);
        free(twice);
        free(dy);
        stack_close(&s);
    }
}

/* Names and shapes of a PyTorch state_dict, in the order in which backward finishes. */
static void parameters_are_declared_from_the_top(void **state) {
    (void)state;
    static const char *const names[] = {
        "rnn.weight_ih_l1",         "rnn.weight_hh_l1",         "rnn.bias_ih_l1",         "rnn.bias_hh_l1",
        "rnn.weight_ih_l1_reverse", "rnn.weight_hh_l1_reverse", "rnn.bias_ih_l1_reverse", "rnn.bias_hh_l1_reverse",
        "rnn.weight_ih_l0",         "rnn.weight_hh_l0",         "rnn.bias_ih_l0",         "rnn.bias_hh_l0",
        "rnn.weight_ih_l0_reverse", "rnn.weight_hh_l0_reverse", "rnn.bias_ih_l0_reverse", "rnn.bias_hh_l0_reverse"};
    rr_rnn_spec spec = {.cell =
                            &(const rr_cell_ops){.name = "of three gates", .gates = 3, .states = 1, .forget_gate = 2},
                        .input_size = 3,
                        .hidden_size = 5,
                        .num_layers = 2,
                        .bidirectional = true,
                        .bias = true};
    rr_rnn *rnn;
    rr_params params = {0};
    assert_int_equal(rr_rnn_create(&spec, &rnn), RR_OK);
    assert_int_equal(rr_rnn_declare(rnn, &params, "rnn"), RR_OK);
    assert_int_equal(params.count, 16);
    for (size_t p = 0; p < 16; p++) {
        const rr_param *param = &params.items[p];
        assert_string_equal(param->name, names[p]);
        assert_int_equal(param->dims[0], 15);
        assert_int_equal(param->dim_count, p % 4 < 2 ? 2 : 1);
        assert_int_equal(param->kind, p % 4 == 0   ? RR_PARAM_WEIGHT
                                      : p % 4 == 1 ? RR_PARAM_RECURRENT
                                                   : RR_PARAM_GATE_BIAS);
        assert_int_equal(param->fan_in, 5);
        assert_int_equal(param->gates, 3);
        assert_int_equal(param->forget_gate, 2);
    }
    assert_int_equal(params.items[0].dims[1], 10);
    assert_int_equal(params.items[1].dims[1], 5);
    assert_int_equal(params.items[8].dims[1], 3);
    assert_int_equal(rr_rnn_state_size(rnn), 2 * 2 * 5);
    /* 2 directions, 15 rows, of 3 + 5 columns below and 10 + 5 above */
    assert_true(rr_rnn_macs_per_token(&spec) == 2.0 * 15 * (8 + 15));
    rr_params_free(&params);
    rr_rnn_free(rnn);
}

/* One unit, one step, weights of powers of two: every number by hand. */
static void an_elman_step_by_hand(void **state) {
    (void)state;
    numbers n = {.seed = 1};
    rr_rnn_spec spec = {.cell = rr_cells[3], .input_size = 2, .hidden_size = 1, .num_layers = 1, .bias = true};
    stack s;
    stack_open(&s, &spec, batch_open(&n, 1, 2, 0), &n, 1);
    assert_string_equal(spec.cell->name, "rnn_relu");
    const float w_ih[] = {2, -1}, w_hh = 0.5F, b_ih = 1, b_hh = -3, x[] = {4, 1, 0.5F, 2}, h0 = 2, dy[] = {1, 2};
    memcpy(rr_param_value(&s.params, 0), w_ih, sizeof w_ih);
    *rr_param_value(&s.params, 1) = w_hh, *rr_param_value(&s.params, 2) = b_ih, *rr_param_value(&s.params, 3) = b_hh;
    memcpy(s.x, x, sizeof x), memcpy(s.dy, dy, sizeof dy);
    *s.state = h0;
    const float *y = rr_rnn_forward(s.rnn, &s.params, &s.batch.sequence, s.x, s.state, s.state, NULL, NULL);
    /* 2*4 - 1 + 0.5*2 + 1 - 3 = 6; 2*0.5 - 2 + 0.5*6 - 2 = 0: the relu is shut at 0, as PyTorch's */
    assert_true(y[0] == 6 && y[1] == 0 && *s.state == 0);
    rr_rnn_backward(s.rnn, &s.params, &s.batch.sequence, s.x, s.dy, NULL, s.dx, s.dstate, NULL);
    assert_true(s.dx[0] == 2 && s.dx[1] == -1 && s.dx[2] == 0 && s.dx[3] == 0 && *s.dstate == 0.5F);
    const float *dw = rr_param_grad(&s.params, 0);
    assert_true(dw[0] == 4 && dw[1] == 1 && *rr_param_grad(&s.params, 1) == 2);
    assert_true(*rr_param_grad(&s.params, 2) == 1 && *rr_param_grad(&s.params, 3) == 1);
    stack_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_agrees_with_the_reference),
        cmocka_unit_test(shapes_drawn_at_random_agree),
        cmocka_unit_test(gradients_are_added),
        cmocka_unit_test(parameters_are_declared_from_the_top),
        cmocka_unit_test(an_elman_step_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
