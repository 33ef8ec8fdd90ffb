/* Every algorithm of the registry, on the same inputs. */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "dist/allreduce.h"
#include "ranks.h"

enum { CANARY = 8 }; /* floats before and behind */

typedef struct block {
    float *memory, *values;
    size_t count;
} block;

static block make_block(size_t count) {
    block b = {.memory = malloc((count + 2 * CANARY) * sizeof(float)), .count = count};
    if (b.memory == NULL) MPI_Abort(MPI_COMM_WORLD, 1);
    b.values = b.memory + CANARY;
    for (size_t i = 0; i < CANARY; i++) b.memory[i] = b.values[count + i] = 4242;
    return b;
}

static float integer(size_t of_rank, size_t i) { return (float)((of_rank + 1) * (i % 1021)) - (float)(of_rank * 3); }

static void fill_integers(block *b) {
    for (size_t i = 0; i < b->count; i++) b->values[i] = integer(rank, i);
}

/* Small integers have one sum, in whatever order they are added. */
static size_t count_bad(const block *b) {
    size_t bad = 0;
    for (size_t i = 0; i < b->count; i++) {
        float sum = 0;
        for (size_t r = 0; r < ranks; r++) sum += integer(r, i);
        bad += b->values[i] != sum;
    }
    for (size_t i = 0; i < CANARY; i++) bad += b->memory[i] != 4242 || b->values[b->count + i] != 4242;
    return bad;
}

#define for_each_algorithm(ops) for (size_t a_ = 0; a_ < rr_allreduce_count && ((ops) = rr_allreduces[a_], 1); a_++)

static void sums_of_integers_are_exact_for_any_count(void **state) {
    (void)state;
    const rr_allreduce_ops *ops;
    const size_t segment = 32 * 1024; /* around the ring's segments and its window of them, too */
    const size_t counts[] = {0,
                             1,
                             ranks - 1,
                             ranks,
                             ranks + 1,
                             1000003,
                             segment * ranks,
                             segment * ranks + 1,
                             segment * ranks - 1,
                             9 * segment * ranks + 13};
    for_each_algorithm(ops) {
        rr_allreduce *operation = NULL;
        expect(ops->create(comm, 9 * segment * ranks + 13 > 1000003 ? 9 * segment * ranks + 13 : 1000003, 4095,
                           &operation) == RR_OK);
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            block b = make_block(counts[i]);
            fill_integers(&b);
            expect(ops->start(operation, b.values, b.count) == RR_OK);
            expect(ops->wait(operation) == RR_OK);
            expect(count_bad(&b) == 0);
            free(b.memory);
        }
        ops->free(operation);
    }
    settle();
}

static void an_operation_is_used_again_and_again(void **state) {
    (void)state;
    const rr_allreduce_ops *ops;
    for_each_algorithm(ops) {
        rr_allreduce *operation = NULL;
        expect(ops->create(comm, 300, 0, &operation) == RR_OK);
        for (size_t count = 0; count <= 300; count++) {
            block b = make_block(count);
            fill_integers(&b);
            bool done = false;
            expect(ops->start(operation, b.values, b.count) == RR_OK);
            while (!done && !wrong) expect(ops->test(operation, &done) == RR_OK);
            expect(count_bad(&b) == 0);
            /* Asking again changes nothing. */
            expect(ops->test(operation, &done) == RR_OK && done);
            free(b.memory);
        }
        ops->free(operation);
    }
    settle();
}

static void several_operations_go_on_at_once_in_any_order(void **state) {
    (void)state;
    enum { AT_ONCE = 12 };
    const rr_allreduce_ops *ops;
    uint64_t random = 1000 + rank;
    for_each_algorithm(ops) for (size_t round = 0; round < 5; round++) {
        rr_allreduce *operations[AT_ONCE] = {0};
        block blocks[AT_ONCE];
        bool done[AT_ONCE] = {false};
        size_t order[AT_ONCE];
        for (size_t i = 0; i < AT_ONCE; i++) {
            blocks[i] = make_block(i * i * i * 97 % 70001 * (i % 3 + 1));
            fill_integers(&blocks[i]);
            expect(ops->create(comm, blocks[i].count, i, &operations[i]) == RR_OK);
            order[i] = i;
        }
        for (size_t i = AT_ONCE - 1; i > 0; i--) { /* each rank starts them in an order of its own */
            size_t j = next_random(&random) % (i + 1), swap = order[i];
            order[i] = order[j];
            order[j] = swap;
        }
        for (size_t i = 0; i < AT_ONCE; i++) {
            expect(ops->start(operations[order[i]], blocks[order[i]].values, blocks[order[i]].count) == RR_OK);
            bool ignored;
            if (i % 3 == 0) expect(ops->test(operations[order[i / 2]], &ignored) == RR_OK);
            if (next_random(&random) % 4 == 0) usleep(next_random(&random) % 2000);
        }
        for (size_t left = AT_ONCE; left > 0 && !wrong;) {
            size_t i = next_random(&random) % AT_ONCE;
            if (done[i]) continue;
            expect(ops->test(operations[i], &done[i]) == RR_OK);
            left -= done[i];
        }
        for (size_t i = 0; i < AT_ONCE; i++) {
            expect(count_bad(&blocks[i]) == 0);
            ops->free(operations[i]);
            free(blocks[i].memory);
        }
    }
    settle();
}

static void fill_random(block *b, uint64_t seed) {
    uint64_t random = seed * 31 + rank;
    for (size_t i = 0; i < b->count; i++)
        b->values[i] = ((float)next_random(&random) - 1.07e9f) * (next_random(&random) % 8 == 0 ? 1e-3f : 1e-9f);
}

static void all_ranks_get_the_same_bits_every_time(void **state) {
    (void)state;
    const rr_allreduce_ops *ops;
    for_each_algorithm(ops) {
        rr_allreduce *operation = NULL;
        const size_t count = 300007;
        uint64_t first = 0;
        expect(ops->create(comm, count, 3, &operation) == RR_OK);
        for (size_t round = 0; round < 3; round++) {
            block b = make_block(count);
            fill_random(&b, 9);
            expect(ops->start(operation, b.values, count) == RR_OK);
            expect(ops->wait(operation) == RR_OK);
            uint64_t hash = rr_hash64(b.values, count * sizeof *b.values, 0);
            expect(same_on_all(hash));
            expect(round == 0 || hash == first);
            first = hash;
            free(b.memory);
        }
        ops->free(operation);
    }
    settle();
}

static void sums_agree_with_mpi_allreduce(void **state) {
    (void)state;
    const rr_allreduce_ops *ops;
    const size_t count = 200003;
    for_each_algorithm(ops) {
        rr_allreduce *operation = NULL;
        block b = make_block(count), expected = make_block(count), size = make_block(count);
        fill_random(&b, 5);
        for (size_t i = 0; i < count; i++) size.values[i] = fabsf(b.values[i]);
        MPI_Allreduce(b.values, expected.values, (int)count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
        MPI_Allreduce(MPI_IN_PLACE, size.values, (int)count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
        expect(ops->create(comm, count, 0, &operation) == RR_OK);
        expect(ops->start(operation, b.values, count) == RR_OK);
        expect(ops->wait(operation) == RR_OK);
        size_t bad = 0;
        for (size_t i = 0; i < count; i++) /* every addition rounds once, by at most half an ulp of the sum of |x| */
            bad += !(fabsf(b.values[i] - expected.values[i]) <= (float)ranks * 0x1p-23f * size.values[i]);
        expect(bad == 0);
        ops->free(operation);
        free(b.memory), free(expected.memory), free(size.memory);
    }
    settle();
}

static void what_is_not_finite_reaches_all_ranks_and_no_other_element(void **state) {
    (void)state;
    const rr_allreduce_ops *ops;
    const size_t count = 1001;
    for_each_algorithm(ops) {
        rr_allreduce *operation = NULL;
        block b = make_block(count);
        fill_integers(&b);
        if (rank == ranks - 1) b.values[17] = NAN, b.values[1000] = INFINITY;
        expect(ops->create(comm, count, 0, &operation) == RR_OK);
        expect(ops->start(operation, b.values, count) == RR_OK);
        expect(ops->wait(operation) == RR_OK);
        expect(isnan(b.values[17]) && isinf(b.values[1000]));
        expect(count_bad(&b) == 2);
        ops->free(operation);
        free(b.memory);
    }
    settle();
}

static void ranks_that_come_late_are_waited_for(void **state) {
    (void)state;
    const rr_allreduce_ops *ops;
    for_each_algorithm(ops) for (size_t late = 0; late < ranks; late++) {
        rr_allreduce *operation = NULL;
        block b = make_block(50000);
        fill_integers(&b);
        expect(ops->create(comm, b.count, 0, &operation) == RR_OK);
        if (rank == late) usleep(30000);
        expect(ops->start(operation, b.values, b.count) == RR_OK);
        if (rank == (late + 1) % ranks) usleep(30000); /* started, but not polled */
        expect(ops->wait(operation) == RR_OK);
        expect(count_bad(&b) == 0);
        ops->free(operation);
        free(b.memory);
    }
    settle();
}

static void more_than_was_prepared_for_is_refused(void **state) {
    (void)state;
    rr_allreduce *operation = NULL;
    const rr_allreduce_ops *ring = rr_allreduces[0];
    expect(strcmp(ring->name, "ring") == 0);
    expect(ring->create(comm, 10, 4096, &operation) == RR_ERR_RUNTIME);
    expect(ring->create(comm, 10, 1, &operation) == RR_OK);
    expect(ring->start(operation, NULL, 11) == RR_ERR_RUNTIME);
    ring->free(operation);
    settle();
}

static void auto_is_a_function_of_bytes_ranks_and_nodes(void **state) {
    (void)state;
    for (size_t choice = 1; choice <= rr_allreduce_count; choice++)
        expect(rr_allreduce_choose(choice, 1 << 20, 4, 2) == rr_allreduces[choice - 1]);
    for (size_t bytes = 0; bytes < (size_t)1 << 40; bytes = bytes * 3 + 1)
        for (size_t n = 1; n < 5000; n = n * 2 + 1) {
            const rr_allreduce_ops *ops = rr_allreduce_choose(RR_ALLREDUCE_AUTO, bytes, n, (n + 1) / 2);
            expect(ops != NULL && ops->fits(bytes, n, (n + 1) / 2));
            expect(ops == rr_allreduce_choose(RR_ALLREDUCE_AUTO, bytes, n, (n + 1) / 2));
        }
    static const struct {
        size_t bytes, ranks, nodes;
        const char *name;
    } cases[] = {
        {4 << 20, 2, 1, "shared"}, {64, 2, 1, "shared"},         {4 << 20, 2, 2, "ring"}, {4 << 20, 8, 2, "shared"},
        {4 << 20, 5, 2, "shared"}, {4 << 20, 1024, 1, "shared"}, {4096, 64, 64, "mpi"},   {4096, 64, 2, "mpi"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect(strcmp(rr_allreduce_choose(RR_ALLREDUCE_AUTO, cases[i].bytes, cases[i].ranks, cases[i].nodes)->name,
                      cases[i].name) == 0);
    settle();
}

static int run(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_of_integers_are_exact_for_any_count),
        cmocka_unit_test(an_operation_is_used_again_and_again),
        cmocka_unit_test(several_operations_go_on_at_once_in_any_order),
        cmocka_unit_test(all_ranks_get_the_same_bits_every_time),
        cmocka_unit_test(sums_agree_with_mpi_allreduce),
        cmocka_unit_test(what_is_not_finite_reaches_all_ranks_and_no_other_element),
        cmocka_unit_test(ranks_that_come_late_are_waited_for),
        cmocka_unit_test(more_than_was_prepared_for_is_refused),
        cmocka_unit_test(auto_is_a_function_of_bytes_ranks_and_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv) { return run_ranks(&argc, &argv, run); }
