/* Sums in the order of a tree over shards, beside a plain recursion, with numbers whose sum depends on the order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "math/tree_sum.h"

enum { MOST = 40, SIZE = 2500, BEGIN = 7 };

static float values[MOST][SIZE];

static void fill(void) {
    uint32_t random = 1;
    for (size_t s = 0; s < MOST; s++)
        for (size_t i = 0; i < SIZE; i++) {
            random = random * 1664525u + 1013904223u;
            values[s][i] = ((float)(random >> 8) - 8e6f) * (s % 3 == 1 ? 1e3f : s % 3 == 2 ? 1e-1f : 1e-4f);
        }
}

/* The node of that level and number over all shards: what the header promises, word by word. */
static float node(size_t shards, size_t level, size_t number, size_t i) {
    if (level == 0) return values[number][i];
    size_t right = 2 * number + 1;
    float left = node(shards, level - 1, 2 * number, i);
    return (right << (level - 1)) < shards ? left + node(shards, level - 1, right, i) : left;
}

static float whole(size_t shards, size_t i) {
    size_t level = 0;
    while (((size_t)1 << level) < shards) level++;
    return node(shards, level, 0, i);
}

static void sum_of_node(size_t shards, rr_tree_node n, float *out) {
    const float *parts[MOST];
    rr_tree_sum sum;
    assert_int_equal(rr_tree_sum_of_shards(shards, n, &sum), RR_OK);
    for (size_t s = n.first; s < n.end; s++) parts[s - n.first] = values[s];
    float *scratch = malloc(rr_tree_sum_scratch(&sum) * sizeof *scratch);
    rr_tree_sum_run(&sum, parts, BEGIN, SIZE - BEGIN, scratch, out);
    free(scratch);
    rr_tree_sum_free(&sum);
}

static void the_sum_of_all_shards_is_that_of_the_tree(void **state) {
    (void)state;
    static float out[SIZE];
    for (size_t shards = 1; shards <= MOST; shards++) {
        sum_of_node(shards, (rr_tree_node){0, shards}, out);
        for (size_t i = 0; i < SIZE - BEGIN; i++) assert_true(out[i] == whole(shards, BEGIN + i));
    }
}

static void the_order_shows_in_these_numbers(void **state) {
    (void)state;
    size_t different = 0;
    for (size_t i = 0; i < SIZE; i++) {
        float sum = 0;
        for (size_t s = 0; s < 8; s++) sum += values[s][i];
        different += sum != whole(8, i);
    }
    assert_true(different > SIZE / 4);
}

/* Shards are dealt to `holders`, in runs; each adds up the whole nodes of its run, and somebody those of all. */
static void check_holders(size_t shards, size_t holders) {
    static float nodes[MOST * 8][SIZE], scratch[64 * 1024];
    rr_tree_node all[MOST * 8];
    const float *parts[MOST * 8];
    size_t count = 0;
    rr_tree_sum sum;
    for (size_t h = 0; h < holders; h++) {
        rr_tree_node mine[RR_TREE_NODES];
        size_t n = rr_tree_nodes(shards, shards * h / holders, shards * (h + 1) / holders, mine);
        for (size_t k = 0; k < n; k++, count++) {
            sum_of_node(shards, mine[k], nodes[count]);
            all[count] = mine[k];
            parts[count] = nodes[count];
        }
    }
    assert_int_equal(rr_tree_sum_create(shards, all, count, &sum), RR_OK);
    assert_true(rr_tree_sum_scratch(&sum) <= sizeof scratch / sizeof *scratch);
    float *out = nodes[count / 2]; /* in the place of a part */
    rr_tree_sum_run(&sum, parts, 0, SIZE - BEGIN, scratch, out);
    for (size_t i = 0; i < SIZE - BEGIN; i++) assert_true(out[i] == whole(shards, BEGIN + i));
    rr_tree_sum_free(&sum);
}

static void it_does_not_matter_who_holds_which_run_of_shards(void **state) {
    (void)state;
    for (size_t shards = 1; shards <= MOST; shards++)
        for (size_t holders = 1; holders <= shards + 2; holders++) check_holders(shards, holders);
}

static void runs_are_few_whole_nodes(void **state) {
    (void)state;
    rr_tree_node out[RR_TREE_NODES];
    assert_int_equal(rr_tree_nodes(8, 0, 8, out), 1);
    assert_int_equal(rr_tree_nodes(5, 0, 5, out), 1);
    assert_int_equal(rr_tree_nodes(5, 4, 5, out), 1);
    assert_int_equal(rr_tree_nodes(7, 4, 7, out), 1);
    assert_int_equal(rr_tree_nodes(8, 1, 1, out), 0);
    assert_int_equal(rr_tree_nodes(8, 2, 5, out), 2);
    assert_true(out[0].first == 2 && out[0].end == 4 && out[1].first == 4 && out[1].end == 5);
    assert_int_equal(rr_tree_nodes(8, 1, 7, out), 4); /* 1, 2-3, 4-5, 6 */
    assert_int_equal(rr_tree_nodes((size_t)1 << 20, 1, ((size_t)1 << 20) - 1, out), 38);
}

static void a_node_is_split_into_its_halves(void **state) {
    (void)state;
    for (size_t shards = 2; shards <= MOST; shards++) {
        rr_tree_node nodes[RR_TREE_NODES], halves[2];
        rr_tree_sum sum;
        size_t count = rr_tree_nodes(shards, shards / 3, shards, nodes);
        for (size_t k = 0; k < count; k++) {
            if (nodes[k].end - nodes[k].first < 2) continue;
            rr_tree_split(nodes[k], &halves[0], &halves[1]);
            assert_true(halves[0].first == nodes[k].first && halves[1].end == nodes[k].end);
            assert_int_equal(rr_tree_sum_create(shards, halves, 2, &sum), RR_OK);
            rr_tree_sum_free(&sum);
        }
    }
}

static void merges_of_single_shards_are_those_of_the_sum(void **state) {
    (void)state;
    for (size_t shards = 1; shards <= MOST; shards++) {
        rr_tree_node nodes[RR_TREE_NODES];
        size_t count = rr_tree_nodes(shards, shards / 3, shards, nodes);
        for (size_t k = 0; k < count; k++) {
            rr_tree_sum sum;
            unsigned char merges[MOST];
            assert_int_equal(rr_tree_sum_of_shards(shards, nodes[k], &sum), RR_OK);
            assert_int_equal(rr_tree_merges(shards, nodes[k], merges), sum.depth);
            assert_memory_equal(merges, sum.merges, sum.count);
            assert_true(sum.depth <= rr_tree_depth(sum.count));
            rr_tree_sum_free(&sum);
        }
    }
}

static void parts_that_are_not_one_node_are_refused(void **state) {
    (void)state;
    rr_tree_sum sum;
    assert_int_equal(rr_tree_sum_create(8, (rr_tree_node[]){{1, 2}, {2, 3}}, 2, &sum), RR_ERR_RUNTIME);
    assert_int_equal(rr_tree_sum_create(8, (rr_tree_node[]){{0, 1}, {2, 4}}, 2, &sum), RR_ERR_RUNTIME);
    assert_int_equal(rr_tree_sum_create(8, (rr_tree_node[]){{0, 3}}, 1, &sum), RR_ERR_RUNTIME);
    assert_int_equal(rr_tree_sum_create(8, (rr_tree_node[]){{8, 9}}, 1, &sum), RR_ERR_RUNTIME);
    assert_int_equal(rr_tree_sum_create(8, NULL, 0, &sum), RR_ERR_RUNTIME);
}

static void absent_parts_are_zeros(void **state) {
    (void)state;
    static float zeros[SIZE], scratch[64 * 1024], expected[SIZE], out[SIZE];
    rr_tree_sum sum;
    assert_int_equal(rr_tree_sum_of_shards(8, (rr_tree_node){0, 8}, &sum), RR_OK);
    for (unsigned present = 0; present < 256; present++) {
        const float *full[8], *sparse[8];
        for (size_t s = 0; s < 8; s++) {
            bool there = (present >> s & 1) != 0;
            sparse[s] = there ? values[s] : NULL;
            full[s] = there ? values[s] : zeros;
        }
        rr_tree_sum_run(&sum, full, 0, SIZE, scratch, expected);
        rr_tree_sum_run(&sum, sparse, 0, SIZE, scratch, out);
        assert_memory_equal(out, expected, sizeof out); /* the signs of zeros, too */
    }
    rr_tree_sum_free(&sum);
}

int main(void) {
    fill();
    for (size_t s = 0; s < 8; s++) values[s][3] = s % 2 == 0 ? -0.0f : 0.0f;
    for (size_t s = 0; s < 8; s++) values[s][5] = -0.0f;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sum_of_all_shards_is_that_of_the_tree),
        cmocka_unit_test(the_order_shows_in_these_numbers),
        cmocka_unit_test(it_does_not_matter_who_holds_which_run_of_shards),
        cmocka_unit_test(runs_are_few_whole_nodes),
        cmocka_unit_test(a_node_is_split_into_its_halves),
        cmocka_unit_test(merges_of_single_shards_are_those_of_the_sum),
        cmocka_unit_test(parts_that_are_not_one_node_are_refused),
        cmocka_unit_test(absent_parts_are_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
