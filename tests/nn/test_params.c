#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_lie_in_order_on_cache_lines),
        cmocka_unit_test(names_are_found_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
