/* The forecast follows from latency and rate by arithmetic that can be done by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "doctor/model.h"

/* Passes of 1 s with 10 rows and 2 s with 20; half of the gradients are ready at half of the pass, the rest at its end.
 */
static rr_trace_event ten[] = {{.s = 0.25}, {.s = 0.5, .end = 1000}, {.s = 1, .end = 2000}},
                      twenty[] = {{.s = 0.5}, {.s = 1, .end = 1000}, {.s = 2, .end = 2000}};
static const rr_compute_point points[] = {{10, 0.1, {.pass_s = 1, .events = ten, .count = 3}},
                                          {20, 0.1, {.pass_s = 2, .events = twenty, .count = 3}}};

static rr_cluster_model cluster(void) {
    return (rr_cluster_model){.points = points,
                              .count = 2,
                              .latency_s = 0,
                              .bytes_per_s = 1e9,
                              .local_latency_s = 0,
                              .local_bytes_per_s = 1e9,
                              .ranks_per_node = 1,
                              .allreduce = 1, /* the ring */
                              .bucket_floats = 1 << 30};
}

static void near(double got, double want) {
    if (got < 0.999 * want - 1e-12 || got > 1.001 * want + 1e-12) print_error("%g instead of %g\n", got, want);
    assert_true(got >= 0.999 * want - 1e-12 && got <= 1.001 * want + 1e-12);
}

static void one_rank_only_computes(void **state) {
    rr_cluster_model c = cluster();
    (void)state;
    near(rr_model_step(&c, 1, 20, 2000, 500).step_s, 2.1);
    near(rr_model_step(&c, 1, 10, 2000, 500).step_s, 1.1);
    near(rr_model_step(&c, 1, 15, 2000, 0).step_s, 1.6); /* between two points */
    near(rr_model_step(&c, 1, 30, 2000, 0).step_s, 3.1); /* beyond the last */
    near(rr_model_step(&c, 1, 5, 2000, 0).step_s, 0.6);  /* before the first, along the same line */
    near(rr_model_step(&c, 1, 20, 2000, 0).exposed_s, 0);
}

static void what_is_ready_early_is_hidden(void **state) {
    rr_cluster_model c = cluster();
    (void)state;
    c.bytes_per_s = 1e6; /* 2 (N - 1) / N of 4000 bytes: 4 ms on two ranks, 6 ms on four */
    rr_step_model step = rr_model_step(&c, 2, 10, 2000, 0);
    near(step.comm_s, 8e-3);
    near(step.exposed_s, 4e-3);
    near(step.step_s, 1.104);
    near(rr_model_step(&c, 4, 10, 2000, 0).exposed_s, 6e-3);
    c.bytes_per_s = 1e3; /* 4 s a half: the first still travels when the second is ready */
    near(rr_model_step(&c, 2, 10, 2000, 0).exposed_s, 0.5 + 8 - 1);
}

static void latency_counts_by_the_algorithm(void **state) {
    rr_cluster_model c = cluster();
    (void)state;
    c.bytes_per_s = 1e12;
    c.latency_s = 1e-3;
    near(rr_model_step(&c, 64, 10, 2000, 0).exposed_s, 2 * 63 * 1e-3);
    c.allreduce = 2; /* MPI's, taken for a tree */
    near(rr_model_step(&c, 64, 10, 2000, 0).exposed_s, 2 * 6 * 1e-3);
    near(rr_model_step(&c, 65, 10, 2000, 0).exposed_s, 2 * 7 * 1e-3);
}

static void buckets_and_nodes_count(void **state) {
    rr_cluster_model c = cluster();
    (void)state;
    c.bytes_per_s = 1e6;
    c.bucket_floats = 100;
    near(rr_model_step(&c, 2, 10, 2000, 0).exposed_s, 4e-3); /* one after the other: as many bytes */
    c.ranks_per_node = 4;
    c.local_bytes_per_s = 1e6;
    near(rr_model_step(&c, 4, 10, 2000, 0).exposed_s, 8e-3);  /* within a node: each byte twice through memory */
    near(rr_model_step(&c, 8, 10, 2000, 0).exposed_s, 12e-3); /* and 4 ms over two nodes */
    c.ranks_per_node = 1;
    near(rr_model_step(&c, 2, 10, 2000, 1000).exposed_s,
         4e-3 + 2e-3); /* rows after the buckets, half of them others' */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_rank_only_computes),
        cmocka_unit_test(what_is_ready_early_is_hidden),
        cmocka_unit_test(latency_counts_by_the_algorithm),
        cmocka_unit_test(buckets_and_nodes_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
