#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "nn/embedding.h"
#include "nn/init.h"
#include "nn/linear.h"
#include "nn/normal.h"
#include "nn/rnn.h"

/* A language model's parameters: head [V, H], two LSTM layers of H units over E inputs, embedding [V, E]. */
enum { V = 61, H = 48, E = 36 };

static void declare(rr_params *params, const rr_cell_ops *cell, int backwards) {
    rr_linear head;
    rr_embedding embedding;
    rr_rnn *rnn;
    rr_rnn_spec spec = {.cell = cell, .input_size = E, .hidden_size = H, .num_layers = 2, .bias = true};
    assert_int_equal(rr_rnn_create(&spec, &rnn), RR_OK);
    for (int i = 0; i < 3; i++) {
        int what = backwards ? 2 - i : i;
        if (what == 0) assert_int_equal(rr_linear_declare(&head, params, "head", H, V, true, (size_t)-1), RR_OK);
        if (what == 1) assert_int_equal(rr_rnn_declare(rnn, params, "rnn"), RR_OK);
        if (what == 2) assert_int_equal(rr_embedding_declare(&embedding, params, "embedding", V, E), RR_OK);
    }
    rr_rnn_free(rnn);
    params->values = calloc(params->total, sizeof(float));
}

static rr_params make(const rr_init_config *config, uint64_t seed) {
    rr_params params = {0};
    declare(&params, rr_cells[0], 0);
    assert_int_equal(rr_init_values(config, seed, &params), RR_OK);
    return params;
}

static void drop(rr_params *params) {
    free(params->values);
    rr_params_free(params);
}

/* Bounds, and mean and variance of a uniform distribution in +-bound within six standard deviations. */
static void check_uniform(const rr_params *params, size_t index, double bound) {
    const rr_param *param = &params->items[index];
    const float *values = rr_param_value(params, index);
    double sum = 0, squares = 0, largest = 0, n = (double)param->count;
    for (size_t i = 0; i < param->count; i++) {
        double v = (double)values[i];
        sum += v, squares += v * v, largest = fmax(largest, fabs(v));
    }
    if (largest > (double)(float)bound || largest < bound * (1 - 12 / n))
        fail_msg("%s: largest %g, bound %g", param->name, largest, bound);
    double deviation = bound / sqrt(3 * n), deviation2 = bound * bound * sqrt(4.0 / 45 / n);
    if (fabs(sum / n) > 6 * deviation) fail_msg("%s: mean %g", param->name, sum / n);
    if (fabs(squares / n - bound * bound / 3) > 6 * deviation2) fail_msg("%s: variance %g", param->name, squares / n);
}

static void uniform_fills_everything_within_its_range(void **state) {
    (void)state;
    rr_params params = make(&(rr_init_config){RR_INIT_UNIFORM, 0.05, NAN}, 1);
    for (size_t p = 0; p < params.count; p++) {
        check_uniform(&params, p, 0.05);
        for (size_t i = params.items[p].offset + params.items[p].count; i < rr_param_end(&params, p); i++)
            assert_true(params.values[i] == 0);
    }
    drop(&params);
}

static void pytorch_takes_fan_in_and_normal_embeddings(void **state) {
    (void)state;
    rr_params params = make(&(rr_init_config){RR_INIT_PYTORCH, 0.1, NAN}, 2);
    for (size_t p = 0; p < params.count; p++)
        if (params.items[p].kind != RR_PARAM_EMBEDDING) check_uniform(&params, p, 1 / sqrt(H)); /* head: in_size is H */
    const float *values = rr_param_value(&params, rr_params_find(&params, "embedding.weight"));
    double n = V * E, moments[5] = {0};
    for (size_t i = 0; i < V * E; i++)
        for (int k = 1; k <= 4; k++) moments[k] += pow((double)values[i], k) / n;
    /* mean 0, variance 1, third moment 0, fourth 3; variances of their estimates: 1, 2, 15, 96 over n */
    assert_true(fabs(moments[1]) < 6 * sqrt(1 / n) && fabs(moments[2] - 1) < 6 * sqrt(2 / n));
    assert_true(fabs(moments[3]) < 6 * sqrt(15 / n) && fabs(moments[4] - 3) < 6 * sqrt(96 / n));
    drop(&params);
}

static void xavier_goes_gate_by_gate(void **state) {
    (void)state;
    rr_params params = make(&(rr_init_config){RR_INIT_XAVIER, 0.1, NAN}, 3);
    for (size_t p = 0; p < params.count; p++) {
        const rr_param *param = &params.items[p];
        double fans = 0;
        if (strcmp(param->name, "head.weight") == 0) fans = V + H;
        if (strcmp(param->name, "embedding.weight") == 0) fans = V + E;
        if (strcmp(param->name, "rnn.weight_ih_l0") == 0) fans = H + E;
        if (strcmp(param->name, "rnn.weight_ih_l1") == 0 || strncmp(param->name, "rnn.weight_hh", 13) == 0)
            fans = H + H;
        if (fans > 0)
            check_uniform(&params, p, sqrt(6 / fans));
        else
            for (size_t i = 0; i < param->count; i++) assert_true(rr_param_value(&params, p)[i] == 0);
    }
    drop(&params);
}

static void check_orthogonal(const float *q, size_t size) {
    for (size_t a = 0; a < size; a++)
        for (size_t b = 0; b <= a; b++) {
            double dot = 0;
            for (size_t k = 0; k < size; k++) dot += (double)q[a * size + k] * (double)q[b * size + k];
            if (fabs(dot - (a == b)) > 1e-5) fail_msg("rows %zu and %zu of %zu: %g", a, b, size, dot);
        }
}

static void each_recurrent_gate_is_orthogonal(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 2, 7, 8, 9, 33, 100};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
        for (size_t cell = 0; cell < rr_cell_count; cell++) {
            size_t n = sizes[k];
            rr_params params = {0};
            rr_rnn *rnn;
            rr_rnn_spec spec = {
                .cell = rr_cells[cell], .input_size = 3, .hidden_size = n, .num_layers = 1, .bias = true};
            assert_int_equal(rr_rnn_create(&spec, &rnn), RR_OK);
            assert_int_equal(rr_rnn_declare(rnn, &params, "rnn"), RR_OK);
            params.values = calloc(params.total, sizeof(float));
            assert_int_equal(rr_init_values(&(rr_init_config){RR_INIT_ORTHOGONAL, 0.1, NAN}, k, &params), RR_OK);
            const float *w = rr_param_value(&params, rr_params_find(&params, "rnn.weight_hh_l0"));
            for (size_t gate = 0; gate < rr_cells[cell]->gates; gate++) check_orthogonal(w + gate * n * n, n);
            if (n > 1 && rr_cells[cell]->gates > 1) assert_memory_not_equal(w, w + n * n, n * n * sizeof *w);
            check_uniform(&params, 0, sqrt(6 / (double)(n + 3)));
            for (size_t i = 0; i < params.items[2].count; i++) assert_true(rr_param_value(&params, 2)[i] == 0);
            drop(&params);
            rr_rnn_free(rnn);
        }
}

/* The bias of the forget gate, whatever the scheme; the others' stay what the scheme says. */
static void the_forget_gate_gets_its_bias(void **state) {
    (void)state;
    for (int scheme = RR_INIT_UNIFORM; scheme <= RR_INIT_ORTHOGONAL; scheme++) {
        rr_params plain = make(&(rr_init_config){scheme, 0.1, NAN}, 4);
        rr_params with = make(&(rr_init_config){scheme, 0.1, 1.5}, 4);
        for (size_t p = 0; p < plain.count; p++) {
            const rr_param *param = &plain.items[p];
            for (size_t i = 0; i < param->count; i++) {
                float want = rr_param_value(&plain, p)[i];
                if (param->kind == RR_PARAM_GATE_BIAS && i / H == 1) /* i, f, g, o */
                    want = strncmp(param->name, "rnn.bias_ih", 11) == 0 ? 1.5F : 0;
                assert_true(rr_param_value(&with, p)[i] == want);
            }
        }
        drop(&plain);
        drop(&with);
    }
    /* A cell without a forget gate takes no notice. */
    rr_params gru = {0}, again = {0};
    declare(&gru, rr_cells[1], 0);
    declare(&again, rr_cells[1], 0);
    assert_int_equal(rr_init_values(&(rr_init_config){RR_INIT_UNIFORM, 0.1, 1.5}, 4, &gru), RR_OK);
    assert_int_equal(rr_init_values(&(rr_init_config){RR_INIT_UNIFORM, 0.1, NAN}, 4, &again), RR_OK);
    assert_memory_equal(gru.values, again.values, gru.total * sizeof(float));
    drop(&gru);
    drop(&again);
}

static void the_order_of_declaration_does_not_matter(void **state) {
    (void)state;
    for (int scheme = RR_INIT_UNIFORM; scheme <= RR_INIT_ORTHOGONAL; scheme++) {
        rr_init_config config = {scheme, 0.1, NAN};
        rr_params first = make(&config, 5), second = {0}, other = make(&config, 6);
        declare(&second, rr_cells[0], 1);
        assert_int_equal(rr_init_values(&config, 5, &second), RR_OK);
        for (size_t p = 0; p < first.count; p++) {
            const rr_param *param = &first.items[p];
            size_t q = rr_params_find(&second, param->name), bytes = param->count * sizeof(float);
            assert_memory_equal(rr_param_value(&first, p), rr_param_value(&second, q), bytes);
            bool zeros = scheme >= RR_INIT_XAVIER && param->dim_count == 1;
            if (!zeros) assert_memory_not_equal(rr_param_value(&first, p), rr_param_value(&other, p), bytes);
        }
        /* Parameters of one shape differ by their names. */
        size_t a = rr_params_find(&first, "rnn.weight_hh_l0"), b = rr_params_find(&first, "rnn.weight_hh_l1");
        assert_memory_not_equal(rr_param_value(&first, a), rr_param_value(&first, b), 4 * H * H * sizeof(float));
        drop(&first);
        drop(&second);
        drop(&other);
    }
}

/* The same bits in every build and on every machine: a change here changes what a seed means to users. */
static void bits_are_those_of_the_seed(void **state) {
    (void)state;
    static const uint64_t want[] = {0x862915b192589595, 0x744adae100fe7136, 0x1fcb06ce1ddcba50, 0xdf461644e50e4bd7};
    for (int scheme = RR_INIT_UNIFORM; scheme <= RR_INIT_ORTHOGONAL; scheme++) {
        rr_params params = make(&(rr_init_config){scheme, 0.1, NAN}, 7);
        float *row = calloc(params.total, sizeof *row); /* parameters one after the other, each from a cache line on */
        size_t at = 0;
        assert_non_null(row);
        for (size_t p = 0; p < params.count; p++) {
            memcpy(row + at, rr_param_value(&params, p), params.items[p].count * sizeof *row);
            at += (params.items[p].count + 15) / 16 * 16;
        }
        uint64_t hash = rr_hash64(row, at * sizeof(float), 0);
        free(row);
        if (hash != want[scheme]) fail_msg("scheme %d: 0x%016llx", scheme, (unsigned long long)hash);
        drop(&params);
    }
}

/* libm's functions are right to an ulp or so; the radius is at most 6.7. */
static void normal_numbers_are_box_and_mullers(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 20000; i++) {
        uint32_t first = i * 2654435761U, second = i * 40503U * 65537U;
        if (i < 8) first = i;
        if (i >= 8 && i < 16) first = 0U - (i - 7);
        if (i % 5 == 0) second = (i / 5) << 20; /* corners of the circle among them */
        double got[2], angle = 2 * acos(-1) * (double)second * 0x1p-32;
        rr_normal_pair(first, second, got);
        double radius = sqrt(-2 * log(((double)first + 0.5) * 0x1p-32));
        assert_true(fabs(got[0] - radius * cos(angle)) < 1e-14 && fabs(got[1] - radius * sin(angle)) < 1e-14);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uniform_fills_everything_within_its_range),
        cmocka_unit_test(pytorch_takes_fan_in_and_normal_embeddings),
        cmocka_unit_test(xavier_goes_gate_by_gate),
        cmocka_unit_test(each_recurrent_gate_is_orthogonal),
        cmocka_unit_test(the_forget_gate_gets_its_bias),
        cmocka_unit_test(the_order_of_declaration_does_not_matter),
        cmocka_unit_test(bits_are_those_of_the_seed),
        cmocka_unit_test(normal_numbers_are_box_and_mullers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
