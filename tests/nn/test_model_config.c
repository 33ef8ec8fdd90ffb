#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "nn/cell.h"
#include "nn/model_config.h"

static rr_status bind(const char *text, rr_model_config *out) {
    rr_config *config;
    rr_status status = rr_config_parse("m.yaml", text, strlen(text), NULL, 0, &config);
    if (status != RR_OK) return status;
    status = rr_config_bind(config, &rr_model_section, out);
    rr_config_free(config);
    return status;
}

static void defaults(void **state) {
    (void)state;
    rr_model_config m;
    assert_int_equal(bind("{}", &m), RR_OK);
    assert_string_equal(rr_cells[m.cell]->name, "lstm");
    assert_true(m.embedding_size == 200 && m.hidden_size == 200 && m.num_layers == 2);
    assert_true(!m.bidirectional && m.bias && !m.tie_weights);
    assert_true(m.dropout == 0 && m.dropout_input == 0 && m.dropout_output == 0);
    assert_true(m.init.scheme == RR_INIT_PYTORCH && m.init.range == 0.1 && isnan(m.init.forget_bias));
}

static void every_key_reaches_its_field(void **state) {
    (void)state;
    rr_model_config m;
    assert_int_equal(
        bind("model: {cell: rnn_relu, embedding_size: 3, hidden_size: 4, num_layers: 5, bidirectional: true,"
             " bias: false, tie_weights: true, dropout: 0.1, dropout_input: 0.2, dropout_output: 0.3,"
             " init: {scheme: orthogonal, range: 0.5, forget_bias: -1.5}}",
             &m),
        RR_OK);
    assert_string_equal(rr_cells[m.cell]->name, "rnn_relu");
    assert_true(m.embedding_size == 3 && m.hidden_size == 4 && m.num_layers == 5);
    assert_true(m.bidirectional && !m.bias && m.tie_weights);
    assert_true(m.dropout == 0.1 && m.dropout_input == 0.2 && m.dropout_output == 0.3);
    assert_true(m.init.scheme == RR_INIT_ORTHOGONAL && m.init.range == 0.5 && m.init.forget_bias == -1.5);
}

/* The order of the schemes' names is that of the enum, and the cells' that of their table. */
static void names_mean_what_they_say(void **state) {
    (void)state;
    static const char *const schemes[] = {"uniform", "pytorch", "xavier", "orthogonal"};
    char text[80];
    rr_model_config m;
    for (int i = 0; i < 4; i++) {
        snprintf(text, sizeof text, "model: {init: {scheme: %s}}", schemes[i]);
        assert_int_equal(bind(text, &m), RR_OK);
        assert_int_equal(m.init.scheme, i);
    }
    assert_int_equal(RR_INIT_UNIFORM, 0);
    assert_int_equal(RR_INIT_ORTHOGONAL, 3);
    for (size_t i = 0; i < rr_cell_count; i++) {
        assert_string_equal(rr_cell_names[i], rr_cells[i]->name);
        snprintf(text, sizeof text, "model: {cell: %s}", rr_cells[i]->name);
        assert_int_equal(bind(text, &m), RR_OK);
        assert_int_equal(m.cell, i);
    }
    assert_null(rr_cell_names[rr_cell_count]);
}

static void wrong_values_are_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "cell: lstn",           "embedding_size: 0",
        "embedding_size: null", "hidden_size: 0",
        "num_layers: 0",        "num_layers: 1.5",
        "dropout: 1",           "dropout: -0.1",
        "dropout_input: 1",     "dropout_output: 1.0",
        "bidirectional: 3",     "init: {scheme: he}",
        "init: {range: -1}",    "init: {forget_bias: often}",
        "hiden_size: 3",        "dropout: null",
        "tie_weights: maybe",   "init: {rang: 1}",
        "bias: null",           "hidden_size: -5",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char text[80], key[40];
        rr_model_config m;
        snprintf(text, sizeof text, "# a line\nmodel:\n  %s\n", wrong[i]);
        snprintf(key, sizeof key, "m.yaml:3: model.%.*s", (int)strcspn(wrong[i], ":"), wrong[i]);
        if (bind(text, &m) != RR_ERR_INPUT) fail_msg("%s was taken", wrong[i]);
        if (strncmp(rr_last_error(), key, strlen(key)) != 0) fail_msg("%s: %s", wrong[i], rr_last_error());
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(every_key_reaches_its_field),
        cmocka_unit_test(names_mean_what_they_say),
        cmocka_unit_test(wrong_values_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
