/*
 * The reference itself, proven by central differences: (f(x + e) - f(x - e)) / 2e is the derivative but for e^2 f'''/6
 * and rounding / e, about 1e-10 with e = 1e-5; 1e-6 of the largest derivative leaves room and is far below any mistake.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "nn/numbers.h"
#include "nn/reference.h"

static const double tolerance = 1e-6;

typedef double (*objective)(void *ctx);

/* Compares gradient [count] with central differences of f over values [count]. */
static void check(const char *what, objective f, void *ctx, size_t count, double *values, const double *gradient) {
    const double e = 1e-5;
    double largest = 1e-3, apart = 0; /* where all derivatives vanish, 1e-9 is nothing */
    for (size_t i = 0; i < count; i++) largest = fmax(largest, fabs(gradient[i]));
    for (size_t i = 0; i < count; i++) {
        double at = values[i];
        values[i] = at + e;
        double above = f(ctx);
        values[i] = at - e;
        double below = f(ctx);
        values[i] = at;
        apart = fmax(apart, fabs((above - below) / (2 * e) - gradient[i]));
    }
    if (!(apart <= tolerance * largest)) fail_msg("%s: off by %g of %g", what, apart, largest);
}

typedef struct stack {
    ref_rnn rnn;
    batch batch;
    double *x, *state, *y, *state_out, *dy, *dstate_out; /* the objective is <dy, y> + <dstate_out, state_out> */
    size_t x_count, state_count, y_count;
} stack;

static double stack_objective(void *ctx) {
    stack *s = ctx;
    ref_forward(&s->rnn, &s->batch.sequence, s->x, s->state, s->y, s->state_out);
    double sum = 0;
    for (size_t i = 0; i < s->y_count; i++) sum += s->dy[i] * s->y[i];
    for (size_t i = 0; i < s->state_count; i++) sum += s->dstate_out[i] * s->state_out[i];
    return sum;
}

static double *draw(numbers *n, size_t count) {
    double *values = calloc(count + 1, sizeof *values);
    if (values == NULL) abort();
    numbers_fill(n, 1, count, values);
    return values;
}

static void check_stack(ref_cell cell, size_t layers, size_t directions, bool bias, bool masked, uint64_t seed) {
    numbers n = {.seed = seed};
    stack s = {.rnn = {.cell = cell, .input_size = 3, .H = 4, .layers = layers, .directions = directions, .bias = bias},
               .batch = batch_open(&n, 3, 5, 1)};
    const rr_sequence *sequence = &s.batch.sequence;
    ref_open(&s.rnn, sequence->total);
    s.x_count = sequence->total * 3;
    s.y_count = sequence->total * directions * 4;
    s.state_count = ref_states(cell) * layers * directions * sequence->rows * 4;
    s.x = draw(&n, s.x_count), s.state = draw(&n, s.state_count), s.dy = draw(&n, s.y_count);
    s.dstate_out = draw(&n, s.state_count);
    s.y = draw(&n, s.y_count), s.state_out = draw(&n, s.state_count);
    double *mask = draw(&n, s.y_count), *dx = draw(&n, s.x_count), *dstate = draw(&n, s.state_count);
    if (masked)
        for (size_t l = 0; l + 1 < layers; l++) s.rnn.mask[l] = mask;
    ref_weights grads[REF_MAX_LAYERS][2], sizes[REF_MAX_LAYERS][2];
    ref_weights_open(&s.rnn, grads);
    ref_weights_open(&s.rnn, sizes);
    size_t GH = ref_gates(cell) * 4;
    for (size_t l = 0; l < layers; l++)
        for (size_t d = 0; d < directions; d++) {
            ref_weights *w = &s.rnn.weights[l][d];
            numbers_fill(&n, 0.7, GH * (l == 0 ? 3 : directions * 4), w->w_ih);
            numbers_fill(&n, 0.7, GH * 4, w->w_hh);
            if (bias) numbers_fill(&n, 0.7, GH, w->b_ih);
            if (bias) numbers_fill(&n, 0.7, GH, w->b_hh);
        }
    stack_objective(&s);
    ref_backward(&s.rnn, sequence, s.x, s.state, s.dy, s.dstate_out, grads, sizes, dx, dstate);
    for (size_t l = 0; l < layers; l++)
        for (size_t d = 0; d < directions; d++) {
            ref_weights *w = &s.rnn.weights[l][d], *g = &grads[l][d];
            check("w_ih", stack_objective, &s, GH * (l == 0 ? 3 : directions * 4), w->w_ih, g->w_ih);
            check("w_hh", stack_objective, &s, GH * 4, w->w_hh, g->w_hh);
            if (bias) check("b_ih", stack_objective, &s, GH, w->b_ih, g->b_ih);
            if (bias) check("b_hh", stack_objective, &s, GH, w->b_hh, g->b_hh);
        }
    check("x", stack_objective, &s, s.x_count, s.x, dx);
    check("state", stack_objective, &s, s.state_count, s.state, dstate);
    double *const own[] = {s.x, s.state, s.dy, s.dstate_out, s.y, s.state_out, mask, dx, dstate};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) free(own[i]);
    ref_weights_close(grads);
    ref_weights_close(sizes);
    ref_close(&s.rnn);
    batch_close(&s.batch);
}

static void stacks_of_all_cells(void **state) {
    (void)state;
    for (ref_cell cell = REF_LSTM; cell <= REF_RNN_RELU; cell++)
        for (size_t layers = 1; layers <= 3; layers++)
            for (size_t directions = 1; directions <= 2; directions++) {
                check_stack(cell, layers, directions, true, layers > 1, 10 + layers);
                check_stack(cell, layers, directions, false, false, 20 + layers);
            }
}

typedef struct head {
    size_t rows, in, out;
    double *x, *w, *b, *y, *dy;
} head;

static double linear_objective(void *ctx) {
    head *h = ctx;
    ref_linear(h->rows, h->in, h->out, h->x, h->w, h->b, h->y);
    double sum = 0;
    for (size_t i = 0; i < h->rows * h->out; i++) sum += h->dy[i] * h->y[i];
    return sum;
}

static void linear(void **state) {
    (void)state;
    numbers n = {.seed = 1};
    double x[15], w[20], b[4], y[12], dy[12], dw[20] = {0}, db[4] = {0}, dx[15];
    head h = {3, 5, 4, x, w, b, y, dy};
    numbers_fill(&n, 1, 15, x), numbers_fill(&n, 1, 20, w), numbers_fill(&n, 1, 4, b), numbers_fill(&n, 1, 12, dy);
    ref_linear_backward(3, 5, 4, x, w, dy, dw, db, dx);
    check("w", linear_objective, &h, 20, w, dw);
    check("b", linear_objective, &h, 4, b, db);
    check("x", linear_objective, &h, 15, x, dx);
}

static const int32_t classes[] = {2, -1, 0};
static double logits[15], targets[15], unused[15];

static double softmax_objective(void *ctx) {
    (void)ctx;
    return ref_softmax_nll(3, 5, logits, classes, unused);
}
static double sigmoid_objective(void *ctx) {
    (void)ctx;
    return ref_sigmoid_bce(3, 5, logits, targets, unused);
}
static double squared_objective(void *ctx) {
    (void)ctx;
    return ref_squared_error(3, 5, logits, targets, unused);
}

static void losses(void **state) {
    (void)state;
    numbers n = {.seed = 2};
    double d[15];
    numbers_fill(&n, 3, 15, logits), numbers_fill(&n, 0.5, 15, targets);
    for (size_t i = 0; i < 15; i++) targets[i] += 0.5;
    ref_softmax_nll(3, 5, logits, classes, d);
    check("softmax", softmax_objective, NULL, 15, logits, d);
    ref_sigmoid_bce(3, 5, logits, targets, d);
    check("sigmoid", sigmoid_objective, NULL, 15, logits, d);
    ref_squared_error(3, 5, logits, targets, d);
    check("squared error", squared_objective, NULL, 15, logits, d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stacks_of_all_cells),
        cmocka_unit_test(linear),
        cmocka_unit_test(losses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
