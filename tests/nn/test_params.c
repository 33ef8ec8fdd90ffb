#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "nn/params.h"

static size_t add(rr_params *params, const char *name, size_t rows, size_t columns) {
    rr_param param = {.dims = {rows, columns}, .dim_count = columns > 0 ? 2 : 1};
    snprintf(param.name, sizeof param.name, "%s", name);
    size_t index;
    assert_int_equal(rr_params_add(params, &param, &index), RR_OK);
    return index;
}

static void parameters_lie_in_order_on_cache_lines(void **state) {
    (void)state;
    rr_params params = {0};
    static const struct {
        const char *name;
        size_t rows, columns, offset;
    } rows[] = {{"a", 1, 0, 0}, {"b", 15, 0, 16}, {"c", 4, 4, 32}, {"d", 17, 0, 48}, {"e", 3, 7, 80}};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(add(&params, rows[i].name, rows[i].rows, rows[i].columns), i);
        assert_int_equal(params.items[i].offset, rows[i].offset);
        assert_int_equal(params.items[i].count, rows[i].rows * (rows[i].columns > 0 ? rows[i].columns : 1));
    }
    assert_int_equal(params.total, 112);
    assert_int_equal(rr_params_scalars(&params), 1 + 15 + 16 + 17 + 21);
    for (size_t i = 0; i < 5; i++) assert_int_equal(rr_param_end(&params, i), i < 4 ? rows[i + 1].offset : 112);
    rr_params_free(&params);
    assert_int_equal(params.count, 0);
    assert_int_equal(params.total, 0);
}

static void rowwise_parameters_begin_at_whole_units(void **state) {
    (void)state;
    rr_params params = {0};
    rr_param param = {.dims = {5, 7}, .dim_count = 2, .rowwise = true};
    size_t index;
    add(&params, "a", 3, 0);
    for (size_t i = 1; i <= 2; i++) {
        assert_int_equal(rr_params_add(&params, &param, &index), RR_OK);
        assert_int_equal(params.items[index].offset, i * RR_PARAM_ROWS_UNIT);
        assert_int_equal(rr_param_end(&params, index - 1), i * RR_PARAM_ROWS_UNIT);
    }
    rr_params_free(&params);
}

/* Listed rows are cleared, and only these: a value that was smuggled in shows which. */
static void listed_rows_alone_are_cleared(void **state) {
    (void)state;
    enum { ROWS = 6, WIDTH = 3 };
    rr_params params = {0};
    rr_param param = {.dims = {ROWS, WIDTH}, .dim_count = 2, .rowwise = true};
    size_t index;
    assert_int_equal(rr_params_add(&params, &param, &index), RR_OK);
    params.grads = calloc(params.total, sizeof *params.grads);
    assert_non_null(params.grads);
    assert_int_equal(rr_param_list_rows(&params, index), RR_OK);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < (size_t)ROWS * WIDTH; i++) params.grads[i] = 1;
        rr_param_list_row(&params, index, 4);
        rr_param_list_row(&params, index, (size_t)round);
        rr_param_list_row(&params, index, 4);
        assert_int_equal(params.items[index].rows->count, 2);
        rr_params_clear_grads(&params);
        for (size_t i = 0; i < (size_t)ROWS * WIDTH; i++)
            assert_true(params.grads[i] == (i / WIDTH == 4 || i / WIDTH == (size_t)round ? 0 : 1));
        assert_int_equal(params.items[index].rows->count, 0);
    }
    rr_param_list_row(&params, index, 1);
    rr_params_reset_grads(&params);
    for (size_t i = 0; i < (size_t)ROWS * WIDTH; i++) assert_true(params.grads[i] == 0);
    assert_int_equal(params.items[index].rows->count, 0);
    free(params.grads);
    rr_params_free(&params);
}

static void names_are_found_whole(void **state) {
    (void)state;
    rr_params params = {0};
    assert_int_equal(rr_params_find(&params, "a"), 0);
    add(&params, "rnn.weight_ih_l1", 1, 0);
    add(&params, "rnn.weight_ih_l1_reverse", 1, 0);
    assert_int_equal(rr_params_find(&params, "rnn.weight_ih_l1_reverse"), 1);
    assert_int_equal(rr_params_find(&params, "rnn.weight_ih_l1"), 0);
    assert_int_equal(rr_params_find(&params, "rnn.weight_ih"), 2);
    rr_params_free(&params);
}

/* A layer that overwrites is not cleared, but what it never wrote is not left over. */
static void gradients_of_a_step_start_from_nothing(void **state) {
    (void)state;
    rr_params params = {0};
    size_t index[3];
    for (size_t i = 0; i < 3; i++) {
        rr_param param = {.dims = {5}, .dim_count = 1, .overwritten = i > 0};
        snprintf(param.name, sizeof param.name, "%zu", i);
        assert_int_equal(rr_params_add(&params, &param, &index[i]), RR_OK);
    }
    float grads[48];
    assert_int_equal(params.total, 48);
    params.grads = grads;
    for (size_t i = 0; i < 48; i++) grads[i] = 7;
    assert_true(rr_param_adds(&params, index[1])); /* without rr_params_clear_grads everybody adds */
    rr_params_clear_grads(&params);
    assert_true(grads[0] == 0 && grads[4] == 0 && grads[5] == 7 && grads[16] == 7 && grads[32] == 7);
    assert_true(rr_param_adds(&params, index[0]));
    assert_false(rr_param_adds(&params, index[1]));
    assert_true(rr_param_adds(&params, index[1])); /* the second time in a step */
    rr_params_settle_grads(&params);
    assert_true(grads[16] == 7 && grads[32] == 0 && grads[36] == 0 && grads[37] == 7);
    assert_true(rr_param_adds(&params, index[2]));
    params.grads = NULL;
    rr_params_free(&params);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_lie_in_order_on_cache_lines),
        cmocka_unit_test(rowwise_parameters_begin_at_whole_units),
        cmocka_unit_test(listed_rows_alone_are_cleared),
        cmocka_unit_test(names_are_found_whole),
        cmocka_unit_test(gradients_of_a_step_start_from_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
