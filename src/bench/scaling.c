/*
 * The same training on more and more of the ranks, nodes or threads: with the global batch kept (strong scaling) and
 * with the batch of each of them kept (weak). Ranks that have no part rest meanwhile.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/ranks.h"
#include "bench/record.h"
#include "bench/steps.h"
#include "dist/placement.h"

typedef struct series {
    const char *mode;
    bool weak;
} series;

/* So many ranks, the first ones, of so many threads: `units` of what is scaled. */
typedef struct point {
    size_t units, ranks, threads; /* threads 0: as configured */
} point;

typedef struct scaling {
    const rr_bench_options *options;
    rr_comm *comm;
    enum { OVER_RANKS, OVER_NODES, OVER_THREADS } over;
    size_t most;               /* units */
    size_t *ranks_of_nodes;    /* [nodes + 1] ranks of the first n nodes */
    size_t batch;              /* of one unit */
    double first_tokens_per_s; /* of one unit */
    bool headed;               /* CSV */
} scaling;

static void add_times(rr_bench_record *record, const rr_steps *s) {
    rr_bench_record_number(record, NULL, "steps", (double)s->steps);
    rr_bench_record_number(record, NULL, "step_ms", 1e3 * s->median_s);
    rr_bench_record_number(record, NULL, "step_ms_min", 1e3 * s->least_s);
    rr_bench_record_number(record, NULL, "compute_ms", 1e3 * s->compute_s);
    rr_bench_record_number(record, NULL, "compute_ms_slowest", 1e3 * s->slowest_compute_s);
    rr_bench_record_number(record, NULL, "straggler", s->slowest_compute_s / s->compute_s);
    rr_bench_record_number(record, NULL, "comm_exposed_ms", 1e3 * s->exposed_s);
    rr_bench_record_number(record, NULL, "comm_hidden_ms", 1e3 * s->hidden_s);
    rr_bench_record_number(record, NULL, "wait_ms", 1e3 * s->phases[RR_PHASE_WAIT]);
}

static void print(scaling *c, const series *mode, const point *p, size_t nodes, const rr_steps *s) {
    static const char *const over[] = {"ranks", "nodes", "threads"};
    rr_bench_record record = {0};
    double tokens_per_s = s->tokens_per_step / s->median_s, speedup = tokens_per_s / c->first_tokens_per_s;
    rr_bench_record_text(&record, "bench", "scaling");
    rr_bench_record_text(&record, "mode", mode->mode);
    rr_bench_record_text(&record, "over", over[c->over]);
    rr_bench_record_text(&record, "computing", c->options->wait ? "waited for, as long as it took alone" : "measured");
    rr_bench_record_text(&record, "config", c->options->train.config_path);
    rr_bench_record_text(&record, "cell", s->cell);
    rr_bench_record_number(&record, NULL, "units", (double)p->units);
    rr_bench_record_number(&record, NULL, "world_size", (double)p->ranks);
    rr_bench_record_number(&record, NULL, "nodes", (double)nodes);
    rr_bench_record_number(&record, NULL, "threads_per_rank", (double)s->threads);
    rr_bench_record_number(&record, NULL, "global_batch_size", (double)s->global_batch_size);
    rr_bench_record_number(&record, NULL, "tokens_per_s", tokens_per_s);
    rr_bench_record_number(&record, NULL, "speedup", speedup);
    rr_bench_record_number(&record, NULL, "efficiency", speedup / (double)p->units);
    add_times(&record, s);
    if (c->options->csv)
        rr_bench_record_print_csv(&record, !c->headed);
    else
        rr_bench_record_print(&record);
    c->headed = true;
}

/* Steps of a part of the ranks. batch: global; 0: the configuration's. */
static rr_status measure_part(const scaling *c, rr_comm *part, const point *p, size_t batch, rr_steps *out) {
    char texts[2][64];
    rr_bench_options changed = *c->options;
    size_t count = c->options->train.override_count;
    const char **overrides = malloc((count + 2) * sizeof *overrides);
    if (overrides == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a configuration");
    for (size_t i = 0; i < count; i++) overrides[i] = c->options->train.overrides[i];
    snprintf(texts[0], sizeof texts[0], "train.global_batch_size=%zu", batch);
    snprintf(texts[1], sizeof texts[1], "dist.threads_per_rank=%zu", p->threads);
    if (batch > 0) overrides[count++] = texts[0];
    if (p->threads > 0) overrides[count++] = texts[1];
    changed.train.overrides = overrides;
    changed.train.override_count = count;
    rr_status status =
        c->options->wait ? rr_bench_waited_steps(&changed, part, out) : rr_bench_steps(&changed, part, out);
    free(overrides);
    return status;
}

static rr_status measure(const scaling *c, const point *p, size_t batch, rr_steps *out, size_t *nodes) {
    rr_comm *part = NULL;
    rr_status status = rr_comm_first(c->comm, p->ranks, &part);
    if (status == RR_OK && part != NULL) {
        status = measure_part(c, part, p, batch, out);
        *nodes = rr_comm_nodes(part);
        rr_comm_close(part);
    }
    RR_TRY(rr_comm_rest(c->comm));
    return rr_comm_agree(c->comm, status);
}

static point point_of(const scaling *c, size_t units) {
    if (c->over == OVER_THREADS) return (point){units, rr_comm_size(c->comm), units};
    return (point){units, c->over == OVER_NODES ? c->ranks_of_nodes[units] : units, 0};
}

static rr_status bench_all(scaling *c) {
    static const series modes[] = {{"strong", false}, {"weak", true}};
    rr_steps steps = {0};
    size_t nodes = 1;
    for (size_t units = 1;; units = 2 * units < c->most ? 2 * units : c->most) {
        point p = point_of(c, units);
        for (size_t m = 0; m < 2; m++) {
            if (units == 1 && m == 1) continue;                              /* the same */
            if (!modes[m].weak && units > 1 && c->batch < p.ranks) continue; /* ranks without a row */
            RR_TRY(measure(c, &p, modes[m].weak ? c->batch * units : 0, &steps, &nodes));
            if (units == 1) {
                double known[2] = {(double)steps.global_batch_size, steps.tokens_per_step / steps.median_s};
                if (rr_comm_rank(c->comm) != 0) known[0] = known[1] = 0;
                RR_TRY(rr_comm_max_doubles(c->comm, known, 2));
                c->batch = (size_t)known[0];
                c->first_tokens_per_s = known[1];
            }
            if (rr_comm_rank(c->comm) == 0) print(c, &modes[m], &p, nodes, &steps);
        }
        if (units == c->most) return RR_OK;
    }
}

/* Parts are the first ranks, so nodes must lie one behind the other. */
static rr_status count_ranks_of_nodes(scaling *c) {
    size_t nodes = rr_comm_nodes(c->comm), ranks = rr_comm_size(c->comm), node = rr_comm_node(c->comm);
    double *first = calloc(nodes + 1, sizeof *first), outside = 0; /* [nodes + 1] the first rank of each */
    c->ranks_of_nodes = calloc(nodes + 1, sizeof *c->ranks_of_nodes);
    bool room = first != NULL && c->ranks_of_nodes != NULL;
    rr_status status = rr_comm_agree(c->comm, room ? RR_OK : rr_fail(RR_ERR_NOMEM, "no memory for %zu nodes", nodes));
    if (status != RR_OK || first == NULL || c->ranks_of_nodes == NULL) goto free_first;
    if (rr_comm_local_rank(c->comm) == 0) first[node] = (double)rr_comm_rank(c->comm);
    status = rr_comm_sum_disjoint(c->comm, first, nodes);
    if (status != RR_OK) goto free_first;
    first[nodes] = (double)ranks;
    for (size_t n = 1; n <= nodes; n++) c->ranks_of_nodes[n] = (size_t)first[n];
    double rank = (double)rr_comm_rank(c->comm);
    outside = rank < first[node] || rank >= first[node + 1];
    status = rr_comm_max_doubles(c->comm, &outside, 1);
    if (status == RR_OK && outside > 0)
        status = rr_comm_agree(c->comm, rr_fail(RR_ERR_INPUT, "--over nodes needs ranks that fill one node after the "
                                                              "other: start mpirun without --map-by node"));
free_first:
    free(first);
    return status;
}

static rr_status prepare(scaling *c) {
    const char *over = c->options->over;
    c->most = rr_comm_size(c->comm);
    if (over == NULL || strcmp(over, "ranks") == 0) return RR_OK;
    if (strcmp(over, "nodes") == 0) {
        c->over = OVER_NODES;
        c->most = rr_comm_nodes(c->comm);
        return count_ranks_of_nodes(c);
    }
    if (strcmp(over, "threads") != 0)
        return rr_comm_agree(c->comm, rr_fail(RR_ERR_INPUT, "--over %s: must be ranks, nodes or threads", over));
    /* As many as the rank with the fewest cores can have. */
    rr_core_set cores;
    rr_core_set_of_this_thread(&cores);
    double few = 0;
    for (size_t w = 0; w < RR_MAX_CORES / 64; w++) few -= (double)__builtin_popcountll(cores.words[w]);
    RR_TRY(rr_comm_max_doubles(c->comm, &few, 1));
    c->over = OVER_THREADS;
    c->most = few < 0 ? (size_t)-few : 1;
    return RR_OK;
}

static rr_status bench(const rr_bench_options *options, rr_comm *comm) {
    scaling c = {.options = options, .comm = comm};
    rr_status status = prepare(&c);
    if (status == RR_OK) status = bench_all(&c);
    free(c.ranks_of_nodes);
    return status;
}

rr_status rr_bench_scaling(const rr_bench_options *options, int *argc, char ***argv) {
    return rr_bench_over_ranks(options, argc, argv, bench);
}
