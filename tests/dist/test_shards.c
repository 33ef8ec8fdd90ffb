/*
 * Sums in the order of shards: whatever the ranks, the nodes, the algorithm and the buckets, they are those of the tree
 * over the shards, to the bit. The values are such that their sum depends on the order of adding.
 */
#include <math.h>
#include <string.h>

#include "dist/reducer.h"
#include "dist/shared_memory.h"
#include "ranks.h"

enum { COUNT = 9001, HEIGHT = 300, WIDTH = 19, MOST = 21 };

static float value_of(size_t shard, size_t i) {
    uint64_t random = shard * 7919 + i;
    next_random(&random);
    float value = (float)next_random(&random) - 1e9f;
    return value * (shard % 3 == 1 ? 1e3f : shard % 3 == 2 ? 1e-1f : 1e-4f);
}

/* Node `number` of `level` of the tree over all shards: what math/tree_sum.h promises, word by word. */
static float node(size_t shards, size_t level, size_t number, size_t i) {
    if (level == 0) return value_of(number, i);
    size_t right = 2 * number + 1;
    float left = node(shards, level - 1, 2 * number, i);
    return (right << (level - 1)) < shards ? left + node(shards, level - 1, right, i) : left;
}

static size_t level_of(size_t size) {
    size_t level = 0;
    while (((size_t)1 << level) < size) level++;
    return level;
}

static float whole(size_t shards, size_t i) { return node(shards, level_of(shards), 0, i); }

/* What this rank's arrays hold: the sums of its whole nodes, and in between and beyond something else. */
static void fill(const rr_shard_parts *parts, size_t arrays, float *values) {
    rr_tree_node mine[RR_TREE_NODES];
    size_t count = rr_shard_parts_nodes(parts, rank, mine);
    for (size_t k = 0; k < arrays; k++)
        for (size_t i = 0; i < COUNT; i++) {
            size_t level = k < count ? level_of(mine[k].end - mine[k].first) : 0;
            values[k * parts->stride + i] = k < count ? node(parts->shards, level, mine[k].first >> level, i) : NAN;
        }
}

static void check_sum(const rr_shard_parts *parts, int allreduce, bool sharded, double bucket, float *values,
                      size_t arrays) {
    rr_dist_config config = {
        .allreduce = allreduce, .bucket_mb = bucket, .shard_optimizer = sharded, .timeout_s = 60, .logical_shards = 1};
    static const size_t cuts[] = {1, 700, 700, 5000, COUNT};
    rr_reducer *reducer = NULL;
    rr_reducer_times times;
    expect(rr_reducer_create_by_shards(comm, &config, parts, values, COUNT, COUNT, COUNT, 64, cuts, 5, &reducer) ==
           RR_OK);
    for (size_t step = 0; step < 3 && reducer != NULL; step++) {
        size_t bad = 0;
        fill(parts, arrays, values);
        rr_reducer_begin(reducer);
        for (size_t c = 0; c < 5 && parts->first[rank] < parts->first[rank + 1]; c++) {
            rr_hooks_ready(rr_reducer_hooks(reducer), cuts[c]);
            if ((rank + step) % 2 == 0) rr_hooks_tick(rr_reducer_hooks(reducer));
        }
        expect(rr_reducer_finish(reducer, &times) == RR_OK);
        for (size_t b = 0; b < rr_reducer_buckets(reducer); b++) {
            rr_owned owned = rr_reducer_owned(reducer, b);
            for (size_t i = owned.begin; i < owned.end; i++) bad += values[i] != whole(parts->shards, i);
        }
        if (sharded && ranks > 1) {
            rr_reducer_begin_gather(reducer, values);
            expect(rr_reducer_finish(reducer, &times) == RR_OK);
        }
        for (size_t i = 0; i < COUNT; i++) bad += values[i] != whole(parts->shards, i);
        expect(bad == 0);
    }
    rr_reducer_free(reducer);
}

/* How shards are shared out: evenly; all to the last rank; some here and some there, alike on all ranks. */
typedef enum sharing { EVEN, ONE_HAS_ALL, UNEVEN } sharing;

static const struct {
    size_t shards;
    sharing how;
} cases[] = {{1, EVEN},  {2, EVEN},    {3, EVEN},        {4, EVEN},   {5, EVEN},    {7, EVEN},     {8, EVEN},
             {16, EVEN}, {MOST, EVEN}, {8, ONE_HAS_ALL}, {5, UNEVEN}, {16, UNEVEN}, {MOST, UNEVEN}};
enum { CASES = sizeof cases / sizeof *cases };

static void share_out(size_t c, size_t stride, rr_shard_parts *parts) {
    size_t *counts = calloc(ranks, sizeof *counts), shards = cases[c].shards;
    uint64_t random = shards;
    if (cases[c].how == ONE_HAS_ALL) counts[ranks - 1] = shards;
    for (size_t s = 0; s < shards && cases[c].how == UNEVEN; s++) counts[next_random(&random) % (ranks + 1) % ranks]++;
    expect(cases[c].how == EVEN ? rr_shard_parts_create(shards, ranks, stride, parts) == RR_OK
                                : rr_shard_parts_of_counts(counts, ranks, stride, parts) == RR_OK);
    expect(parts->shards == shards && parts->first[ranks] == shards);
    free(counts);
}

static void gradients_are_summed_in_the_order_of_the_tree(void **state) {
    (void)state;
    const size_t stride = COUNT + 63;
    int algorithms = rr_comm_nodes_are_runs(comm) ? 3 : 2; /* auto, tree and, where it can, shared */
    for (size_t c = 0; c < CASES; c++) {
        size_t arrays = 0;
        rr_shared *shared = NULL;
        rr_shard_parts parts;
        share_out(c, stride, &parts);
        expect(rr_comm_shard_arrays(comm, &parts, &arrays) == RR_OK);
        expect(rr_comm_shared_floats(comm, arrays * stride, &shared) == RR_OK);
        float *plain = malloc(arrays * stride * sizeof *plain);
        for (int a = 0; a < algorithms; a++)
            for (int sharded = 0; sharded < 2; sharded++)
                check_sum(&parts,
                          a == 0   ? 0
                          : a == 1 ? 4
                                   : 3,
                          sharded != 0, c % 2 == 0 ? 0.004 : 1, rr_shared_mine(shared), arrays);
        check_sum(&parts, 0, false, 0.01, plain, arrays); /* `auto` finds memory that is not shared */
        free(plain);
        rr_shared_free(shared);
        rr_shard_parts_free(&parts);
        settle();
    }
}

/* Row r of a shard is written if some bits of both agree; never by shard 3. */
static bool writes(size_t shard, size_t row) { return shard != 3 && (shard * 5 + row * 3) % 4 == 0; }

static float leaf_of_row(size_t shard, size_t row, size_t k) {
    return writes(shard, row) ? value_of(shard, row * WIDTH + k) : 0;
}

static float node_of_row(size_t shards, size_t level, size_t number, size_t row, size_t k) {
    if (level == 0) return leaf_of_row(number, row, k);
    size_t right = 2 * number + 1;
    float left = node_of_row(shards, level - 1, 2 * number, row, k);
    return (right << (level - 1)) < shards ? left + node_of_row(shards, level - 1, right, row, k) : left;
}

static void write_rows(const rr_shard_parts *parts, float *grads, rr_row_list **rows) {
    rr_tree_node mine[RR_TREE_NODES];
    size_t count = rr_shard_parts_nodes(parts, rank, mine);
    for (size_t n = 0; n < count; n++)
        for (size_t row = HEIGHT; row-- > 0;) {
            bool any = false;
            size_t level = level_of(mine[n].end - mine[n].first);
            for (size_t shard = mine[n].first; shard < mine[n].end; shard++) any = any || writes(shard, row);
            if (!any) continue;
            rr_row_list_add(rows[n], row);
            for (size_t k = 0; k < WIDTH; k++)
                grads[n * parts->stride + row * WIDTH + k] =
                    node_of_row(parts->shards, level, mine[n].first >> level, row, k);
        }
}

static void check_rows(rr_row_way way) {
    const size_t stride = HEIGHT * WIDTH + 5;
    for (size_t c = 0; c < CASES; c++) {
        size_t shards = cases[c].shards, arrays = 0;
        rr_shard_parts parts;
        rr_row_list *rows[RR_TREE_NODES] = {NULL};
        rr_sum_rows *sum = NULL;
        share_out(c, stride, &parts);
        expect(rr_comm_shard_arrays(comm, &parts, &arrays) == RR_OK);
        float *grads = calloc(arrays * stride, sizeof *grads);
        for (size_t k = 0; k < arrays; k++) expect(rr_row_list_create(HEIGHT, &rows[k]) == RR_OK);
        expect(rr_sum_rows_create_by_shards(comm, way, &parts, grads, rows, arrays, WIDTH, arrays * HEIGHT, 3, &sum) ==
               RR_OK);
        for (size_t step = 0; step < 3 && sum != NULL; step++) {
            size_t bad = 0, unlisted = 0, left = 0;
            bool done = false;
            rr_row_list_clear(rows[0], grads, WIDTH);
            write_rows(&parts, grads, rows);
            expect(rr_sum_rows_start(sum) == RR_OK);
            while (!done && !wrong) expect(rr_sum_rows_test(sum, &done) == RR_OK);
            for (size_t i = 0; i < HEIGHT * WIDTH; i++) {
                bad += grads[i] != node_of_row(shards, level_of(shards), 0, i / WIDTH, i % WIDTH);
                unlisted += grads[i] != 0 && !rows[0]->listed[i / WIDTH];
            }
            for (size_t k = 1; k < arrays; k++)
                for (size_t i = 0; i < HEIGHT * WIDTH; i++) left += grads[k * stride + i] != 0;
            for (size_t k = 1; k < arrays; k++) left += rows[k]->count;
            expect(bad == 0 && unlisted == 0 && left == 0);
        }
        rr_sum_rows_free(sum);
        for (size_t k = 0; k < arrays; k++) rr_row_list_free(rows[k]);
        rr_shard_parts_free(&parts);
        free(grads);
        settle();
    }
}

static void rows_are_summed_in_the_order_of_the_tree(void **state) {
    (void)state;
    check_rows(RR_ROWS_TO_ALL);
    check_rows(RR_ROWS_BY_OWNER);
}

static void algorithms_without_that_order_are_refused(void **state) {
    (void)state;
    float values[8] = {0};
    const size_t cut = 8;
    rr_shard_parts parts;
    expect(rr_shard_parts_create(4, ranks, 8, &parts) == RR_OK);
    for (int ring_or_mpi = 1; ring_or_mpi <= 2 && ranks > 1; ring_or_mpi++) {
        rr_dist_config config = {.allreduce = ring_or_mpi, .bucket_mb = 1, .logical_shards = 4};
        rr_reducer *reducer = NULL;
        expect(rr_reducer_create_by_shards(comm, &config, &parts, values, 8, 8, 8, 1, &cut, 1, &reducer) ==
               RR_ERR_INPUT);
        expect(strstr(rr_last_error(), "order of shards") != NULL);
    }
    rr_shard_parts_free(&parts);
    settle();
}

static int run(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_summed_in_the_order_of_the_tree),
        cmocka_unit_test(rows_are_summed_in_the_order_of_the_tree),
        cmocka_unit_test(algorithms_without_that_order_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv) { return run_ranks(&argc, &argv, run); }
