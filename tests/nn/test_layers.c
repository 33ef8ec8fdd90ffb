/* Embedding, linear layer and losses: by small whole numbers, and against the reference in double. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "math/pointwise.h"
#include "nn/embedding.h"
#include "nn/linear.h"
#include "nn/numbers.h"
#include "nn/reference.h"

static const double tolerance = 1e-5;

static void arenas(rr_params *params) {
    params->values = calloc(params->total, sizeof(float));
    params->grads = calloc(params->total, sizeof(float));
}

static void close(rr_params *params) {
    free(params->values);
    free(params->grads);
    rr_params_free(params);
}

/* Small whole numbers sum exactly in any order. */
static void an_embedding_reads_and_adds_rows(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 7, 8, 9, 15, 16, 17, 63};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        size_t size = sizes[k];
        rr_params params = {0};
        rr_embedding embedding;
        assert_int_equal(rr_embedding_declare(&embedding, &params, "embedding", 5, size), RR_OK);
        assert_string_equal(params.items[embedding.weight].name, "embedding.weight");
        assert_int_equal(params.items[embedding.weight].kind, RR_PARAM_EMBEDDING);
        assert_int_equal(params.items[embedding.weight].fan_in, 0);
        arenas(&params);
        float *weight = rr_param_value(&params, embedding.weight), *grad = rr_param_grad(&params, embedding.weight);
        for (size_t i = 0; i < 5 * size; i++) weight[i] = (float)i;
        static const int32_t tokens[] = {4, 0, 4, 2, 4};
        float y[5 * 63 + 1], dy[5 * 63];
        y[5 * size] = -7;
        rr_embedding_forward(&embedding, &params, tokens, 5, y);
        for (size_t i = 0; i < 5; i++)
            for (size_t u = 0; u < size; u++) {
                assert_true(y[i * size + u] == (float)((size_t)tokens[i] * size + u));
                dy[i * size + u] = (float)(100 * i + u);
            }
        assert_true(y[5 * size] == -7);
        for (size_t u = 0; u < size; u++) grad[u] = 1; /* the gradient is added to what is there */
        rr_embedding_backward(&embedding, &params, tokens, 5, dy);
        rr_embedding_backward(&embedding, &params, tokens, 0, dy);
        for (size_t u = 0; u < size; u++) {
            assert_true(grad[u] == (float)(1 + 100 + u));
            assert_true(grad[size + u] == 0 && grad[3 * size + u] == 0);
            assert_true(grad[2 * size + u] == (float)(300 + u));
            assert_true(grad[4 * size + u] == (float)(0 + 200 + 400 + 3 * u));
        }
        close(&params);
    }
}

static rr_arena plan_with(rr_team *team, rr_linear *linear, size_t rows, bool training) {
    rr_arena arena = {0};
    rr_linear_plan(linear, &arena, team, rows, training);
    assert_int_equal(rr_arena_reserve(arena.used, &arena), RR_OK);
    rr_linear_plan(linear, &arena, team, rows, training);
    return arena;
}

static rr_arena plan(rr_linear *linear, size_t rows, bool training) { return plan_with(NULL, linear, rows, training); }

static void a_linear_layer_by_hand(void **state) {
    (void)state;
    rr_params params = {0};
    rr_linear linear;
    assert_int_equal(rr_linear_declare(&linear, &params, "head", 3, 2, true, (size_t)-1), RR_OK);
    assert_string_equal(params.items[0].name, "head.weight");
    assert_string_equal(params.items[1].name, "head.bias");
    assert_int_equal(params.items[1].fan_in, 3);
    arenas(&params);
    memcpy(rr_param_value(&params, 0), (float[]){1, 2, 3, 4, 5, 6}, 6 * sizeof(float));
    memcpy(rr_param_value(&params, 1), (float[]){10, 20}, 2 * sizeof(float));
    const float x[] = {1, 0, -1, 2, 1, 0}, dy[] = {1, 2, 3, -1};
    float y[4], dx[6] = {1, 1, 1, 1, 1, 1};
    rr_arena arena = plan(&linear, 2, true);
    rr_linear_forward(&linear, &params, 2, x, y, NULL);
    assert_memory_equal(y, ((float[]){8, 18, 14, 33}), sizeof y);
    rr_linear_backward(&linear, &params, 2, x, dy, true, dx, false, NULL);
    assert_memory_equal(dx, ((float[]){10, 13, 16, 0, 2, 4}), sizeof dx);
    assert_memory_equal(rr_param_grad(&params, 0), ((float[]){7, 3, -1, 0, -1, -2}), 6 * sizeof(float));
    assert_memory_equal(rr_param_grad(&params, 1), ((float[]){4, 1}), 2 * sizeof(float));
    rr_linear_backward(&linear, &params, 2, x, dy, false, dx, false, NULL);
    assert_memory_equal(dx, ((float[]){9, 12, 15, -1, 1, 3}), sizeof dx);
    rr_linear_backward(&linear, &params, 2, x, dy, false, NULL, false, NULL);
    assert_memory_equal(rr_param_grad(&params, 1), ((float[]){12, 3}), 2 * sizeof(float));
    rr_arena_release(&arena);
    close(&params);
}

/* What is said to be ready changes no more, and in the end all of the weight is. */
typedef struct witness {
    const rr_params *params;
    float *seen; /* [ready] the gradients when they were said to be */
    size_t ready, calls;
} witness;

static void see_ready(void *ctx, size_t end) {
    witness *w = ctx;
    assert_true(end >= w->ready);
    memcpy(w->seen + w->ready, w->params->grads + w->ready, (end - w->ready) * sizeof *w->seen);
    w->ready = end;
    w->calls++;
}

static void ignore_tick(void *ctx) { (void)ctx; }

static void gradients_are_ready_chunk_by_chunk(void **state) {
    (void)state;
    enum { IN = 24, OUT = 3001, ROWS = 9 };
    rr_params params = {0};
    rr_linear linear;
    assert_int_equal(rr_linear_declare(&linear, &params, "head", IN, OUT, true, (size_t)-1), RR_OK);
    arenas(&params);
    float *x = calloc((size_t)ROWS * (IN + 2 * OUT), sizeof *x), *dy = x + (size_t)ROWS * IN, dx[ROWS * IN];
    assert_non_null(x);
    for (size_t i = 0; i < (size_t)ROWS * (IN + OUT); i++) x[i] = (float)(i % 17) - 8;
    rr_arena arena = plan(&linear, ROWS, true);
    witness w = {.params = &params, .seen = calloc(params.total, sizeof *w.seen)};
    assert_non_null(w.seen);
    rr_hooks hooks = {.ready = see_ready, .tick = ignore_tick, .ctx = &w};
    rr_linear_forward(&linear, &params, ROWS, x, dy + (size_t)ROWS * OUT, NULL);
    rr_linear_backward(&linear, &params, ROWS, x, dy, false, dx, false, &hooks);
    assert_int_equal(w.calls, 0);
    rr_linear_backward(&linear, &params, ROWS, x, dy, false, dx, true, &hooks);
    assert_true(w.calls > 2);
    assert_int_equal(w.ready, rr_param_end(&params, 0));
    assert_memory_equal(w.seen, params.grads, w.ready * sizeof *w.seen);
    free(w.seen);
    free(x);
    rr_arena_release(&arena);
    close(&params);
}

/*
 * Threads go through the chunks of outputs at their own pace, and the last chunk is shorter: nobody may write where
 * another still reads. Shares are uneven and threads more than processors, so that some run ahead; what goes wrong does
 * so by chance, and not in each of the turns.
 */
static void threads_do_not_meet_in_memory(void **state) {
    (void)state;
    enum { ROWS = 600, IN = 12 * 32, OUT = 256 + 40, THREADS = 8, TURNS = 60 };
    rr_params params = {0};
    rr_linear linear;
    rr_team *team = NULL;
    assert_int_equal(rr_team_create(THREADS, &team), RR_OK);
    assert_int_equal(rr_linear_declare(&linear, &params, "head", IN, OUT, true, (size_t)-1), RR_OK);
    arenas(&params);
    float *x = calloc((size_t)ROWS * (3 * IN + OUT), sizeof *x), *dy = x + (size_t)ROWS * IN;
    assert_non_null(x);
    float *want = dy + (size_t)ROWS * OUT, *dx = want + (size_t)ROWS * IN;
    for (size_t i = 0; i < (size_t)ROWS * (IN + OUT); i++) x[i] = (float)(i % 17) - 8;
    for (size_t i = 0; i < (size_t)IN * OUT; i++) params.values[i] = (float)(i % 13) - 6;
    for (int turn = -1; turn < TURNS; turn++) { /* first alone */
        rr_arena arena = plan_with(turn < 0 ? NULL : team, &linear, ROWS, true);
        rr_linear_backward(&linear, &params, ROWS, x, dy, false, turn < 0 ? want : dx, false, NULL);
        if (turn >= 0) assert_memory_equal(dx, want, (size_t)ROWS * IN * sizeof *dx);
        rr_arena_release(&arena);
    }
    free(x);
    rr_team_free(team);
    close(&params);
}

/* A tied layer adds no weight of its own, reads the embedding's, and its gradient meets the embedding's. */
static void a_tied_layer_shares_the_embedding(void **state) {
    (void)state;
    rr_params params = {0};
    rr_embedding embedding;
    rr_linear linear;
    assert_int_equal(rr_embedding_declare(&embedding, &params, "embedding", 3, 2), RR_OK);
    assert_int_equal(rr_linear_declare(&linear, &params, "head", 2, 3, false, embedding.weight), RR_OK);
    assert_int_equal(params.count, 1);
    assert_int_equal(linear.weight, embedding.weight);
    arenas(&params);
    memcpy(params.values, (float[]){1, 2, 3, 4, 5, 6}, 6 * sizeof(float));
    float y[3], dx[2];
    rr_arena arena = plan(&linear, 1, true);
    rr_linear_forward(&linear, &params, 1, (float[]){1, -1}, y, NULL);
    assert_memory_equal(y, ((float[]){-1, -1, -1}), sizeof y);
    rr_linear_backward(&linear, &params, 1, (float[]){1, -1}, (float[]){1, 0, 2}, false, dx, false, NULL);
    rr_embedding_backward(&embedding, &params, (int32_t[]){2}, 1, dx);
    assert_memory_equal(dx, ((float[]){11, 14}), sizeof dx);
    assert_memory_equal(params.grads, ((float[]){1, -1, 0, 0, 13, 12}), 6 * sizeof(float));
    rr_arena_release(&arena);
    close(&params);
}

static void near(const char *what, size_t count, const float *got, const double *want) {
    double apart = numbers_distance(count, got, want);
    if (!(apart <= tolerance)) fail_msg("%s is off by %g", what, apart);
}

static void a_linear_layer_agrees_with_the_reference(void **state) {
    (void)state;
    static const size_t shapes[][3] = {{1, 1, 1},     {3, 5, 2},      {16, 16, 16}, {17, 33, 65},
                                       {1, 200, 301}, {40, 2100, 70}, {300, 9, 600}};
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++)
        for (int has_bias = 0; has_bias < 2; has_bias++) {
            size_t rows = shapes[k][0], in = shapes[k][1], out = shapes[k][2];
            numbers n = {.seed = k};
            rr_params params = {0};
            rr_linear linear;
            assert_int_equal(rr_linear_declare(&linear, &params, "head", in, out, has_bias, (size_t)-1), RR_OK);
            arenas(&params);
            double *x = calloc(rows * in, sizeof *x), *w = calloc(out * in, sizeof *w), *b = calloc(out, sizeof *b);
            double *y = calloc(rows * out, sizeof *y), *dy = calloc(rows * out, sizeof *dy);
            double *dw = calloc(out * in, sizeof *dw), *db = calloc(out, sizeof *db),
                   *dx = calloc(rows * in, sizeof *dx);
            float *x32 = calloc(rows * in, sizeof *x32), *y32 = calloc(rows * out, sizeof *y32);
            float *dx32 = calloc(rows * in, sizeof *dx32), *dy32 = calloc(rows * out, sizeof *dy32);
            numbers_fill(&n, 1, rows * in, x), numbers_fill(&n, 1, out * in, w), numbers_fill(&n, 1, out, b);
            numbers_fill(&n, 1, rows * out, dy);
            numbers_to_float(rows * in, x, x32), numbers_to_float(rows * out, dy, dy32);
            numbers_to_float(out * in, w, rr_param_value(&params, 0));
            if (has_bias) numbers_to_float(out, b, rr_param_value(&params, 1));
            ref_linear(rows, in, out, x, w, has_bias ? b : NULL, y);
            ref_linear_backward(rows, in, out, x, w, dy, dw, has_bias ? db : NULL, dx);
            rr_arena arena = plan(&linear, rows, false);
            rr_linear_forward(&linear, &params, rows, x32, y32, NULL); /* as in evaluation, and then as in training */
            near("y", rows * out, y32, y);
            rr_arena_release(&arena);
            arena = plan(&linear, rows, true);
            rr_linear_forward(&linear, &params, rows, x32, y32, NULL);
            rr_linear_backward(&linear, &params, rows, x32, dy32, false, dx32, false, NULL);
            near("y", rows * out, y32, y);
            near("dx", rows * in, dx32, dx);
            near("dw", out * in, rr_param_grad(&params, 0), dw);
            if (has_bias) near("db", out, rr_param_grad(&params, 1), db);
            rr_arena_release(&arena);
            void *const own[] = {x, w, b, y, dy, dw, db, dx, x32, y32, dx32, dy32};
            for (size_t i = 0; i < sizeof own / sizeof *own; i++) free(own[i]);
            close(&params);
        }
}

/* All losses over widths around the vectors' 8 and 16, logits up to +-12, and a scale. */
static void losses_agree_with_the_reference(void **state) {
    (void)state;
    enum { ROWS = 5, MOST = 65, LD = 70 };
    static const size_t widths[] = {1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 65};
    for (size_t k = 0; k < sizeof widths / sizeof *widths; k++)
        for (int which = 0; which < 3; which++) {
            size_t width = widths[k];
            numbers n = {.seed = k};
            double z[ROWS * MOST], t[ROWS * MOST], d[ROWS * MOST], row_loss[ROWS], sum = 0, scale = 0.125;
            float z32[ROWS * LD], t32[ROWS * MOST], got[ROWS * MOST];
            int32_t classes[ROWS];
            numbers_fill(&n, 12, ROWS * width, z), numbers_fill(&n, 0.5, ROWS * width, t);
            for (size_t i = 0; i < ROWS * width; i++) t[i] = (double)(float)(t[i] + 0.5);
            for (size_t i = 0; i < ROWS; i++)
                classes[i] = i == 2 ? RR_NO_TARGET : (int32_t)numbers_size(&n, 0, width - 1);
            for (size_t i = 0; i < ROWS * LD; i++) z32[i] = -3;
            for (size_t row = 0; row < ROWS; row++) numbers_to_float(width, z + row * width, z32 + row * LD);
            numbers_to_float(ROWS * width, t, t32);
            double loss;
            if (which == 0) {
                loss = ref_softmax_nll(ROWS, width, z, classes, d);
                rr_softmax_nll(ROWS, width, z32, LD, classes, (float)scale, row_loss);
                assert_true(row_loss[2] == 0);
            } else if (which == 1) {
                loss = ref_sigmoid_bce(ROWS, width, z, t, d);
                rr_sigmoid_bce(ROWS, width, z32, LD, t32, (float)scale, row_loss);
            } else {
                loss = ref_squared_error(ROWS, width, z, t, d);
                rr_squared_error(ROWS, width, z32, LD, t32, (float)scale, row_loss);
            }
            for (size_t i = 0; i < ROWS; i++) sum += row_loss[i];
            assert_true(fabs(sum - loss) <= 1e-6 * fabs(loss) + 1e-6);
            for (size_t i = 0; i < ROWS * width; i++) d[i] *= scale;
            for (size_t row = 0; row < ROWS; row++) {
                memcpy(got + row * width, z32 + row * LD, width * sizeof *got);
                for (size_t i = width; i < LD; i++) assert_true(z32[row * LD + i] == -3);
            }
            near("gradient of the logits", ROWS * width, got, d);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_embedding_reads_and_adds_rows),
        cmocka_unit_test(a_linear_layer_by_hand),
        cmocka_unit_test(gradients_are_ready_chunk_by_chunk),
        cmocka_unit_test(a_tied_layer_shares_the_embedding),
        cmocka_unit_test(a_linear_layer_agrees_with_the_reference),
        cmocka_unit_test(losses_agree_with_the_reference),
        cmocka_unit_test(threads_do_not_meet_in_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
