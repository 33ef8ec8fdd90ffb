/* Drawing classes from logits. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "task/sampling.h"

enum { CLASSES = 5, DRAWS = 20000 };
static const float logits[CLASSES] = {0.0f, 1.0f, 2.0f, 1.0f, -1.0f};

static rr_generate_options with(double temperature, size_t top_k, double top_p) {
    return (rr_generate_options){.temperature = temperature, .top_k = top_k, .top_p = top_p, .seed = 3};
}

static void count_draws(const rr_generate_options *options, int32_t banned, double share[CLASSES]) {
    rr_sampler sampler;
    assert_int_equal(rr_sampler_create(CLASSES, &sampler), RR_OK);
    memset(share, 0, CLASSES * sizeof *share);
    for (uint64_t i = 0; i < DRAWS; i++) share[rr_sample(&sampler, logits, options, i, banned)] += 1.0 / DRAWS;
    rr_sampler_free(&sampler);
}

/* Four standard deviations of a share of DRAWS draws are below 0.0142. */
static void assert_shares(const rr_generate_options *options, int32_t banned, const double weight[CLASSES]) {
    double share[CLASSES], sum = 0;
    count_draws(options, banned, share);
    for (int i = 0; i < CLASSES; i++) sum += weight[i];
    for (int i = 0; i < CLASSES; i++) {
        assert_true(fabs(share[i] - weight[i] / sum) < 0.0142);
        if (weight[i] == 0) assert_true(share[i] == 0);
    }
}

static void draws_follow_the_softmax_at_any_temperature(void **state) {
    (void)state;
    for (double temperature = 0.5; temperature <= 2; temperature *= 2) {
        double weight[CLASSES];
        for (int i = 0; i < CLASSES; i++) weight[i] = exp((double)logits[i] / temperature);
        rr_generate_options options = with(temperature, 0, 1);
        assert_shares(&options, -1, weight);
    }
}

static void temperature_0_takes_the_first_of_the_largest(void **state) {
    (void)state;
    static const float tied[CLASSES] = {0, 7, 7, 1, 7};
    rr_sampler sampler;
    rr_generate_options options = with(0, 0, 1);
    assert_int_equal(rr_sampler_create(CLASSES, &sampler), RR_OK);
    for (uint64_t i = 0; i < 10; i++) {
        assert_int_equal(rr_sample(&sampler, tied, &options, i, -1), 1);
        assert_int_equal(rr_sample(&sampler, tied, &options, i, 1), 2);
    }
    rr_sampler_free(&sampler);
}

static void top_k_keeps_k_classes_and_the_lower_of_ties(void **state) {
    (void)state;
    rr_generate_options options = with(1, 2, 1);
    assert_shares(&options, -1, (const double[]){0, exp(1), exp(2), 0, 0}); /* 1 and 3 tie: 1 stays */
    options = with(1, 1, 1);
    assert_shares(&options, -1, (const double[]){0, 0, 1, 0, 0});
    options = with(1, 99, 1);
    assert_shares(&options, -1, (const double[]){1, exp(1), exp(2), exp(1), exp(-1)});
}

static void top_p_keeps_the_fewest_that_reach_p(void **state) {
    (void)state;
    double total = 1 + 2 * exp(1) + exp(2) + exp(-1), largest = exp(2) / total;
    rr_generate_options options = with(1, 0, largest - 1e-6);
    assert_shares(&options, -1, (const double[]){0, 0, 1, 0, 0});
    options = with(1, 0, largest + 1e-6);
    assert_shares(&options, -1, (const double[]){0, exp(1), exp(2), 0, 0});
}

static void a_banned_class_is_never_drawn(void **state) {
    (void)state;
    rr_generate_options options = with(1, 0, 1);
    assert_shares(&options, 2, (const double[]){1, exp(1), 0, exp(1), exp(-1)});
    options = with(1, 2, 1);
    assert_shares(&options, 2, (const double[]){0, exp(1), 0, exp(1), 0});
}

static void the_same_seed_and_index_draw_the_same(void **state) {
    (void)state;
    rr_sampler sampler;
    rr_generate_options options = with(1, 0, 1), other = with(1, 0, 1);
    int same = 0;
    other.seed = 4;
    assert_int_equal(rr_sampler_create(CLASSES, &sampler), RR_OK);
    for (uint64_t i = 0; i < 200; i++) {
        int32_t first = rr_sample(&sampler, logits, &options, i, -1);
        assert_int_equal(rr_sample(&sampler, logits, &options, i, -1), first);
        same += rr_sample(&sampler, logits, &other, i, -1) == first;
    }
    assert_true(same < 150);
    rr_sampler_free(&sampler);
}

static void options_out_of_range_are_named(void **state) {
    (void)state;
    const struct {
        rr_generate_options options;
        const char *name;
    } wrong[] = {
        {with(-1, 0, 1), "--temperature"}, {with(NAN, 0, 1), "--temperature"}, {with(INFINITY, 0, 1), "--temperature"},
        {with(1, 0, 0), "--top-p"},        {with(1, 0, 1.1), "--top-p"},       {with(1, 0, NAN), "--top-p"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(rr_sampling_check(&wrong[i].options), RR_ERR_INPUT);
        assert_non_null(strstr(rr_last_error(), wrong[i].name));
    }
    rr_generate_options fine = with(0, 5, 1);
    assert_int_equal(rr_sampling_check(&fine), RR_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_follow_the_softmax_at_any_temperature),
        cmocka_unit_test(temperature_0_takes_the_first_of_the_largest),
        cmocka_unit_test(top_k_keeps_k_classes_and_the_lower_of_ties),
        cmocka_unit_test(top_p_keeps_the_fewest_that_reach_p),
        cmocka_unit_test(a_banned_class_is_never_drawn),
        cmocka_unit_test(the_same_seed_and_index_draw_the_same),
        cmocka_unit_test(options_out_of_range_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
