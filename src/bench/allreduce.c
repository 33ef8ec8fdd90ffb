/* Sums of gradients over ranks: every algorithm beside MPI_Allreduce, taking turns, without a configuration. */
#include "dist/allreduce.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "bench/ranks.h"
#include "bench/record.h"
#include "dist/shared_memory.h"
#include "optim/clip.h"

enum {
    LEAST = 4 << 10,
    MOST = 64 << 20, /* bytes */
    SIZES = 15,
    TURNS = 15,
    MOST_CALLS = 500, /* in a turn */
    ALGORITHMS = 8
};
static const double TURN_S = 0.002;

typedef struct contest {
    rr_comm *comm;
    size_t turns, contestants; /* the registry, and MPI_Allreduce as the last */
    rr_arena plain;
    rr_shared *shared;
    rr_allreduce *operations[ALGORITHMS];
    double *seconds;                   /* [contestants, turns] of a call, of the slowest rank */
    double medians[SIZES][ALGORITHMS]; /* seconds */
    double least[SIZES][ALGORITHMS];
} contest;

static const char *name_of(const contest *c, size_t a) {
    return a + 1 < c->contestants ? rr_allreduces[a]->name : "MPI_Allreduce";
}

static bool is_shared(const contest *c, size_t a) {
    return a + 1 < c->contestants && strcmp(rr_allreduces[a]->name, "shared") == 0;
}

/* Each works where it would in a training: the others have memory of the rank's own, with large pages. */
static float *values_of(const contest *c, size_t a) {
    return is_shared(c, a) ? rr_shared_mine(c->shared) : (float *)(void *)c->plain.base;
}

/* On several nodes `shared` works in shared memory alone. */
static bool takes_part(const contest *c, size_t a) {
    rr_shared_place place;
    return !is_shared(c, a) || rr_comm_nodes(c->comm) == 1 ||
           rr_shared_find(c->comm, rr_shared_mine(c->shared), 1, &place);
}

static rr_status call(const contest *c, size_t a, size_t count) {
    if (a + 1 == c->contestants) return rr_allreduce_baseline(c->comm, values_of(c, a), count);
    RR_TRY(rr_allreduces[a]->start(c->operations[a], RR_ALLREDUCE, values_of(c, a), count));
    return rr_allreduce_wait(c->comm, rr_allreduces[a], c->operations[a]);
}

/* Gradients are new in each step: what is summed lies in the cache of the rank that wrote it. Sums are exact. */
static void write_values(const contest *c, size_t a, size_t count) {
    float *values = values_of(c, a), mine = (float)rr_comm_rank(c->comm) + 1;
    for (size_t i = 0; i < count; i++) values[i] = mine * (float)(i % 16);
}

/* A benchmark of something that adds wrongly is worth nothing. */
static rr_status check(const contest *c, size_t a, size_t count) {
    float *values = values_of(c, a), ranks = (float)rr_comm_size(c->comm);
    size_t wrong = 0;
    write_values(c, a, count);
    RR_TRY(call(c, a, count));
    for (size_t i = 0; i < count; i++) wrong += values[i] != ranks * (ranks + 1) / 2 * (float)(i % 16);
    return rr_comm_agree(c->comm, wrong == 0 ? RR_OK
                                             : rr_fail(RR_ERR_RUNTIME, "%s summed %zu of %zu floats wrongly",
                                                       name_of(c, a), wrong, count));
}

/* Seconds of a call, of the slowest rank. */
static rr_status take_turn(const contest *c, size_t a, size_t count, size_t calls, double *seconds) {
    *seconds = 0;
    for (size_t i = 0; i < calls; i++) {
        write_values(c, a, count);
        RR_TRY(rr_comm_barrier(c->comm));
        double start = rr_clock_seconds();
        RR_TRY(call(c, a, count));
        *seconds += (rr_clock_seconds() - start) / (double)calls;
    }
    return rr_comm_max_doubles(c->comm, seconds, 1);
}

static rr_status contend(contest *c, size_t bytes, size_t s) {
    size_t count = bytes / sizeof(float);
    for (size_t a = 0; a < c->contestants; a++)
        if (takes_part(c, a)) RR_TRY(check(c, a, count));
    enum { SOME = 3 };
    double start = rr_clock_seconds(), mpi;
    RR_TRY(take_turn(c, c->contestants - 1, count, SOME, &mpi));
    double once = (rr_clock_seconds() - start) / SOME;
    RR_TRY(rr_comm_max_doubles(c->comm, &once, 1)); /* the same on all ranks */
    size_t calls = (size_t)fmin(MOST_CALLS, fmax(1, TURN_S / once));
    for (size_t turn = 0; turn < c->turns; turn++)
        for (size_t a = 0; a < c->contestants; a++)
            if (takes_part(c, a)) RR_TRY(take_turn(c, a, count, calls, &c->seconds[a * c->turns + turn]));
    for (size_t a = 0; a < c->contestants; a++) {
        if (!takes_part(c, a)) continue;
        c->medians[s][a] = rr_median(&c->seconds[a * c->turns], c->turns);
        c->least[s][a] = c->seconds[a * c->turns]; /* sorted by it */
    }
    return RR_OK;
}

static rr_status measure_size(contest *c, size_t bytes, size_t s) {
    rr_status status = RR_OK;
    memset(c->operations, 0, sizeof c->operations);
    for (size_t a = 0; a + 1 < c->contestants && status == RR_OK; a++)
        if (takes_part(c, a))
            status = rr_comm_agree(
                c->comm, rr_allreduces[a]->create(c->comm, bytes / sizeof(float), RR_CLIP_PIECE, a, &c->operations[a]));
    if (status == RR_OK) status = contend(c, bytes, s);
    /* After a failure that not all ranks know of, the job ends with what it has. */
    for (size_t a = 0; a + 1 < c->contestants && (status == RR_OK || rr_comm_agreed(c->comm)); a++)
        if (c->operations[a] != NULL) rr_allreduces[a]->free(c->operations[a]);
    return status;
}

static void print_size(const contest *c, size_t bytes, size_t s) {
    const double *medians = c->medians[s], *least = c->least[s];
    for (size_t a = 0; a < c->contestants; a++) {
        rr_bench_record record = {0};
        if (!takes_part(c, a)) continue;
        rr_bench_record_text(&record, "bench", "allreduce");
        rr_bench_record_text(&record, "algorithm", name_of(c, a));
        rr_bench_record_number(&record, NULL, "world_size", (double)rr_comm_size(c->comm));
        rr_bench_record_number(&record, NULL, "nodes", (double)rr_comm_nodes(c->comm));
        rr_bench_record_number(&record, NULL, "bytes", (double)bytes);
        rr_bench_record_number(&record, NULL, "median_us", 1e6 * medians[a]);
        rr_bench_record_number(&record, NULL, "mpi_allreduce_median_us", 1e6 * medians[c->contestants - 1]);
        rr_bench_record_number(&record, NULL, "ratio", medians[c->contestants - 1] / medians[a]);
        rr_bench_record_number(&record, NULL, "least_us", 1e6 * least[a]);
        rr_bench_record_number(&record, NULL, "least_ratio", least[c->contestants - 1] / least[a]);
        rr_bench_record_number(&record, NULL, "gb_per_s", 1e-9 * (double)bytes / medians[a]);
        rr_bench_record_print(&record);
    }
}

/* Rows for the table in dist/allreduce.c. From large to small, and a change of algorithm must be worth it. */
static void print_table(const contest *c) {
    static const double WORTH = 1.05;
    size_t ranks = rr_comm_size(c->comm), used = ALGORITHMS, bytes = MOST;
    const char *layout = rr_allreduce_layout(ranks, rr_comm_nodes(c->comm));
    for (size_t s = SIZES; s-- > 0; bytes /= 2) {
        size_t best = 0;
        for (size_t a = 1; a + 1 < c->contestants; a++)
            if (takes_part(c, a) && c->medians[s][a] < c->medians[s][best]) best = a;
        if (used < ALGORITHMS && c->medians[s][used] < WORTH * c->medians[s][best]) continue;
        if (used < ALGORITHMS)
            printf("    {%s, %zu, &rr_allreduce_%s},\n", layout, 2 * bytes / ranks, name_of(c, used));
        used = best;
    }
    printf("    {%s, 0, &rr_allreduce_%s},\n", layout, name_of(c, used));
}

static rr_status prepare(const rr_bench_options *options, rr_comm *comm, contest *c) {
    *c = (contest){.comm = comm, .contestants = rr_allreduce_count + 1};
    c->turns = options->steps > 0 ? options->steps : TURNS;
    if (rr_comm_size(comm) == 1)
        return rr_fail(RR_ERR_INPUT, "bench allreduce needs several ranks: mpirun --bind-to core -n 2 ringrnn bench "
                                     "allreduce");
    if (c->contestants > ALGORITHMS) return rr_fail(RR_ERR_RUNTIME, "more algorithms than the benchmark has room for");
    RR_TRY(rr_arena_reserve(MOST, &c->plain));
    c->seconds = malloc(c->contestants * c->turns * sizeof *c->seconds);
    return c->seconds != NULL ? RR_OK : rr_fail(RR_ERR_NOMEM, "no memory for the times of %zu turns", c->turns);
}

static rr_status measure(const rr_bench_options *options, contest *c) {
    bool prints = rr_comm_rank(c->comm) == 0;
    RR_TRY(rr_comm_shared_floats(c->comm, MOST / sizeof(float), &c->shared));
    if (prints) fprintf(stderr, "shared: %s\n", rr_shared_line(c->shared));
    for (size_t s = 0, bytes = LEAST; s < SIZES; s++, bytes *= 2) {
        RR_TRY(measure_size(c, bytes, s));
        if (prints && !options->tune) print_size(c, bytes, s);
    }
    if (prints && options->tune) print_table(c);
    return RR_OK;
}

static rr_status bench(const rr_bench_options *options, rr_comm *comm) {
    contest c;
    rr_status status = rr_comm_agree(comm, prepare(options, comm, &c));
    if (status == RR_OK) status = measure(options, &c);
    if (status != RR_OK && !rr_comm_agreed(comm)) rr_comm_abort(comm, status); /* others wait in what is freed here */
    rr_shared_free(c.shared);
    rr_arena_release(&c.plain);
    free(c.seconds);
    return status;
}

rr_status rr_bench_allreduce(const rr_bench_options *options, int *argc, char ***argv) {
    return rr_bench_over_ranks(options, argc, argv, bench);
}
