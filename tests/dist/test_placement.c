/* Where ranks run, as text, for clusters of any size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dist/placement.h"

enum { MANY = 4096 };

static rr_rank_place places[MANY];
static rr_core_set cores[MANY];
static rr_buffer text;

static void place(size_t rank, const char *host, size_t node, size_t first_core, size_t count) {
    memset(&places[rank], 0, sizeof *places);
    memset(&cores[rank], 0, sizeof *cores);
    snprintf(places[rank].host, sizeof places[rank].host, "%s", host);
    places[rank].node = node;
    for (size_t core = first_core; core < first_core + count; core++)
        cores[rank].words[core / 64] |= (uint64_t)1 << core % 64;
}

/* nodes node001 ... with ranks_each ranks of cores_each cores */
static size_t place_cluster(size_t nodes, size_t ranks_each, size_t cores_each) {
    for (size_t rank = 0; rank < nodes * ranks_each; rank++) {
        char host[32];
        snprintf(host, sizeof host, "node%03zu", rank / ranks_each + 1);
        place(rank, host, rank / ranks_each, rank % ranks_each * cores_each, cores_each);
    }
    return nodes * ranks_each;
}

static const char *key(size_t ranks) {
    rr_buffer_clear(&text);
    rr_placement_key_write(places, ranks, "Open MPI 4.1.4", &text);
    return rr_buffer_text(&text);
}

static const char *describe(size_t ranks) {
    rr_buffer_clear(&text);
    assert_int_equal(rr_placement_describe(places, cores, ranks, "Open MPI 4.1.4", &text), RR_OK);
    return rr_buffer_text(&text);
}

static void one_rank(void **state) {
    (void)state;
    place(0, "laptop", 0, 3, 1);
    assert_string_equal(key(1), "1 rank: 1 node of 1; Open MPI 4.1.4");
    assert_string_equal(describe(1), "1 rank on 1 host, Open MPI 4.1.4\n  laptop: rank 0; core 3\n");
    place(0, "laptop", 0, 0, 8);
    assert_string_equal(describe(1), "1 rank on 1 host, Open MPI 4.1.4\n  laptop: rank 0; cores 0-7\n");
}

static void two_hosts_with_two_ranks(void **state) {
    (void)state;
    size_t ranks = place_cluster(2, 2, 4);
    assert_string_equal(key(ranks), "4 ranks: 2 nodes of 2; Open MPI 4.1.4");
    assert_string_equal(describe(ranks), "4 ranks on 2 hosts, Open MPI 4.1.4\n"
                                         "  node001: ranks 0-1; cores 0-3 | 4-7\n"
                                         "  node002: ranks 2-3; cores 0-3 | 4-7\n");
}

static void thousands_of_ranks_stay_a_few_lines(void **state) {
    (void)state;
    size_t ranks = place_cluster(85, 48, 2);
    assert_string_equal(key(ranks), "4080 ranks: 85 nodes of 48; Open MPI 4.1.4");
    assert_string_equal(describe(ranks), "4080 ranks on 85 hosts, Open MPI 4.1.4\n"
                                         "  node[001-085]: ranks 0-4079, 48 each; 2 cores each of 0-95\n");
    /* A node that differs stands alone. */
    for (size_t rank = 480; rank < 528; rank++) place(rank, "node011", 10, (rank - 480) * 2 + 96, 2);
    assert_string_equal(describe(ranks), "4080 ranks on 85 hosts, Open MPI 4.1.4\n"
                                         "  node[001-010]: ranks 0-479, 48 each; 2 cores each of 0-95\n"
                                         "  node011: ranks 480-527; 2 cores each of 96-191\n"
                                         "  node[012-085]: ranks 528-4079, 48 each; 2 cores each of 0-95\n");
}

static void an_uneven_last_node(void **state) {
    (void)state;
    size_t ranks = place_cluster(4, 3, 1) - 2;
    assert_string_equal(key(ranks), "10 ranks: 3 nodes of 3, 1 node of 1; Open MPI 4.1.4");
}

static void hosts_are_drawn_together_only_where_numbers_follow(void **state) {
    (void)state;
    static const char *const hosts[] = {"n8", "n9", "n10", "n12", "m13", "m14", "m015", "x", "x1y", "7"};
    for (size_t i = 0; i < 10; i++) place(i, hosts[i], i, 0, 1);
    assert_string_equal(key(10), "10 ranks: 10 nodes of 1; Open MPI 4.1.4");
    assert_string_equal(describe(10), "10 ranks on 10 hosts, Open MPI 4.1.4\n"
                                      "  n[8-10]: ranks 0-2, 1 each; core 0\n"
                                      "  n12: rank 3; core 0\n"
                                      "  m13: rank 4; core 0\n"
                                      "  m14: rank 5; core 0\n"
                                      "  m015: rank 6; core 0\n"
                                      "  x: rank 7; core 0\n"
                                      "  x1y: rank 8; core 0\n"
                                      "  7: rank 9; core 0\n");
}

static void ranks_dealt_out_in_turns_are_told_from_blocks(void **state) {
    (void)state;
    for (size_t rank = 0; rank < 4; rank++) place(rank, rank % 2 == 0 ? "a" : "b", rank % 2, rank / 2, 1);
    assert_string_equal(key(4), "4 ranks: 2 nodes of 2, in turns; Open MPI 4.1.4");
    assert_string_equal(describe(4), "4 ranks on 2 hosts, Open MPI 4.1.4\n"
                                     "  a: ranks 0, 2; cores 0 | 1\n"
                                     "  b: ranks 1, 3; cores 0 | 1\n");
}

static void ranks_without_binding_are_fine_while_there_are_cores_for_all(void **state) {
    (void)state;
    for (size_t rank = 0; rank < 4; rank++) place(rank, "host", 0, 0, 4);
    assert_string_equal(describe(4), "4 ranks on 1 host, Open MPI 4.1.4\n  host: ranks 0-3; cores 0-3, not bound\n");
}

static void more_ranks_than_cores_are_warned_about(void **state) {
    (void)state;
    for (size_t rank = 0; rank < 5; rank++) place(rank, "host", 0, 0, 4);
    assert_non_null(strstr(describe(5), "\nwarning: host has 5 ranks on 4 cores"));
    for (size_t rank = 0; rank < 2; rank++) place(rank, "host", 0, 6, 1);
    assert_non_null(strstr(describe(2), "\nwarning: host has 2 ranks on 1 core:"));
}

static void ranks_that_share_a_core_are_warned_about(void **state) {
    (void)state;
    size_t ranks = place_cluster(1, 4, 2);
    place(3, "node001", 0, 3, 3);
    assert_non_null(strstr(describe(ranks), "\nwarning: ranks 1 and 3 on node001 share core 3:"));
    ranks = place_cluster(1, 4, 2);
    assert_null(strstr(describe(ranks), "warning"));
}

static void unknown_cores_are_said_to_be_unknown(void **state) {
    (void)state;
    place(0, "host", 0, 0, 0);
    place(1, "host", 0, 0, 0);
    assert_string_equal(describe(2), "2 ranks on 1 host, Open MPI 4.1.4\n  host: ranks 0-1; cores unknown\n");
}

static bool is_even(const void *set, size_t number) {
    (void)set;
    return number % 2 == 0;
}

static bool is_any(const void *set, size_t number) { return set == NULL || number == *(const size_t *)set; }

static void ranges_of_numbers(void **state) {
    (void)state;
    size_t three = 3;
    rr_buffer_clear(&text);
    rr_number_ranges(is_any, NULL, 5, &text);
    rr_number_ranges(is_any, &three, 3, &text);
    rr_buffer_puts(&text, "; ");
    rr_number_ranges(is_any, &three, 4, &text);
    assert_string_equal(rr_buffer_text(&text), "0-4; 3");
    rr_buffer_clear(&text);
    rr_number_ranges(is_even, NULL, 1000, &text);
    assert_string_equal(rr_buffer_text(&text), "0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, ...");
}

static void this_thread_may_run_somewhere(void **state) {
    (void)state;
    rr_core_set mine;
    size_t words = 0;
    rr_core_set_of_this_thread(&mine);
    for (size_t w = 0; w < RR_MAX_CORES / 64; w++) words += mine.words[w] != 0;
    assert_true(words > 0);
}

static int free_text(void **state) {
    (void)state;
    rr_buffer_free(&text);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_rank),
        cmocka_unit_test(two_hosts_with_two_ranks),
        cmocka_unit_test(thousands_of_ranks_stay_a_few_lines),
        cmocka_unit_test(an_uneven_last_node),
        cmocka_unit_test(hosts_are_drawn_together_only_where_numbers_follow),
        cmocka_unit_test(ranks_dealt_out_in_turns_are_told_from_blocks),
        cmocka_unit_test(ranks_without_binding_are_fine_while_there_are_cores_for_all),
        cmocka_unit_test(more_ranks_than_cores_are_warned_about),
        cmocka_unit_test(ranks_that_share_a_core_are_warned_about),
        cmocka_unit_test(unknown_cores_are_said_to_be_unknown),
        cmocka_unit_test(ranges_of_numbers),
        cmocka_unit_test(this_thread_may_run_somewhere),
    };
    return cmocka_run_group_tests(tests, NULL, free_text);
}
