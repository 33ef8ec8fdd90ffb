/* A convolution against plain sums in double, and its gradients against their central differences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/conv.h"
#include "nn/numbers.h"

enum { ROWS = 5, STEPS = 6, IN = 3, OUT = 18, MOST_KERNEL = 8, MOST = ROWS * STEPS };

typedef struct given {
    size_t kernel;
    const rr_sequence *sequence;
    double w[OUT * IN * MOST_KERNEL], b[OUT], x[MOST * IN];
    double dy[MOST * OUT]; /* weights of the loss */
} given;

/* torch.nn.functional.conv1d(x, w, b, padding='same'): of an even kernel the larger part looks ahead. */
static double output(const given *g, size_t row, size_t t, size_t out) {
    const rr_sequence *s = g->sequence;
    double sum = g->b[out];
    for (size_t i = 0; i < IN; i++)
        for (size_t k = 0; k < g->kernel; k++) {
            long seen = (long)t + (long)k - (long)((g->kernel - 1) / 2);
            if (seen < 0 || seen >= (long)s->lengths[row]) continue;
            sum += g->w[(out * IN + i) * g->kernel + k] * g->x[(s->offset[seen] + row) * IN + i];
        }
    return sum;
}

static double loss_of(const given *g) {
    double loss = 0;
    for (size_t row = 0; row < ROWS; row++)
        for (size_t t = 0; t < g->sequence->lengths[row]; t++)
            for (size_t out = 0; out < OUT; out++)
                loss += g->dy[(g->sequence->offset[t] + row) * OUT + out] * output(g, row, t, out);
    return loss;
}

/* The loss is linear in each number, so the difference is exact but for rounding. */
static double slope(const given *g, double *at) {
    double kept = *at;
    *at = kept + 1;
    double up = loss_of(g);
    *at = kept - 1;
    double down = loss_of(g);
    *at = kept;
    return (up - down) / 2;
}

static void assert_near(float got, double want) { assert_true(fabs((double)got - want) < 1e-5 * (1 + fabs(want))); }

static void check(size_t kernel, rr_team *team) {
    static given g;
    numbers n = {.seed = kernel};
    batch b = batch_open(&n, ROWS, STEPS, 1);
    size_t total = b.sequence.total;
    g.kernel = kernel;
    g.sequence = &b.sequence;
    numbers_fill(&n, 1, OUT * IN * kernel, g.w), numbers_fill(&n, 1, OUT, g.b);
    numbers_fill(&n, 1, total * IN, g.x), numbers_fill(&n, 1, total * OUT, g.dy);

    rr_params params = {0};
    rr_conv conv;
    assert_int_equal(rr_conv_declare(&conv, &params, "conv", IN, OUT, kernel), RR_OK);
    const rr_param *weight = &params.items[0];
    assert_string_equal(weight->name, "conv.weight");
    assert_int_equal(weight->dim_count, 3);
    assert_true(weight->dims[0] == OUT && weight->dims[1] == IN && weight->dims[2] == kernel);
    assert_int_equal(weight->fan_in, IN * kernel);
    params.values = calloc(params.total, sizeof(float));
    params.grads = calloc(params.total, sizeof(float));
    numbers_to_float(weight->count, g.w, rr_param_value(&params, 0));
    numbers_to_float(OUT, g.b, rr_param_value(&params, 1));

    for (int training = 0; training < 2; training++) {
        rr_arena measure = {0}, arena = {0};
        float x[MOST * IN], y[MOST * OUT + 1], dy[MOST * OUT], dx[MOST * IN + 1];
        rr_conv_plan(&conv, &measure, team, total, training);
        assert_int_equal(rr_arena_reserve(measure.used, &arena), RR_OK);
        rr_conv_plan(&conv, &arena, team, total, training);
        numbers_to_float(total * IN, g.x, x), numbers_to_float(total * OUT, g.dy, dy);
        y[total * OUT] = dx[total * IN] = -7;
        rr_conv_forward(&conv, &params, &b.sequence, x, y, NULL);
        for (size_t row = 0; row < ROWS; row++)
            for (size_t t = 0; t < b.lengths[row]; t++)
                for (size_t out = 0; out < OUT; out++)
                    assert_near(y[(b.offset[t] + row) * OUT + out], output(&g, row, t, out));
        for (int turn = 1; training && turn <= 2; turn++) { /* gradients of parameters add up, that of x does not */
            rr_conv_backward(&conv, &params, &b.sequence, dy, dx, NULL);
            for (size_t i = 0; i < weight->count; i++)
                assert_near(rr_param_grad(&params, 0)[i] / (float)turn, slope(&g, &g.w[i]));
            for (size_t i = 0; i < OUT; i++)
                assert_near(rr_param_grad(&params, 1)[i] / (float)turn, slope(&g, &g.b[i]));
            for (size_t i = 0; i < total * IN; i++) assert_near(dx[i], slope(&g, &g.x[i]));
        }
        assert_true(y[total * OUT] == -7);
        if (training) assert_true(dx[total * IN] == -7);
        rr_arena_release(&arena);
    }
    free(params.values);
    free(params.grads);
    rr_params_free(&params);
    batch_close(&b);
}

/* Also kernels that are wider than every row. */
static void every_kernel_size(void **state) {
    (void)state;
    for (size_t kernel = 1; kernel <= MOST_KERNEL; kernel++) check(kernel, NULL);
}

static void threads_share_the_filters(void **state) {
    (void)state;
    rr_team *team = NULL;
    assert_int_equal(rr_team_create(2, &team), RR_OK);
    check(3, team);
    rr_team_free(team);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kernel_size),
        cmocka_unit_test(threads_share_the_filters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
