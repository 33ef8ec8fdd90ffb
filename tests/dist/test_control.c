/* What all ranks know about a step. */
#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "dist/control.h"
#include "ranks.h"

static void sums_and_largest_values_arrive(void **state) {
    (void)state;
    rr_control_exchange *exchange = NULL;
    uint64_t random = rank + 1;
    expect(rr_control_create(comm, &exchange) == RR_OK);
    for (size_t step = 0; step < 100; step++) {
        rr_control local, all;
        for (size_t k = 0; k < RR_CONTROL_SUMS; k++) local.sum[k] = (double)(rank * 10 + k + step);
        for (size_t k = 0; k < RR_CONTROL_MAXES; k++) local.max[k] = -(double)((rank + k + step) % ranks) - 1;
        expect(rr_control_start(exchange, &local) == RR_OK);
        memset(&local, 0xff, sizeof local); /* it was copied */
        for (uint32_t ticks = next_random(&random) % 50; ticks > 0; ticks--) rr_control_tick(exchange);
        expect(rr_control_wait(exchange, &all) == RR_OK);
        for (size_t k = 0; k < RR_CONTROL_SUMS; k++)
            expect(all.sum[k] == (double)(10 * (ranks * (ranks - 1) / 2) + ranks * (k + step)));
        for (size_t k = 0; k < RR_CONTROL_MAXES; k++) expect(all.max[k] == -1); /* negative ones count too */
    }
    rr_control_free(exchange);
    settle();
}

static void all_ranks_get_the_same_bits(void **state) {
    (void)state;
    rr_control_exchange *exchange = NULL;
    uint64_t random = 77 * rank + 5;
    expect(rr_control_create(comm, &exchange) == RR_OK);
    for (size_t step = 0; step < 20; step++) {
        rr_control local = {{0}, {0}}, all = local;
        for (size_t k = 0; k < RR_CONTROL_SUMS; k++) local.sum[k] = next_random(&random) / 3e5 - 1000;
        expect(rr_control_start(exchange, &local) == RR_OK);
        expect(rr_control_wait(exchange, &all) == RR_OK);
        expect(same_on_all(rr_hash64(&all, sizeof all, 0)));
    }
    rr_control_free(exchange);
    settle();
}

static void a_value_that_is_no_number_is_seen_by_all(void **state) {
    (void)state;
    rr_control_exchange *exchange = NULL;
    expect(rr_control_create(comm, &exchange) == RR_OK);
    for (size_t bad = 0; bad < ranks; bad++) {
        rr_control local = {{0}, {1, 1}}, all = local;
        if (rank == bad) local.sum[0] = local.max[0] = NAN;
        expect(rr_control_start(exchange, &local) == RR_OK);
        expect(rr_control_wait(exchange, &all) == RR_OK);
        expect(isnan(all.sum[0]) && isnan(all.max[0]));
        expect(all.sum[1] == 0 && all.max[1] == 1);
    }
    rr_control_free(exchange);
    settle();
}

static void only_one_exchange_at_a_time(void **state) {
    (void)state;
    rr_control_exchange *exchange = NULL;
    rr_control local = {{1}, {2}}, all = {{0}, {0}};
    expect(rr_control_create(comm, &exchange) == RR_OK);
    expect(rr_control_wait(exchange, &all) == RR_ERR_RUNTIME);
    rr_control_tick(exchange); /* harmless */
    expect(rr_control_start(exchange, &local) == RR_OK);
    expect(rr_control_start(exchange, &local) == RR_ERR_RUNTIME);
    expect(rr_control_wait(exchange, &all) == RR_OK);
    expect(all.sum[0] == (double)ranks && all.max[0] == 2);
    rr_control_free(exchange);
    settle();
}

static int run(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_and_largest_values_arrive),
        cmocka_unit_test(all_ranks_get_the_same_bits),
        cmocka_unit_test(a_value_that_is_no_number_is_seen_by_all),
        cmocka_unit_test(only_one_exchange_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv) { return run_ranks(&argc, &argv, run); }
