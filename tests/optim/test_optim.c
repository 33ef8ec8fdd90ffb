#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "optim/golden.h"
#include "optim/optim.h"

enum { GOLDEN_COUNT = 37, GOLDEN_STEPS = 10 }; /* as in tools/make_golden_optim.py */
static const float golden_grad_scale = 0.5F;

/* An optimiser with its arenas, each with a canary behind it. */
typedef struct bench {
    rr_config *config;
    rr_optim_config own;
    rr_optim optim;
    rr_params params;
    float *arenas[2 + RR_OPTIM_STATES]; /* values, gradients, states */
    size_t states;
} bench;

static const float canary = 12345.0F;

static float weight(size_t i) { return (float)(i * 5 % 11) / 4 - 1.25F; }

static float gradient(size_t i, size_t step) {
    return (float)((i * 7 + step * 13 + i * step) % 17) / 8 * ldexpf(1, (int)(i % 5) - 2) - 1;
}

static void bench_open(bench *b, const char *flow, size_t count) {
    memset(b, 0, sizeof *b);
    must_bind(&rr_optim_section, flow, &b->config, &b->own);
    b->optim = (rr_optim){.ops = rr_optims[b->own.type], .config = &b->own};
    b->states = b->optim.ops->states(&b->own);
    assert_true(b->states <= RR_OPTIM_STATES);
    for (size_t a = 0; a < 2 + b->states; a++) {
        b->arenas[a] = calloc(count + 1, sizeof(float));
        assert_non_null(b->arenas[a]);
        b->arenas[a][count] = canary;
    }
    for (size_t s = 0; s < b->states; s++) b->optim.state[s] = b->arenas[2 + s];
    b->params = (rr_params){.total = count, .values = b->arenas[0], .grads = b->arenas[1]};
    for (size_t i = 0; i < count; i++) b->arenas[0][i] = weight(i);
}

static void bench_close(bench *b) {
    for (size_t a = 0; a < 2 + b->states; a++) {
        assert_true(b->arenas[a][b->params.total] == canary);
        free(b->arenas[a]);
    }
    rr_config_free(b->config);
}

static void set_gradients(bench *b, size_t step) {
    for (size_t i = 0; i < b->params.total; i++) b->params.grads[i] = gradient(i, step);
}

/* max|a - b| / max|b| <= tolerance, b the numbers that stand next in the file */
static void compare(FILE *file, const float *values, double tolerance, const char *what) {
    double difference = 0, largest = 0;
    for (size_t i = 0; i < GOLDEN_COUNT; i++) {
        double expected = golden_number(file);
        difference = fmax(difference, fabs(values[i] - expected));
        largest = fmax(largest, fabs(expected));
        assert_true(isfinite(values[i]));
    }
    if (difference > tolerance * largest) fail_msg("%s: off by %g of %g", what, difference, largest);
}

/*
 * Adam's means hold 1 - beta of a beta rounded to float, 2^-25 / (1 - beta) off for betas up to 0.99 and 0.9999. It
 * cancels in the step, since the bias correction has the same beta.
 */
static double state_tolerance(const char *name) {
    return strcmp(name, "exp_avg_sq") == 0 ? 1e-3 : strcmp(name, "exp_avg") == 0 ? 1e-5 : 1e-6;
}

static void ten_steps_agree_with_pytorch(void **state) {
    (void)state;
    FILE *file = golden_open("optimisers.txt");
    char flow[1024], line[256];
    size_t cases = 0;
    bool more = golden_line(file, line, sizeof line);
    while (more) {
        assert_string_equal(line, "case");
        assert_true(golden_line(file, flow, sizeof flow));
        bench b;
        bench_open(&b, flow, GOLDEN_COUNT);
        more = golden_line(file, line, sizeof line);
        for (size_t step = 1; step <= GOLDEN_STEPS; step++) {
            set_gradients(&b, step);
            double lr = b.own.lr * (double)(1 + step % 3);
            b.optim.ops->update(&b.optim, &b.params, step, lr, golden_grad_scale, 0, GOLDEN_COUNT, 0);
            char shown[32];
            snprintf(shown, sizeof shown, "step %zu", step);
            if (strcmp(line, shown) != 0) continue;
            compare(file, b.params.values, 1e-6, flow);
            more = golden_line(file, line, sizeof line);
        }
        for (size_t s = 0; s < b.states; s++) {
            char name[64];
            snprintf(name, sizeof name, "state %s", b.optim.ops->state_names[s]);
            assert_string_equal(line, name);
            compare(file, b.optim.state[s], state_tolerance(b.optim.ops->state_names[s]), flow);
            more = golden_line(file, line, sizeof line);
        }
        bench_close(&b);
        cases++;
    }
    assert_true(cases >= 8);
    fclose(file);
}

static const char *const every_kind[] = {
    "{type: sgd}",
    "{type: sgd, momentum: 0.9, dampening: 0.1, weight_decay: 0.01}",
    "{type: sgd, momentum: 0.9, nesterov: true}",
    "{type: adam, weight_decay: 0.1}",
    "{type: adamw, lr: 0.1}",
};
enum { KINDS = sizeof every_kind / sizeof *every_kind };

/* Shards and buckets: whatever way the arena is cut, the bits are those of one range. */
static void ranges_give_the_bits_of_the_whole(void **state) {
    (void)state;
    enum { COUNT = 203 };
    const size_t cuts[] = {0, 1, 1, 8, 15, 31, 64, 97, 98, 130, 202, COUNT};
    for (size_t k = 0; k < KINDS; k++) {
        bench whole, parts;
        bench_open(&whole, every_kind[k], COUNT);
        bench_open(&parts, every_kind[k], COUNT);
        for (size_t step = 1; step <= 5; step++) {
            set_gradients(&whole, step);
            set_gradients(&parts, step);
            whole.optim.ops->update(&whole.optim, &whole.params, step, 0.037, 0.71F, 0, COUNT, 0);
            for (size_t c = sizeof cuts / sizeof *cuts - 1; c > 0; c--)
                parts.optim.ops->update(&parts.optim, &parts.params, step, 0.037, 0.71F, cuts[c - 1], cuts[c],
                                        cuts[c - 1]);
        }
        for (size_t a = 0; a < 2 + whole.states; a++)
            assert_memory_equal(whole.arenas[a], parts.arenas[a], COUNT * sizeof(float));
        bench_close(&whole);
        bench_close(&parts);
    }
}

static void a_range_leaves_its_neighbours_alone(void **state) {
    (void)state;
    for (size_t k = 0; k < KINDS; k++)
        for (size_t begin = 0; begin < 20; begin++)
            for (size_t end = begin; end <= 40; end += 7) {
                bench b;
                bench_open(&b, every_kind[k], 48);
                set_gradients(&b, 2);
                b.optim.ops->update(&b.optim, &b.params, 1, 0.1, 1, begin, end, begin);
                for (size_t i = 0; i < 48; i++) {
                    bool inside = i >= begin && i < end;
                    if (!inside) assert_true(b.params.values[i] == weight(i));
                    if (inside && b.params.grads[i] != 0) assert_true(b.params.values[i] != weight(i));
                    for (size_t s = 0; s < b.states && !inside; s++) assert_true(b.optim.state[s][i] == 0);
                }
                bench_close(&b);
            }
}

/* Between parameters lie zeros, which hashes and messages take along. */
static void padding_stays_zero(void **state) {
    (void)state;
    for (size_t k = 0; k < KINDS; k++) {
        bench b;
        bench_open(&b, every_kind[k], 33);
        memset(b.params.values, 0, 33 * sizeof(float));
        for (size_t step = 1; step <= 3; step++) b.optim.ops->update(&b.optim, &b.params, step, 0.1, 1, 0, 33, 0);
        for (size_t a = 0; a < 2 + b.states; a++)
            for (size_t i = 0; i < 33; i++) assert_true(b.arenas[a][i] == 0);
        bench_close(&b);
    }
}

static void sgd_steps_are_plain_arithmetic(void **state) {
    (void)state;
    bench b;
    bench_open(&b, "{type: sgd, lr: 0.5, momentum: 0.5}", 2);
    assert_int_equal(b.states, 1);
    float *w = b.params.values, *g = b.params.grads;
    w[0] = 8, w[1] = -8, g[0] = 2, g[1] = 4;
    b.optim.ops->update(&b.optim, &b.params, 1, 0.5, 1, 0, 2, 0); /* buffer 2, 4 */
    assert_true(w[0] == 7 && w[1] == -10);
    b.optim.ops->update(&b.optim, &b.params, 2, 0.5, 0.5F, 0, 2, 0); /* buffer 1 + 1, 2 + 2 */
    assert_true(w[0] == 6 && w[1] == -12);
    bench_close(&b);
}

/* The first step of Adam has the size lr, whatever the gradient: both means are corrected to the gradient itself. */
static void the_first_step_of_adam_has_the_size_of_lr(void **state) {
    (void)state;
    bench b;
    bench_open(&b, "{type: adam, eps: 1e-30}", 9);
    for (size_t i = 0; i < 9; i++) b.params.grads[i] = ldexpf(i % 2 ? -1 : 1, (int)i * 5 - 20);
    memset(b.params.values, 0, 9 * sizeof(float));
    b.optim.ops->update(&b.optim, &b.params, 1, 0.25, 1, 0, 9, 0);
    for (size_t i = 0; i < 9; i++) assert_true(fabsf(b.params.values[i] - (i % 2 ? 0.25F : -0.25F)) < 1e-6F);
    bench_close(&b);
}

static void defaults_are_pytorchs(void **state) {
    (void)state;
    bench b;
    bench_open(&b, "{}", 1);
    assert_string_equal(b.optim.ops->name, "adam");
    assert_true(b.own.lr == 0.001);
    bench_close(&b);
    struct {
        const char *brief, *full;
    } pairs[] = {
        {"{type: sgd}", "{type: sgd, lr: 0.001, momentum: 0, dampening: 0, nesterov: false, weight_decay: 0}"},
        {"{type: adam}", "{type: adam, lr: 0.001, betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0}"},
        {"{type: adamw}", "{type: adamw, lr: 0.001, betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.01}"},
    };
    for (size_t p = 0; p < 3; p++) {
        bench brief, full;
        bench_open(&brief, pairs[p].brief, 40);
        bench_open(&full, pairs[p].full, 40);
        for (size_t step = 1; step < 4; step++) {
            set_gradients(&brief, step);
            set_gradients(&full, step);
            brief.optim.ops->update(&brief.optim, &brief.params, step, 0.1, 1, 0, 40, 0);
            full.optim.ops->update(&full.optim, &full.params, step, 0.1, 1, 0, 40, 0);
        }
        assert_memory_equal(brief.params.values, full.params.values, 40 * sizeof(float));
        bench_close(&brief);
        bench_close(&full);
    }
}

static void wrong_values_are_refused_by_name(void **state) {
    (void)state;
    struct {
        const char *flow, *key;
    } wrong[] = {
        {"{type: sgd, lr: 0}", "optim.lr"},
        {"{type: sgd, lr: -1}", "optim.lr"},
        {"{type: sgd, nesterov: true}", "optim.nesterov"},
        {"{type: sgd, nesterov: true, momentum: 0.9, dampening: 0.5}", "optim.nesterov"},
        {"{type: sgd, betas: [0.9, 0.999]}", "betas"},
        {"{type: adam, betas: [0.9]}", "optim.betas"},
        {"{type: adam, betas: [0.9, 0.99, 0.999]}", "optim.betas"},
        {"{type: adam, betas: [0.9, 1.0]}", "optim.betas"},
        {"{type: adam, eps: 0}", "optim.eps"},
        {"{type: adamw, weight_decay: -0.1}", "optim.weight_decay"},
        {"{type: adamm}", "adam"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        rr_config *config = NULL;
        rr_optim_config out;
        if (bind_section(&rr_optim_section, wrong[i].flow, &config, &out) != RR_ERR_INPUT)
            fail_msg("%s is taken", wrong[i].flow);
        if (strstr(rr_last_error(), wrong[i].key) == NULL) fail_msg("%s: %s", wrong[i].flow, rr_last_error());
        assert_non_null(strstr(rr_last_error(), "test.yaml:1"));
        rr_config_free(config);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_steps_agree_with_pytorch),
        cmocka_unit_test(ranges_give_the_bits_of_the_whole),
        cmocka_unit_test(a_range_leaves_its_neighbours_alone),
        cmocka_unit_test(padding_stays_zero),
        cmocka_unit_test(sgd_steps_are_plain_arithmetic),
        cmocka_unit_test(the_first_step_of_adam_has_the_size_of_lr),
        cmocka_unit_test(defaults_are_pytorchs),
        cmocka_unit_test(wrong_values_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
