/* The `dist` section. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"
#include "dist/allreduce.h"
#include "dist/dist_config.h"

static rr_status bind(const char *text, rr_dist_config *out) {
    rr_config *config = NULL;
    rr_status status = rr_config_parse("a.yaml", text, strlen(text), NULL, 0, &config);
    if (status == RR_OK) status = rr_config_bind(config, &rr_dist_section, out);
    rr_config_free(config);
    return status;
}

static void defaults_are_those_of_the_contract(void **state) {
    (void)state;
    rr_dist_config dist;
    assert_int_equal(bind("{}", &dist), RR_OK);
    assert_int_equal(dist.allreduce, RR_ALLREDUCE_AUTO);
    assert_true(dist.bucket_mb == 4);
    assert_int_equal(dist.threads_per_rank, 1);
    assert_int_equal(dist.logical_shards, 0);
    assert_int_equal(dist.timeout_s, 300);
    assert_int_equal(dist.check_every_steps, 100);
}

static void every_algorithm_can_be_chosen_by_its_name(void **state) {
    (void)state;
    for (size_t i = 0; i < rr_allreduce_count; i++) {
        char text[64];
        rr_dist_config dist;
        snprintf(text, sizeof text, "dist: {allreduce: %s}", rr_allreduces[i]->name);
        assert_int_equal(bind(text, &dist), RR_OK);
        assert_ptr_equal(rr_allreduce_choose((size_t)dist.allreduce, 1000, 2, 1), rr_allreduces[i]);
        assert_true(rr_allreduces[i]->help[0] != 0);
    }
}

static void what_is_out_of_range_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"dist: {bucket_mb: 0}",
                                        "dist: {bucket_mb: -1}",
                                        "dist: {threads_per_rank: 0}",
                                        "dist: {threads_per_rank: 1025}",
                                        "dist: {allreduce: carrier pigeon}",
                                        "dist: {timeout_s: -1}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        rr_dist_config dist;
        assert_int_equal(bind(texts[i], &dist), RR_ERR_INPUT);
        assert_non_null(strstr(rr_last_error(), "a.yaml:1"));
    }
}

static void with_shards_an_allreduce_must_add_in_their_order(void **state) {
    (void)state;
    rr_dist_config dist;
    static const char *const possible[] = {"auto", "shared", "tree"}, *const impossible[] = {"ring", "mpi"};
    char text[80];
    for (size_t i = 0; i < 3; i++) {
        snprintf(text, sizeof text, "dist:\n  allreduce: %s\n  logical_shards: 8\n", possible[i]);
        assert_int_equal(bind(text, &dist), RR_OK);
        assert_int_equal(dist.logical_shards, 8);
    }
    for (size_t i = 0; i < 2; i++) {
        snprintf(text, sizeof text, "dist:\n  allreduce: %s\n  logical_shards: 8\n", impossible[i]);
        assert_int_equal(bind(text, &dist), RR_ERR_INPUT);
        assert_non_null(strstr(rr_last_error(), "a.yaml:2: dist.allreduce"));
        assert_non_null(strstr(rr_last_error(), "auto, shared or tree"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_contract),
        cmocka_unit_test(every_algorithm_can_be_chosen_by_its_name),
        cmocka_unit_test(what_is_out_of_range_is_refused),
        cmocka_unit_test(with_shards_an_allreduce_must_add_in_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
