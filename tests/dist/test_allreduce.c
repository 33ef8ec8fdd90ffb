/* Every algorithm of the registry, on the same inputs. */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "dist/allreduce.h"
#include "dist/shared_memory.h"
#include "ranks.h"

enum { CANARY = 8 }; /* floats before and behind */

/* Where the values lie: in memory of the rank's own; there, while others lie in a shared array; in a shared array. */
typedef enum where { ELSEWHERE, BESIDE_A_POOL, IN_A_POOL, WHERES } where;

/* Blocks in the pool are taken one after the other, on all ranks alike, until none is in use. */
static struct {
    where where;
    rr_shared *shared;
    size_t used, blocks, rounds;
} pool;

enum { POOL = 3 << 20 }; /* floats */

typedef struct block {
    float *memory, *values;
    size_t count;
} block;

static block make_block(size_t count) {
    size_t size = count + 2 * CANARY;
    block b = {.count = count};
    if (pool.where == IN_A_POOL) {
        if (pool.blocks++ == 0) pool.used = pool.rounds++ % 19; /* cache lines begin somewhere else each time */
        if (pool.used + size <= POOL) b.memory = rr_shared_mine(pool.shared) + pool.used;
        pool.used += size;
    } else {
        b.memory = malloc(size * sizeof(float));
    }
    if (b.memory == NULL) MPI_Abort(MPI_COMM_WORLD, 1);
    b.values = b.memory + CANARY;
    for (size_t i = 0; i < CANARY; i++) b.memory[i] = b.values[count + i] = 4242;
    return b;
}

static void free_block(block *b) {
    if (pool.where == IN_A_POOL)
        pool.blocks--;
    else
        free(b->memory);
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

/* Collective: algorithm `index` of all, each with its values in all places, or false beyond the last. */
static bool take_algorithm(size_t index, const rr_allreduce_ops **ops) {
    if (index % rr_allreduce_count == 0) {
        rr_shared_free(pool.shared);
        pool.shared = NULL;
        pool.where = (where)(index / rr_allreduce_count);
        if (pool.where == WHERES) pool.where = ELSEWHERE;
        if (pool.where != ELSEWHERE && rr_comm_shared_floats(comm, POOL, &pool.shared) != RR_OK)
            MPI_Abort(MPI_COMM_WORLD, 1);
    }
    *ops = rr_allreduces[index % rr_allreduce_count];
    if (strcmp((*ops)->name, "shared") == 0 && rr_comm_nodes(comm) > 1 && pool.where != IN_A_POOL)
        *ops = rr_allreduces[0]; /* on several nodes it takes nothing else */
    return index < WHERES * rr_allreduce_count;
}

#define for_each_algorithm(ops) for (size_t a_ = 0; take_algorithm(a_, &(ops)); a_++)

static void sums_of_integers_are_exact_for_any_count(void **state) {
    (void)state;
    const rr_allreduce_ops *ops;
    const size_t segment = 8 * 1024; /* around the ring's segments and its window of them, too */
    const size_t counts[] = {0,
                             1,
                             ranks - 1,
                             ranks,
                             ranks + 1,
                             1000003,
                             segment * ranks,
                             segment * ranks + 1,
                             segment * ranks - 1,
                             33 * segment * ranks + 13};
    for_each_algorithm(ops) {
        rr_allreduce *operation = NULL;
        expect(ops->create(comm, 33 * segment * ranks + 13 > 1000003 ? 33 * segment * ranks + 13 : 1000003, 1, 4095,
                           &operation) == RR_OK);
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            block b = make_block(counts[i]);
            fill_integers(&b);
            expect(ops->start(operation, RR_ALLREDUCE, b.values, b.count) == RR_OK);
            expect(rr_allreduce_wait(comm, ops, operation) == RR_OK);
            expect(count_bad(&b) == 0);
            free_block(&b);
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
        expect(ops->create(comm, 300, 1, 0, &operation) == RR_OK);
        for (size_t count = 0; count <= 300; count++) {
            block b = make_block(count);
            fill_integers(&b);
            bool done = false;
            expect(ops->start(operation, RR_ALLREDUCE, b.values, b.count) == RR_OK);
            while (!done && !wrong) expect(ops->test(operation, &done) == RR_OK);
            expect(count_bad(&b) == 0);
            /* Asking again changes nothing. */
            expect(ops->test(operation, &done) == RR_OK && done);
            free_block(&b);
        }
        ops->free(operation);
    }
    settle();
}

/* Ranks that are ahead write the values of the next sum while others still add up this one. */
static void a_sum_never_takes_values_of_the_next(void **state) {
    (void)state;
    static const size_t counts[] = {1, 40, 700, 9000};
    const rr_allreduce_ops *ops;
    uint64_t random = rank;
    for_each_algorithm(ops) for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        rr_allreduce *operation = NULL;
        block b = make_block(counts[c]);
        size_t bad = 0;
        expect(ops->create(comm, b.count, 1, 1, &operation) == RR_OK);
        for (size_t round = 0; round < 60; round++) {
            for (size_t i = 0; i < b.count; i++) b.values[i] = (float)(round * 100 + rank + i % 7);
            expect(ops->start(operation, RR_ALLREDUCE, b.values, b.count) == RR_OK);
            if (next_random(&random) % (4 * ranks) == 0) usleep(next_random(&random) % 1000);
            expect(rr_allreduce_wait(comm, ops, operation) == RR_OK);
            for (size_t i = 0; i < b.count; i++)
                bad += b.values[i] != (float)(ranks * (round * 100 + i % 7) + ranks * (ranks - 1) / 2);
        }
        expect(bad == 0);
        ops->free(operation);
        free_block(&b);
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
            expect(ops->create(comm, blocks[i].count, 1, i, &operations[i]) == RR_OK);
            order[i] = i;
        }
        for (size_t i = AT_ONCE - 1; i > 0; i--) { /* each rank starts them in an order of its own */
            size_t j = next_random(&random) % (i + 1), swap = order[i];
            order[i] = order[j];
            order[j] = swap;
        }
        for (size_t i = 0; i < AT_ONCE; i++) {
            expect(ops->start(operations[order[i]], RR_ALLREDUCE, blocks[order[i]].values, blocks[order[i]].count) ==
                   RR_OK);
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
            free_block(&blocks[i]);
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
        expect(ops->create(comm, count, 1, 3, &operation) == RR_OK);
        for (size_t round = 0; round < 3; round++) {
            block b = make_block(count);
            fill_random(&b, 9);
            expect(ops->start(operation, RR_ALLREDUCE, b.values, count) == RR_OK);
            expect(rr_allreduce_wait(comm, ops, operation) == RR_OK);
            uint64_t hash = rr_hash64(b.values, count * sizeof *b.values, 0);
            expect(same_on_all(hash));
            expect(round == 0 || hash == first);
            first = hash;
            free_block(&b);
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
        expect(ops->create(comm, count, 1, 0, &operation) == RR_OK);
        expect(ops->start(operation, RR_ALLREDUCE, b.values, count) == RR_OK);
        expect(rr_allreduce_wait(comm, ops, operation) == RR_OK);
        size_t bad = 0;
        for (size_t i = 0; i < count; i++) /* every addition rounds once, by at most half an ulp of the sum of |x| */
            bad += !(fabsf(b.values[i] - expected.values[i]) <= (float)ranks * 0x1p-23f * size.values[i]);
        expect(bad == 0);
        ops->free(operation);
        free_block(&b), free_block(&expected), free_block(&size);
    }
    settle();
}

static void the_halves_of_a_sum_have_the_bits_of_the_whole(void **state) {
    (void)state;
    static const size_t counts[] = {0, 1, 100, 4096, 70001, 300007}, units[] = {1, 16, 1000};
    const rr_allreduce_ops *ops;
    for_each_algorithm(ops) for (size_t c = 0; c < 6; c++) for (size_t u = 0; u < 3; u++) {
        rr_allreduce *operation = NULL;
        const size_t count = counts[c];
        block whole = make_block(count), halves = make_block(count);
        fill_random(&whole, 7);
        fill_random(&halves, 7);
        expect(ops->create(comm, count, units[u], 2, &operation) == RR_OK);
        expect(ops->start(operation, RR_ALLREDUCE, whole.values, count) == RR_OK);
        expect(rr_allreduce_wait(comm, ops, operation) == RR_OK);
        rr_range own = ops->own(operation, count);
        expect(own.begin <= own.end && own.end <= count);
        expect(own.begin == own.end || own.begin % units[u] == 0);
        expect(own.end == count || own.end % units[u] == 0);
        expect(ops->start(operation, RR_REDUCE_SCATTER, halves.values, count) == RR_OK);
        expect(rr_allreduce_wait(comm, ops, operation) == RR_OK);
        expect(memcmp(halves.values + own.begin, whole.values + own.begin, (own.end - own.begin) * sizeof(float)) == 0);
        for (size_t i = 0; i < count; i++) /* whatever was left there must not come back */
            if (i < own.begin || i >= own.end) halves.values[i] = NAN;
        expect(ops->start(operation, RR_ALLGATHER, halves.values, count) == RR_OK);
        expect(rr_allreduce_wait(comm, ops, operation) == RR_OK);
        expect(memcmp(halves.values, whole.values, count * sizeof(float)) == 0);
        for (size_t i = 0; i < CANARY; i++) expect(halves.memory[i] == 4242 && halves.values[count + i] == 4242);
        ops->free(operation);
        free_block(&whole), free_block(&halves);
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
        expect(ops->create(comm, count, 1, 0, &operation) == RR_OK);
        expect(ops->start(operation, RR_ALLREDUCE, b.values, count) == RR_OK);
        expect(rr_allreduce_wait(comm, ops, operation) == RR_OK);
        expect(isnan(b.values[17]) && isinf(b.values[1000]));
        expect(count_bad(&b) == 2);
        ops->free(operation);
        free_block(&b);
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
        expect(ops->create(comm, b.count, 1, 0, &operation) == RR_OK);
        if (rank == late) usleep(30000);
        expect(ops->start(operation, RR_ALLREDUCE, b.values, b.count) == RR_OK);
        if (rank == (late + 1) % ranks) usleep(30000); /* started, but not polled */
        expect(rr_allreduce_wait(comm, ops, operation) == RR_OK);
        expect(count_bad(&b) == 0);
        ops->free(operation);
        free_block(&b);
    }
    settle();
}

static void more_than_was_prepared_for_is_refused(void **state) {
    (void)state;
    for (size_t a = 0; a < rr_allreduce_count; a++) {
        rr_allreduce *operation = NULL;
        const rr_allreduce_ops *ops = rr_allreduces[a];
        if (strcmp(ops->name, "mpi") == 0) continue; /* it prepares nothing */
        expect(ops->create(comm, 10, 1, 4096, &operation) == RR_ERR_RUNTIME);
        expect(ops->create(comm, 10, 1, 1, &operation) == RR_OK);
        expect(ops->start(operation, RR_ALLREDUCE, NULL, 11) == RR_ERR_RUNTIME);
        ops->free(operation);
    }
    settle();
}

static const rr_allreduce_ops *find(const char *name) {
    size_t a = 0;
    while (strcmp(rr_allreduces[a]->name, name) != 0) a++;
    return rr_allreduces[a];
}

/* Ranks of one node see what the others of it passed; nothing is written before all have. */
static void ranks_that_pass_different_values_are_told(void **state) {
    (void)state;
    const rr_allreduce_ops *shared = find("shared");
    enum { COUNT = 5000 };
    const size_t local = rr_comm_local_size(comm);
    rr_shared *array = NULL, *other = NULL;
    expect(rr_comm_shared_floats(comm, COUNT + 1, &array) == RR_OK);
    expect(rr_comm_shared_floats(comm, COUNT + 1, &other) == RR_OK);
    float *plain = calloc(COUNT + 1, sizeof *plain);
    bool last = rr_comm_local_rank(comm) == local - 1;
    for (int way = 0; way < 4 && local == ranks && ranks > 1; way++) {
        rr_allreduce *operation = NULL;
        expect(shared->create(comm, COUNT, 1, 0, &operation) == RR_OK);
        float *values = rr_shared_mine(array);
        if (last && way == 1) values++;                       /* another place */
        if (last && way == 2) values = rr_shared_mine(other); /* another array */
        if (last && way == 3) values = plain;
        expect(shared->start(operation, RR_ALLREDUCE, values, last && way == 0 ? COUNT - 1 : COUNT) == RR_OK);
        expect(rr_allreduce_wait(comm, shared, operation) == RR_ERR_RUNTIME);
        expect(strstr(rr_last_error(), "different values") != NULL);
        shared->free(operation);
    }
    rr_shared_free(other);
    rr_shared_free(array);
    free(plain);
    settle();
}

/* A test is called between time steps of the backward pass: it must not take all that there is to do at once. */
static void a_long_sum_is_made_in_many_short_tests(void **state) {
    (void)state;
    const rr_allreduce_ops *shared = find("shared");
    const size_t count = 4 << 20, local = rr_comm_local_size(comm);
    rr_allreduce *operation = NULL;
    rr_shared *array = NULL;
    expect(rr_comm_shared_floats(comm, count, &array) == RR_OK);
    expect(shared->create(comm, count, 1, 0, &operation) == RR_OK);
    expect(shared->start(operation, RR_ALLREDUCE, rr_shared_mine(array), count) == RR_OK);
    MPI_Barrier(MPI_COMM_WORLD); /* all have come, so the sums can begin */
    size_t tests = 0, sums = 0;
    for (bool done = ranks == 1; !done && !wrong; tests++) expect(shared->test(operation, &done) == RR_OK);
    /* A rank reads its slice of all, and writes it to all, or on several nodes first to itself. */
    if (ranks > 1) sums = count / local * (rr_comm_nodes(comm) == 1 ? 2 * local : local + 1);
    expect(tests >= sums / (1 << 20));
    shared->free(operation);
    rr_shared_free(array);
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
        {4 << 20, 2, 1, "shared"}, {64, 2, 1, "shared"},      {4 << 20, 2, 2, "ring"},
        {4 << 20, 8, 2, "shared"}, {4 << 20, 5, 2, "shared"}, {4 << 20, 1024, 1, "shared"},
        {4096, 64, 64, "halving"}, {4096, 65, 65, "halving"}, {1 << 20, 64, 64, "halving"},
        {4 << 20, 64, 64, "ring"}, {1 << 20, 65, 65, "ring"}, {4096, 64, 2, "mpi"},
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
        cmocka_unit_test(a_sum_never_takes_values_of_the_next),
        cmocka_unit_test(several_operations_go_on_at_once_in_any_order),
        cmocka_unit_test(all_ranks_get_the_same_bits_every_time),
        cmocka_unit_test(sums_agree_with_mpi_allreduce),
        cmocka_unit_test(the_halves_of_a_sum_have_the_bits_of_the_whole),
        cmocka_unit_test(what_is_not_finite_reaches_all_ranks_and_no_other_element),
        cmocka_unit_test(ranks_that_come_late_are_waited_for),
        cmocka_unit_test(more_than_was_prepared_for_is_refused),
        cmocka_unit_test(ranks_that_pass_different_values_are_told),
        cmocka_unit_test(a_long_sum_is_made_in_many_short_tests),
        cmocka_unit_test(auto_is_a_function_of_bytes_ranks_and_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv) { return run_ranks(&argc, &argv, run); }
