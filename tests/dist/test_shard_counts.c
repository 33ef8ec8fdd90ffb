/* Shards for ranks of unequal speed: beside every other way to share them out, where those can be tried. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dist/shard_counts.h"
#include "dist/shard_parts.h"

enum { MANY = 3000, FEW = 4, MOST_SHARDS = 12 };

static size_t counts[MANY];
static double rates[MANY];
static uint64_t random_state = 1;

static double random_rate(void) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return 0.2 + (double)(random_state >> 40) / (double)(1 << 24);
}

static double time_of(const size_t *shares, size_t ranks) {
    double most = 0;
    for (size_t r = 0; r < ranks; r++)
        if ((double)shares[r] / rates[r] > most) most = (double)shares[r] / rates[r];
    return most;
}

/* The shortest time of all ways to give `left` shards to ranks from `rank` on. */
static double shortest(size_t ranks, size_t rank, size_t left, size_t *shares) {
    double best = 1e300;
    if (rank + 1 == ranks) {
        shares[rank] = left;
        return time_of(shares, ranks);
    }
    for (shares[rank] = 0; shares[rank] <= left; shares[rank]++) {
        double time = shortest(ranks, rank + 1, left - shares[rank], shares);
        if (time < best) best = time;
    }
    return best;
}

static bool are_even(size_t ranks, size_t shards) {
    for (size_t r = 0; r < ranks; r++)
        if (counts[r] != rr_first_shard(shards, r + 1, ranks) - rr_first_shard(shards, r, ranks)) return false;
    return true;
}

static size_t sum_of(size_t ranks) {
    size_t sum = 0;
    for (size_t r = 0; r < ranks; r++) sum += counts[r];
    return sum;
}

static void no_other_way_is_much_quicker(void **state) {
    (void)state;
    size_t uneven = 0, idle = 0;
    for (size_t ranks = 1; ranks <= FEW; ranks++)
        for (size_t shards = 1; shards <= MOST_SHARDS; shards++)
            for (size_t turn = 0; turn < 40; turn++) {
                size_t shares[FEW];
                for (size_t r = 0; r < ranks; r++) rates[r] = random_rate();
                assert_int_equal(rr_shard_counts(rates, ranks, shards, counts), RR_OK);
                assert_int_equal(sum_of(ranks), shards);
                if (are_even(ranks, shards)) continue; /* some are too alike */
                uneven++;
                assert_true(time_of(counts, ranks) <= (1.05 + 1e-9) * shortest(ranks, 0, shards, shares));
                for (size_t r = 0; r < ranks; r++) idle += counts[r] == 0;
                for (size_t a = 0; a < ranks; a++)
                    for (size_t b = 0; b < ranks; b++) assert_false(rates[a] > rates[b] && counts[a] < counts[b]);
            }
    assert_true(uneven > 500 && idle > 20); /* so something was tried */
}

typedef struct example {
    size_t ranks, shards;
    double rates[FEW];
    size_t counts[FEW];
} example;

static void shares_follow_speed(void **state) {
    (void)state;
    static const example examples[] = {
        {1, 5, {3}, {5}},
        {2, 4, {90, 30}, {3, 1}},
        {2, 4, {30, 90}, {1, 3}},
        {3, 8, {2e-3, 1e-3, 1e-3}, {4, 2, 2}},
        {4, 64, {100, 100, 50, 50}, {22, 22, 10, 10}}, /* 21 would be done as late, and is no even number */
        {2, 8, {100, 5}, {8, 0}},                      /* who is too slow for a single one has none */
        {2, 64, {1, 0.92}, {32, 32}},                  /* a difference that may be chance */
        {2, 64, {1, 0.88}, {34, 30}},                  /* a greater one */
        {2, 4, {1, 0.7}, {2, 2}},                      /* nothing is won by [3, 1] */
        {3, 4, {1, 0.8, 0.8}, {2, 1, 1}},              /* even ones would be [1, 1, 2] */
        {2, 64, {1, 0.61}, {40, 24}},
        {2, 128, {1, 0.615}, {80, 48}}, /* the quickest are [79, 49], in runs of five whole nodes, and three */
        {4, 6, {1, 1e-9, 1e-9, 1}, {3, 0, 0, 3}},
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        assert_int_equal(rr_shard_counts(examples[i].rates, examples[i].ranks, examples[i].shards, counts), RR_OK);
        assert_memory_equal(counts, examples[i].counts, examples[i].ranks * sizeof *counts);
    }
}

static void a_thousand_ranks_are_shared_out_too(void **state) {
    (void)state;
    for (size_t shards = 1; shards < 1000000; shards = 7 * shards + 1) {
        for (size_t r = 0; r < MANY; r++) rates[r] = r % 3 == 0 ? 50 : 100 + random_rate();
        assert_int_equal(rr_shard_counts(rates, MANY, shards, counts), RR_OK);
        assert_int_equal(sum_of(MANY), shards);
        if (shards < 100 * MANY) continue;
        double best = (double)shards / (MANY / 3.0 * 50 + 2 * MANY / 3.0 * 101);
        assert_true(time_of(counts, MANY) < 1.1 * best);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_other_way_is_much_quicker),
        cmocka_unit_test(shares_follow_speed),
        cmocka_unit_test(a_thousand_ranks_are_shared_out_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
