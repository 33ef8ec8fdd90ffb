/* Gradients over ranks: buckets, hooks in any pattern, what is hidden behind computing. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "dist/control.h"
#include "dist/reducer.h"
#include "dist/shared_memory.h"
#include "ranks.h"

static const double float_mb = 4.0 / (1024 * 1024); /* bucket_mb of one float */

static rr_dist_config configure(double bucket_floats, int allreduce) {
    return (rr_dist_config){.allreduce = allreduce, .bucket_mb = bucket_floats * float_mb, .threads_per_rank = 1};
}

static float gradient(size_t of_rank, size_t step, size_t i) {
    return (float)((of_rank + 2) * (i % 509)) - (float)(step * 7 + of_rank);
}

static void fill(float *grads, size_t begin, size_t end, size_t step) {
    for (size_t i = begin; i < end; i++) grads[i] = gradient(rank, step, i);
}

static size_t count_bad(const float *grads, size_t count, size_t step) {
    size_t bad = 0;
    for (size_t i = 0; i < count; i++) {
        float sum = 0;
        for (size_t r = 0; r < ranks; r++) sum += gradient(r, step, i);
        bad += grads[i] != sum;
    }
    return bad;
}

static void spend(const rr_hooks *hooks, double seconds) {
    for (double end = rr_clock_seconds() + seconds; rr_clock_seconds() < end;) rr_hooks_tick(hooks);
}

/* Backward passes of all kinds: parameter after parameter, in leaps, without a word before finish, with ticks or
 * without. */
static void backward(rr_reducer *reducer, float *grads, const size_t *cuts, size_t cut_count, size_t step,
                     uint64_t *random) {
    const rr_hooks *hooks = rr_reducer_hooks(reducer);
    size_t count = cuts[cut_count - 1], written = 0;
    for (size_t i = 0; i < count; i++) grads[i] = NAN; /* what is summed too early is never right again */
    for (size_t i = 0; i < cut_count && (rank + step) % 3 != 2; i++) {
        fill(grads, written, cuts[i], step);
        written = cuts[i];
        if ((rank + step) % 3 == 0 || next_random(random) % 4 == 0) rr_hooks_ready(hooks, written);
        for (uint32_t ticks = next_random(random) % 4; ticks > 0; ticks--) rr_hooks_tick(hooks);
    }
    fill(grads, written, count, step);
}

/* On several nodes `shared` takes only what lies in shared memory. */
static bool is_possible(int allreduce, const float *grads) {
    rr_shared_place place;
    return allreduce == 0 || strcmp(rr_allreduces[allreduce - 1]->name, "shared") != 0 || rr_comm_nodes(comm) == 1 ||
           rr_shared_find(comm, grads, 1, &place);
}

/* All kinds of backward passes, bucket sizes and algorithms on one arena of gradients; grads: [cuts' end + 1]. */
static void sum_whatever_is_ready_when(float *grads, const size_t *cuts, size_t cut_count) {
    static const double targets[] = {1000, 0.5, 7000, 1e6};
    for (size_t t = 0; t < sizeof targets / sizeof *targets; t++)
        for (int allreduce = 0; allreduce <= (int)rr_allreduce_count; allreduce++) {
            /* Buckets of one float: only the first parameters, or there would be a hundred thousand. */
            size_t used_cuts = targets[t] < 1 ? 4 : cut_count, used = cuts[used_cuts - 1];
            rr_dist_config config = configure(targets[t], allreduce);
            rr_reducer *reducer = NULL;
            uint64_t random = rank * 17 + t;
            if (!is_possible(allreduce, grads)) continue;
            expect(rr_reducer_create(comm, &config, grads, used, used, used, 1, cuts, used_cuts, &reducer) == RR_OK);
            for (size_t step = 0; step < 4 && reducer != NULL; step++) {
                rr_reducer_times times;
                grads[used] = 42;
                rr_reducer_begin(reducer);
                backward(reducer, grads, cuts, used_cuts, step, &random);
                expect(rr_reducer_finish(reducer, &times) == RR_OK);
                expect(count_bad(grads, used, step) == 0);
                expect(grads[used] == 42);
                expect(times.exposed >= 0 && times.hidden >= 0 && times.total >= 0);
                expect(same_on_all(rr_hash64(grads, used * sizeof *grads, 0)));
            }
            rr_reducer_free(reducer);
        }
}

static void gradients_are_summed_whatever_is_ready_when(void **state) {
    (void)state;
    static const size_t cuts[] = {1, 3, 3, 700, 5000, 5001, 40000, 100003};
    enum { CUTS = sizeof cuts / sizeof *cuts };
    float *grads = malloc((cuts[CUTS - 1] + 1) * sizeof *grads);
    rr_shared *shared = NULL;
    sum_whatever_is_ready_when(grads, cuts, CUTS);
    expect(rr_comm_shared_floats(comm, cuts[CUTS - 1] + 1, &shared) == RR_OK);
    sum_whatever_is_ready_when(rr_shared_mine(shared), cuts, CUTS);
    rr_shared_free(shared);
    free(grads);
    settle();
}

/* Whatever is owned is summed, and comes back to all; what is not owned may hold anything in between. */
static void what_ranks_own_is_summed_and_comes_together_again(float *grads, float *weights, const size_t *cuts,
                                                              size_t cut_count) {
    static const double targets[] = {1000, 30000, 1e6};
    static const size_t units[] = {1, 64, 1024};
    size_t count = cuts[cut_count - 1];
    for (size_t t = 0; t < 3; t++)
        for (int allreduce = 0; allreduce <= (int)rr_allreduce_count; allreduce++) {
            if (!is_possible(allreduce, grads) || !is_possible(allreduce, weights)) continue;
            rr_dist_config config = configure(targets[t], allreduce);
            rr_reducer *reducer = NULL;
            rr_reducer_times times;
            uint64_t random = rank * 19 + t;
            config.shard_optimizer = true;
            expect(rr_reducer_create(comm, &config, grads, count, count, count, units[t], cuts, cut_count, &reducer) ==
                   RR_OK);
            if (reducer == NULL) continue;
            expect(rr_reducer_sharded(reducer) == (ranks > 1));
            for (size_t step = 0; step < 3; step++) {
                size_t at = 0, owned_by_all;
                rr_reducer_begin(reducer);
                backward(reducer, grads, cuts, cut_count, step, &random);
                expect(rr_reducer_finish(reducer, &times) == RR_OK);
                for (size_t i = 0; i < count; i++) weights[i] = NAN;
                rr_reducer_begin_gather(reducer, weights);
                for (size_t b = 0; b < rr_reducer_buckets(reducer); b++) {
                    rr_owned owned = rr_reducer_owned(reducer, b);
                    expect(owned.at == at && owned.begin <= owned.end);
                    expect(owned.end <= rr_reducer_bucket_end(reducer, b));
                    expect(owned.begin == owned.end || owned.begin % units[t] == 0);
                    at += owned.end - owned.begin;
                    for (size_t i = owned.begin; i < owned.end; i++) weights[i] = grads[i];
                    if (next_random(&random) % 2 == 0)
                        rr_hooks_ready(rr_reducer_hooks(reducer), rr_reducer_bucket_end(reducer, b));
                }
                expect(at == rr_reducer_owned_count(reducer));
                MPI_Allreduce(&at, &owned_by_all, 1, MPI_UINT64_T, MPI_SUM, MPI_COMM_WORLD);
                expect(owned_by_all == count);
                if (ranks > 1) expect(rr_reducer_finish(reducer, &times) == RR_OK);
                expect(count_bad(weights, count, step) == 0);
            }
            rr_reducer_free(reducer);
        }
}

static void ranks_own_parts_of_buckets(void **state) {
    (void)state;
    static const size_t cuts[] = {1, 3, 3, 700, 5000, 5001, 40000, 100003};
    enum { CUTS = sizeof cuts / sizeof *cuts };
    const size_t count = cuts[CUTS - 1];
    float *plain = malloc(2 * count * sizeof *plain);
    rr_shared *grads = NULL, *weights = NULL;
    what_ranks_own_is_summed_and_comes_together_again(plain, plain + count, cuts, CUTS);
    expect(rr_comm_shared_floats(comm, count, &grads) == RR_OK);
    expect(rr_comm_shared_floats(comm, count, &weights) == RR_OK);
    what_ranks_own_is_summed_and_comes_together_again(rr_shared_mine(grads), rr_shared_mine(weights), cuts, CUTS);
    rr_shared_free(grads);
    rr_shared_free(weights);
    free(plain);
    settle();
}

static void buckets_close_at_cuts_and_divide_large_parameters(void **state) {
    (void)state;
    static const struct {
        size_t cuts[6], cut_count;
        double target;
        size_t buckets;
    } cases[] = {
        {{1, 3, 5, 20, 21}, 5, 4, 6},    /* [0,5) of small ones, [5,20) in 4, the last */
        {{1, 3, 5, 20, 21}, 5, 1000, 1}, /* all in one */
        {{1, 3, 5, 20, 21}, 5, 1, 21},   {{8}, 1, 8, 1}, {{9}, 1, 8, 2},
        {{7, 8, 8, 16}, 4, 8, 2},        {{0}, 1, 8, 0}, /* nothing to train */
        {{3, 100}, 2, 10, 10},                           /* the small one before goes with the large */
    };
    static float grads[128];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rr_dist_config config = configure(cases[i].target, 0);
        rr_reducer *reducer = NULL;
        rr_reducer_times times;
        size_t count = cases[i].cuts[cases[i].cut_count - 1];
        expect(rr_reducer_create(comm, &config, grads, count, count, count, 1, cases[i].cuts, cases[i].cut_count,
                                 &reducer) == RR_OK);
        if (reducer == NULL) continue;
        expect(rr_reducer_buckets(reducer) == cases[i].buckets);
        rr_reducer_begin(reducer);
        fill(grads, 0, count, i);
        expect(rr_reducer_finish(reducer, &times) == RR_OK);
        expect(count_bad(grads, count, i) == 0);
        rr_reducer_free(reducer);
    }
    settle();
}

static void cuts_that_make_no_sense_are_refused_by_all(void **state) {
    (void)state;
    static float grads[8];
    rr_dist_config config = configure(4, 0);
    rr_reducer *reducer = NULL;
    expect(rr_reducer_create(comm, &config, grads, 8, 8, 8, 1, (size_t[]){5, 3, 8}, 3, &reducer) == RR_ERR_RUNTIME);
    expect(rr_reducer_create(comm, &config, grads, 8, 8, 8, 1, (size_t[]){5, 7}, 2, &reducer) == RR_ERR_RUNTIME);
    /* One rank alone is enough. */
    expect(rr_reducer_create(comm, &config, grads, 8, 8, 8, 1, (size_t[]){5, rank == 0 ? 7 : 8}, 2, &reducer) ==
           RR_ERR_RUNTIME);
    expect(reducer == NULL);
    settle();
}

static void sums_travel_while_ranks_compute(void **state) {
    (void)state;
    const size_t half = 300000, count = 2 * half, cuts[] = {half, count};
    float *grads = malloc(count * sizeof *grads);
    rr_dist_config config = configure((double)half, 0);
    for (config.allreduce = 1; config.allreduce <= (int)rr_allreduce_count; config.allreduce++) {
        rr_reducer *reducer = NULL;
        rr_reducer_times times;
        if (!is_possible(config.allreduce, grads)) continue;
        expect(rr_reducer_create(comm, &config, grads, count, count, count, 1, cuts, 2, &reducer) == RR_OK);
        const rr_hooks *hooks = rr_reducer_hooks(reducer);
        rr_reducer_begin(reducer);
        fill(grads, 0, half, 1);
        rr_hooks_ready(hooks, half);
        /* Computing goes on until the first half has been summed behind its back; 20 s are for slow machines. */
        size_t unsummed = half;
        double deadline = rr_clock_seconds() + 20;
        while (ranks > 1 && unsummed > half / 100 && rr_clock_seconds() < deadline) {
            spend(hooks, 0.01);
            unsummed = 0;
            for (size_t i = 0; i < half; i++) unsummed += grads[i] == gradient(rank, 1, i);
        }
        expect(ranks == 1 || unsummed <= half / 100);
        fill(grads, half, count, 1);
        expect(rr_reducer_finish(reducer, &times) == RR_OK);
        expect(count_bad(grads, count, 1) == 0);
        expect(times.hidden == (ranks > 1 ? times.total - times.exposed : 0));
        if (ranks > 1) expect(times.hidden > 0 && times.exposed < times.total);
        rr_reducer_free(reducer);
    }
    free(grads);
    settle();
}

/* What lies behind `tail` travels when it is said to be there, before the rest or in the midst of it. */
static void the_tail_may_be_ready_first(void **state) {
    (void)state;
    const size_t body = 200000, count = 3 * body, cuts[] = {body, count};
    float *grads = malloc(count * sizeof *grads);
    rr_dist_config config = configure((double)body / 3, 0);
    for (config.allreduce = 0; config.allreduce <= (int)rr_allreduce_count; config.allreduce++) {
        rr_reducer *reducer = NULL;
        rr_reducer_times times;
        if (!is_possible(config.allreduce, grads)) continue;
        expect(rr_reducer_create(comm, &config, grads, count, count, body, 1, cuts, 2, &reducer) == RR_OK);
        const rr_hooks *hooks = rr_reducer_hooks(reducer);
        for (size_t step = 0; step < 3; step++) {
            size_t before = step == 1 ? body / 2 : 0;
            bool speaks = step < 2 || rank % 2 == 0; /* others say nothing until the end */
            for (size_t i = 0; i < count; i++) grads[i] = NAN;
            rr_reducer_begin(reducer);
            fill(grads, 0, before, step);
            if (speaks) rr_hooks_ready(hooks, before);
            rr_hooks_tail(hooks, body + 1); /* not all of it yet */
            spend(hooks, 0.002);
            fill(grads, body, count, step);
            if (speaks) rr_hooks_tail(hooks, body);
            size_t unsummed = count - body;
            for (double end = rr_clock_seconds() + 20; ranks > 1 && step < 2 && unsummed > 0;) {
                spend(hooks, 0.01);
                unsummed = 0;
                for (size_t i = body; i < count; i++) unsummed += grads[i] == gradient(rank, step, i);
                if (unsummed <= count / 100 || rr_clock_seconds() > end) break;
            }
            expect(ranks == 1 || step == 2 || unsummed <= count / 100);
            fill(grads, before > 0 ? body / 2 : 0, body, step);
            expect(rr_reducer_finish(reducer, &times) == RR_OK);
            expect(count_bad(grads, count, step) == 0);
        }
        rr_reducer_free(reducer);
    }
    free(grads);
    settle();
}

static void without_computing_nothing_is_hidden(void **state) {
    (void)state;
    const size_t count = 100000;
    float *grads = malloc(count * sizeof *grads);
    rr_dist_config config = configure(30000, 0);
    rr_reducer *reducer = NULL;
    rr_reducer_times times;
    expect(rr_reducer_create(comm, &config, grads, count, count, count, 1, &count, 1, &reducer) == RR_OK);
    rr_reducer_begin(reducer);
    fill(grads, 0, count, 0);
    expect(rr_reducer_finish(reducer, &times) == RR_OK);
    expect(times.hidden == 0 && times.exposed >= times.total);
    expect(ranks == 1 ? times.exposed == 0 : times.exposed > 0);
    rr_reducer_free(reducer);
    free(grads);
    settle();
}

static void hooks_of_earlier_micro_batches_start_nothing(void **state) {
    (void)state;
    const size_t count = 1000;
    static float grads[1000];
    rr_dist_config config = configure(100, 0);
    rr_reducer *reducer = NULL;
    rr_reducer_times times;
    expect(rr_reducer_create(comm, &config, grads, count, count, count, 1, &count, 1, &reducer) == RR_OK);
    rr_reducer_begin(reducer);
    fill(grads, 0, count, 0);
    rr_hooks_ready(rr_reducer_tick_hooks(reducer), count);
    spend(rr_reducer_tick_hooks(reducer), 0.02);
    size_t bad = 0;
    for (size_t i = 0; i < count; i++) bad += grads[i] != gradient(rank, 0, i);
    expect(bad == 0);
    rr_hooks_ready(rr_reducer_hooks(reducer), count);
    expect(rr_reducer_finish(reducer, &times) == RR_OK);
    expect(count_bad(grads, count, 0) == 0);
    rr_reducer_free(reducer);
    settle();
}

static void tick_control(void *ctx) { rr_control_tick(ctx); }

static void the_control_exchange_moves_on_with_the_ticks(void **state) {
    (void)state;
    const size_t count = 50000;
    float *grads = malloc(count * sizeof *grads);
    rr_dist_config config = configure(10000, 0);
    rr_reducer *reducer = NULL;
    rr_control_exchange *exchange = NULL;
    expect(rr_reducer_create(comm, &config, grads, count, count, count, 1, &count, 1, &reducer) == RR_OK);
    expect(rr_control_create(comm, &exchange) == RR_OK);
    rr_reducer_on_tick(reducer, tick_control, exchange);
    for (size_t step = 0; step < 20; step++) {
        rr_control local = {{1, (double)rank}, {(double)rank}}, all;
        rr_reducer_times times;
        bool early = (rank + step) % 2 == 0;
        rr_reducer_begin(reducer);
        if (early) expect(rr_control_start(exchange, &local) == RR_OK);
        fill(grads, 0, count, step);
        rr_hooks_ready(rr_reducer_hooks(reducer), count);
        spend(rr_reducer_hooks(reducer), 0.001);
        if (!early) expect(rr_control_start(exchange, &local) == RR_OK);
        expect(rr_reducer_finish(reducer, &times) == RR_OK);
        expect(rr_control_wait(exchange, &all) == RR_OK);
        expect(all.sum[0] == (double)ranks && all.sum[1] == (double)(ranks * (ranks - 1) / 2));
        expect(all.max[0] == (double)(ranks - 1));
        expect(count_bad(grads, count, step) == 0);
    }
    rr_reducer_free(reducer);
    rr_control_free(exchange);
    free(grads);
    settle();
}

static void count_tick(void *ctx) { ++*(size_t *)ctx; }

static void every_tick_is_passed_on(void **state) {
    (void)state;
    static float grads[4];
    const size_t count = 4;
    size_t ticks = 0;
    rr_dist_config config = configure(4, 0);
    rr_reducer *reducer = NULL;
    expect(rr_reducer_create(comm, &config, grads, count, count, count, 1, &count, 1, &reducer) == RR_OK);
    rr_reducer_on_tick(reducer, count_tick, &ticks);
    rr_hooks_tick(rr_reducer_hooks(reducer));
    rr_hooks_tick(rr_reducer_tick_hooks(reducer));
    expect(ticks == 2);
    rr_reducer_free(reducer);
    settle();
}

static void what_it_tells_about_itself(void **state) {
    (void)state;
    static float grads[4096];
    const size_t count = 4096;
    for (int choice = 1; choice <= (int)rr_allreduce_count; choice++) {
        rr_dist_config config = configure(1024, choice);
        rr_reducer *reducer = NULL;
        if (!is_possible(choice, grads)) continue;
        expect(rr_reducer_create(comm, &config, grads, count, count, count, 1, &count, 1, &reducer) == RR_OK);
        expect(rr_reducer_buckets(reducer) == 4);
        expect(strcmp(rr_reducer_algorithm(reducer), ranks > 1 ? rr_allreduces[choice - 1]->name : "none") == 0);
        rr_reducer_free(reducer);
    }
    settle();
}

static int run(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_summed_whatever_is_ready_when),
        cmocka_unit_test(ranks_own_parts_of_buckets),
        cmocka_unit_test(buckets_close_at_cuts_and_divide_large_parameters),
        cmocka_unit_test(cuts_that_make_no_sense_are_refused_by_all),
        cmocka_unit_test(sums_travel_while_ranks_compute),
        cmocka_unit_test(the_tail_may_be_ready_first),
        cmocka_unit_test(without_computing_nothing_is_hidden),
        cmocka_unit_test(hooks_of_earlier_micro_batches_start_nothing),
        cmocka_unit_test(the_control_exchange_moves_on_with_the_ticks),
        cmocka_unit_test(every_tick_is_passed_on),
        cmocka_unit_test(what_it_tells_about_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv) { return run_ranks(&argc, &argv, run); }
