/* The communicator: ranks agree, share and compare. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "ranks.h"

static int words(const char *part) { return strstr(rr_last_error(), part) != NULL; }

static void ranks_know_who_they_are(void **state) {
    (void)state;
    int size, me;
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Comm_rank(MPI_COMM_WORLD, &me);
    expect(ranks == (size_t)size && rank == (size_t)me);
    /* All ranks of a test run on one host. */
    expect(rr_comm_nodes(comm) == 1 && rr_comm_node(comm) == 0);
    expect(rr_comm_local_size(comm) == ranks && rr_comm_local_rank(comm) == rank);
    expect(strlen(rr_comm_host(comm)) > 0);
    settle();
}

static void all_well_is_agreed_on(void **state) {
    (void)state;
    expect(rr_comm_agree(comm, RR_OK) == RR_OK);
    expect(!rr_comm_agreed(comm));
    settle();
}

static void one_failing_rank_fails_all_with_its_message(void **state) {
    (void)state;
    for (size_t bad = 0; bad < ranks; bad++) {
        char prefix[32];
        rr_status mine = RR_OK;
        snprintf(prefix, sizeof prefix, "rank %zu (", bad);
        if (rank == bad) mine = rr_fail(RR_ERR_INPUT, "no file number %zu", bad);
        expect(rr_comm_agree(comm, mine) == RR_ERR_INPUT);
        expect(words("no file number"));
        expect(ranks == 1 || words(prefix));
        expect(rr_comm_agreed(comm));
        /* Being well again is agreed on too. */
        expect(rr_comm_agree(comm, RR_OK) == RR_OK && !rr_comm_agreed(comm));
    }
    settle();
}

static void of_several_failing_ranks_the_lowest_speaks(void **state) {
    (void)state;
    size_t first = ranks > 2 ? 1 : 0;
    rr_status mine = RR_OK;
    if (rank >= first) mine = rr_fail(rank == first ? RR_ERR_NOMEM : RR_ERR_RUNTIME, "trouble of rank %zu", rank);
    expect(rr_comm_agree(comm, mine) == RR_ERR_NOMEM);
    expect(words(first == 0 ? "trouble of rank 0" : "trouble of rank 1"));
    if (ranks == 4) expect(words("(3 of 4 ranks failed)"));
    settle();
}

static void a_failure_common_to_all_is_told_without_a_rank(void **state) {
    (void)state;
    expect(rr_comm_agree(comm, rr_fail(RR_ERR_INPUT, "lm.yaml:3: optim.lr must be > 0")) == RR_ERR_INPUT);
    expect(strcmp(rr_last_error(), "lm.yaml:3: optim.lr must be > 0") == 0);
    /* The same words under another status are not the same failure. */
    rr_status mine = rr_fail(rank == 0 ? RR_ERR_INPUT : RR_ERR_RUNTIME, "the same words");
    expect(rr_comm_agree(comm, mine) == RR_ERR_INPUT);
    expect(ranks == 1 || words("rank 0 ("));
    settle();
}

static void long_messages_arrive_whole(void **state) {
    (void)state;
    char text[6000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    rr_status mine = rank == ranks - 1 ? rr_fail(RR_ERR_RUNTIME, "%s", text) : RR_OK;
    expect(rr_comm_agree(comm, mine) == RR_ERR_RUNTIME);
    expect(words(text));
    settle();
}

static void bytes_of_any_root_reach_all(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 4096, 3000017};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t root = 0; root<ranks; root += ranks> 1 ? ranks - 1 : 1) {
            rr_buffer bytes = {0};
            rr_buffer_puts(&bytes, "stale");
            if (rank == root) {
                rr_buffer_clear(&bytes);
                for (size_t k = 0; k < sizes[i]; k++) rr_buffer_append(&bytes, &(char){(char)(k * 7 + root)}, 1);
            }
            expect(rr_comm_broadcast(comm, root, &bytes) == RR_OK);
            expect(bytes.length == sizes[i]);
            size_t bad = 0;
            for (size_t k = 0; k < bytes.length; k++) bad += bytes.data[k] != (char)(k * 7 + root);
            expect(bad == 0);
            expect(strlen(rr_buffer_text(&bytes)) <= sizes[i]); /* a NUL follows */
            rr_buffer_free(&bytes);
        }
    rr_buffer never_filled = {0};
    expect(rr_comm_broadcast(comm, 0, &never_filled) == RR_OK && never_filled.length == 0);
    rr_buffer_free(&never_filled);
    settle();
}

static void a_broadcast_that_has_no_memory_fails_everywhere(void **state) {
    (void)state;
    rr_buffer bytes = {0};
    bytes.failed = rank == 0;
    expect(rr_comm_broadcast(comm, 0, &bytes) == RR_ERR_NOMEM);
    rr_buffer_free(&bytes);
    settle();
}

static void floats_reach_all(void **state) {
    (void)state;
    static const size_t counts[] = {0, 1, 100003};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        float *values = malloc((counts[i] + 1) * sizeof *values);
        for (size_t k = 0; k <= counts[i]; k++) values[k] = rank == ranks - 1 ? (float)k : -1;
        values[counts[i]] = 42;
        expect(rr_comm_broadcast_floats(comm, ranks - 1, values, counts[i]) == RR_OK);
        size_t bad = 0;
        for (size_t k = 0; k < counts[i]; k++) bad += values[k] != (float)k;
        expect(bad == 0 && values[counts[i]] == 42);
        free(values);
    }
    settle();
}

static void gathers_keep_the_order_of_ranks(void **state) {
    (void)state;
    /* Counts that differ, with empty ranks: first none, then rank 0's, then every other's. */
    for (size_t round = 0; round < 4; round++) {
        size_t counts[8], total = 0;
        for (size_t r = 0; r < ranks; r++) {
            counts[r] = round == 0 ? 0 : round == 1 ? r * 3 : round == 2 ? (r % 2 == 0) * 70001 : 1;
            total += counts[r];
        }
        double *mine = malloc((counts[rank] + 1) * sizeof *mine), *all = malloc((total + 1) * sizeof *all);
        float *mine_f = malloc((counts[rank] + 1) * sizeof *mine_f), *all_f = malloc((total + 1) * sizeof *all_f);
        for (size_t k = 0; k < counts[rank]; k++) mine_f[k] = (float)(mine[k] = (double)(rank * 100000 + k));
        all[total] = all_f[total] = 42;
        expect(rr_comm_gather_doubles(comm, mine, counts, rank == 0 ? all : NULL) == RR_OK);
        expect(rr_comm_gather_floats(comm, mine_f, counts, rank == 0 ? all_f : NULL) == RR_OK);
        size_t bad = 0, at = 0;
        for (size_t r = 0; rank == 0 && r < ranks; r++)
            for (size_t k = 0; k < counts[r]; k++, at++)
                bad += all[at] != (double)(r * 100000 + k) || all_f[at] != (float)(r * 100000 + k);
        expect(bad == 0 && all[total] == 42 && all_f[total] == 42);
        free(mine), free(all), free(mine_f), free(all_f);
    }
    settle();
}

static void bytes_of_all_ranks(void **state) {
    (void)state;
    for (size_t round = 0; round < 3; round++) { /* some have none; longer than a piece would be too slow here */
        rr_buffer bytes = {0}, expected = {0};
        for (size_t r = 0; r < ranks; r++)
            for (size_t k = 0; k < (r + round) % 3 * 1000; k++) {
                rr_buffer_printf(&expected, "%zu:%zu ", r, k);
                if (r == rank) rr_buffer_printf(&bytes, "%zu:%zu ", r, k);
            }
        size_t mine = bytes.length;
        expect(rr_comm_gather_bytes(comm, &bytes) == RR_OK);
        if (rank == 0)
            expect(strcmp(rr_buffer_text(&bytes), rr_buffer_text(&expected)) == 0);
        else
            expect(bytes.length == mine);
        rr_buffer_free(&bytes);
        rr_buffer_free(&expected);
    }
    settle();
}

static void largest_and_sum_over_ranks(void **state) {
    (void)state;
    double values[131], sums[131]; /* more than go over at a time */
    for (size_t k = 0; k < 131; k++) values[k] = sums[k] = (double)((rank * 37 + k * 11) % 23);
    values[130] = sums[130] = 42;
    expect(rr_comm_max_doubles(comm, values, 130) == RR_OK);
    expect(rr_comm_sum_doubles(comm, sums, 130) == RR_OK);
    for (size_t k = 0; k < 130; k++) {
        double largest = 0, sum = 0;
        for (size_t r = 0; r < ranks; r++) {
            double x = (double)((r * 37 + k * 11) % 23);
            largest = x > largest ? x : largest;
            sum += x;
        }
        expect(values[k] == largest && sums[k] == sum);
    }
    expect(values[130] == 42 && sums[130] == 42);
    expect(rr_comm_max_doubles(comm, NULL, 0) == RR_OK && rr_comm_sum_doubles(comm, NULL, 0) == RR_OK);
    settle();
}

static void sums_have_the_same_bits_and_nan_is_never_hidden(void **state) {
    (void)state;
    double third = 1.0 / (3.0 + (double)rank);
    uint64_t bits;
    expect(rr_comm_sum_doubles(comm, &third, 1) == RR_OK);
    memcpy(&bits, &third, sizeof bits);
    expect(same_on_all(bits));
    for (size_t bad = 0; bad < ranks; bad++) {
        double largest = rank == bad ? NAN : 1e300;
        expect(rr_comm_max_doubles(comm, &largest, 1) == RR_OK);
        expect(isnan(largest));
    }
    settle();
}

static void equal_values_compare_as_equal(void **state) {
    (void)state;
    expect(rr_comm_compare(comm, UINT64_MAX, "nothing") == RR_OK);
    expect(rr_comm_compare(comm, 0, "nothing") == RR_OK);
    expect(!rr_comm_agreed(comm));
    settle();
}

static void a_planted_difference_is_found_and_the_rank_named(void **state) {
    (void)state;
    for (size_t odd = 0; odd < ranks && ranks > 1; odd++) {
        char name[32];
        snprintf(name, sizeof name, ranks > 2 ? "rank %zu " : "rank 1 ", odd);
        expect(rr_comm_compare(comm, rank == odd ? 7 : 9, "the parameters after step 120") == RR_ERR_RUNTIME);
        expect(words("the parameters after step 120") && words(name) && words(rr_comm_host(comm)));
        expect(words(ranks > 2 ? "from the majority" : "from rank 0"));
        expect(rr_comm_agreed(comm));
        expect(same_on_all(rr_hash64(rr_last_error(), strlen(rr_last_error()), 0)));
    }
    if (ranks == 7) {
        expect(rr_comm_compare(comm, rank == 1 || rank == 4 || rank == 5 ? rank : 9, "values") == RR_ERR_RUNTIME);
        expect(words("ranks 1, 4-5 "));
    }
    settle();
}

static void placement_is_told_by_rank_0_and_keyed_on_all(void **state) {
    (void)state;
    rr_buffer text = {0};
    char start[32];
    snprintf(start, sizeof start, "%zu rank%s", ranks, ranks == 1 ? "" : "s");
    expect(rr_comm_placement(comm, &text) == RR_OK);
    if (rank == 0) {
        expect(strncmp(rr_buffer_text(&text), start, strlen(start)) == 0);
        expect(strstr(rr_buffer_text(&text), rr_comm_host(comm)) != NULL);
        expect(strstr(rr_buffer_text(&text), "core") != NULL);
    } else {
        expect(text.length == 0);
    }
    const char *key = rr_comm_placement_key(comm);
    expect(strncmp(key, start, strlen(start)) == 0);
    expect(same_on_all(rr_hash64(key, strlen(key), 0)));
    rr_buffer_free(&text);
    settle();
}

static void nobody_passes_a_barrier_before_all_have_come(void **state) {
    (void)state;
    for (size_t late = 0; late < ranks; late++) {
        double before = rr_clock_seconds(), left, came;
        if (rank == late)
            while (rr_clock_seconds() - before < 0.05) continue;
        came = rr_clock_seconds();
        expect(rr_comm_barrier(comm) == RR_OK);
        left = rr_clock_seconds();
        MPI_Allreduce(MPI_IN_PLACE, &came, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
        expect(left >= came); /* one host, one clock */
    }
    settle();
}

static int run(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_know_who_they_are),
        cmocka_unit_test(all_well_is_agreed_on),
        cmocka_unit_test(bytes_of_all_ranks),
        cmocka_unit_test(one_failing_rank_fails_all_with_its_message),
        cmocka_unit_test(of_several_failing_ranks_the_lowest_speaks),
        cmocka_unit_test(a_failure_common_to_all_is_told_without_a_rank),
        cmocka_unit_test(long_messages_arrive_whole),
        cmocka_unit_test(bytes_of_any_root_reach_all),
        cmocka_unit_test(a_broadcast_that_has_no_memory_fails_everywhere),
        cmocka_unit_test(floats_reach_all),
        cmocka_unit_test(gathers_keep_the_order_of_ranks),
        cmocka_unit_test(largest_and_sum_over_ranks),
        cmocka_unit_test(sums_have_the_same_bits_and_nan_is_never_hidden),
        cmocka_unit_test(equal_values_compare_as_equal),
        cmocka_unit_test(a_planted_difference_is_found_and_the_rank_named),
        cmocka_unit_test(placement_is_told_by_rank_0_and_keyed_on_all),
        cmocka_unit_test(nobody_passes_a_barrier_before_all_have_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv) { return run_ranks(&argc, &argv, run); }
