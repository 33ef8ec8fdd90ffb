/*
 * The project's own sums over ranks on a cluster that SimGrid simulates: compiled by tools/simulate with smpicc, from
 * the same files as the program. One rank a node. Time is simulated time; adding numbers costs none.
 *
 *   cluster allreduce BYTES ALGORITHM   one sum, and beside it MPI_Allreduce as --cfg=smpi/allreduce chooses it
 *   cluster step TRACE BUCKET_MB ALGORITHM OVERLAP ROWS WIDTH HEIGHT   the exchange of a step: computing as the trace
 *                                       says, by waiting; ROWS not 0: the tail is a matrix [HEIGHT, WIDTH] of which each
 *                                       rank wrote so many rows, drawn evenly, and goes by rows where the program has it
 *
 * One line of JSON each.
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dist/allreduces.h"
#include "dist/comm_private.h"
#include "dist/reducer.h"

size_t rr_comm_size(const rr_comm *comm) { return comm->size; }

/* No memory is shared between nodes. */
bool rr_shared_find(const rr_comm *comm, const float *values, size_t count, rr_shared_place *out) {
    (void)comm, (void)values, (void)count, (void)out;
    return false;
}
static bool never(size_t bytes, size_t ranks, size_t nodes) { return (void)bytes, (void)ranks, (void)nodes, false; }
const rr_allreduce_ops rr_allreduce_shared = {.name = "shared", .fits = never};
rr_status rr_allreduce_shared_create(rr_comm *comm, const rr_shard_parts *parts, size_t max_count, size_t unit,
                                     size_t tag, rr_allreduce **out) {
    (void)comm, (void)parts, (void)max_count, (void)unit, (void)tag, (void)out;
    return rr_fail(RR_ERR_RUNTIME, "no memory is shared between nodes");
}

rr_status rr_comm_shared_floats(rr_comm *comm, size_t count, rr_shared **out) {
    (void)comm;
    *out = malloc(count * sizeof(float)); /* it is nothing else */
    return *out != NULL ? RR_OK : rr_fail(RR_ERR_NOMEM, "no memory");
}
float *rr_shared_mine(const rr_shared *shared) { return (float *)(void *)(uintptr_t)shared; }
void rr_shared_free(rr_shared *shared) { free(shared); }

static void must(rr_status status) {
    if (status == RR_OK) return;
    fprintf(stderr, "%s\n", rr_last_error());
    MPI_Abort(MPI_COMM_WORLD, 1);
}

static size_t choice_of(const char *name) {
    for (size_t a = 0; a < rr_allreduce_count; a++)
        if (strcmp(name, rr_allreduces[a]->name) == 0) return a + 1;
    return RR_ALLREDUCE_AUTO;
}

static double slowest(double seconds) {
    MPI_Allreduce(MPI_IN_PLACE, &seconds, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    return seconds;
}

static void sum_once(rr_comm *comm, size_t bytes, const char *algorithm) {
    size_t count = bytes / sizeof(float), wrong = 0;
    float *values = malloc((count + 1) * sizeof *values), mine = (float)comm->rank + 1, ranks = (float)comm->size;
    const rr_allreduce_ops *ops = rr_allreduce_choose(choice_of(algorithm), bytes, comm->size, comm->nodes);
    rr_allreduce *operation;
    if (values == NULL) MPI_Abort(MPI_COMM_WORLD, 1);
    for (size_t i = 0; i < count; i++) values[i] = mine * (float)(i % 5);
    must(ops->create(comm, count, 1, 0, &operation));
    MPI_Barrier(MPI_COMM_WORLD);
    double start = MPI_Wtime();
    must(ops->start(operation, RR_ALLREDUCE, values, count));
    must(rr_allreduce_wait(comm, ops, operation));
    double seconds = slowest(MPI_Wtime() - start);
    for (size_t i = 0; i < count; i++) wrong += values[i] != ranks * (ranks + 1) / 2 * (float)(i % 5);
    ops->free(operation);
    MPI_Barrier(MPI_COMM_WORLD);
    start = MPI_Wtime();
    MPI_Allreduce(MPI_IN_PLACE, values, (int)count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
    double mpi = slowest(MPI_Wtime() - start), all_wrong = slowest((double)wrong);
    if (comm->rank == 0)
        printf("{\"simulated\": \"allreduce\", \"ranks\": %zu, \"bytes\": %zu, \"algorithm\": \"%s\", \"us\": %.2f, "
               "\"mpi_us\": %.2f, \"wrong\": %.0f}\n",
               comm->size, bytes, ops->name, 1e6 * seconds, 1e6 * mpi, all_wrong);
    free(values);
}

/* A trace as `bench pass` writes it: "pass_s rest_s floats", cuts, and events "s end" or "s -tail". */
typedef struct pass {
    double pass_s, rest_s;
    size_t floats, cut_count, event_count;
    size_t tail; /* where it begins; floats: it is never spoken of */
    size_t *cuts;
    struct event {
        double s;
        long long end; /* 0: a tick; less: the tail */
    } * events;
} pass;

static void read_pass(const char *path, pass *p) {
    FILE *file = fopen(path, "r");
    if (file == NULL ||
        fscanf(file, "%lf %lf %zu %zu %zu", &p->pass_s, &p->rest_s, &p->floats, &p->cut_count, &p->event_count) != 5) {
        fprintf(stderr, "%s: is no trace\n", path);
        MPI_Abort(MPI_COMM_WORLD, 2);
    }
    p->cuts = calloc(p->cut_count + 1, sizeof *p->cuts);
    p->events = calloc(p->event_count + 1, sizeof *p->events);
    for (size_t i = 0; i < p->cut_count; i++)
        if (fscanf(file, "%zu", &p->cuts[i]) != 1) MPI_Abort(MPI_COMM_WORLD, 2);
    p->tail = p->floats;
    for (size_t i = 0; i < p->event_count; i++) {
        if (fscanf(file, "%lf %lld", &p->events[i].s, &p->events[i].end) != 2) MPI_Abort(MPI_COMM_WORLD, 2);
        if (p->events[i].end < 0) p->tail = (size_t)-p->events[i].end;
    }
    fclose(file);
}

static void wait_until(double when) {
    double left = when - MPI_Wtime();
    if (left > 0) usleep((useconds_t)(1e6 * left));
}

/* The embedding of which this rank wrote some rows. */
typedef struct embedding {
    size_t rows, width, height;
    rr_row_way way;
    float *grad; /* one for all ranks: sums mean nothing */
    rr_row_list *list;
    rr_sum_rows *sum;
} embedding;

static void open_embedding(rr_comm *comm, embedding *e) {
    uint64_t random = 88172645463325252u + comm->rank;
    e->way = rr_row_way_of(e->rows * comm->size, comm->nodes, e->height, e->width);
    if (e->rows == 0 || e->way == RR_ROWS_NOT) return;
    e->grad = SMPI_SHARED_MALLOC(e->height * e->width * sizeof *e->grad);
    must(rr_row_list_create(e->height, &e->list));
    for (size_t i = 0; i < e->rows; i++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        rr_row_list_add(e->list, random % e->height);
    }
    must(rr_sum_rows_create(comm, e->way, e->grad, e->list, e->width, e->rows, 1024, &e->sum));
}

static void close_embedding(embedding *e) {
    rr_sum_rows_free(e->sum);
    rr_row_list_free(e->list);
    if (e->grad != NULL) SMPI_SHARED_FREE(e->grad);
}

static const char *way_name(const embedding *e) {
    if (e->sum == NULL) return "whole";
    return e->way == RR_ROWS_TO_ALL ? "rows to all" : "rows by owner";
}

static void step(rr_comm *comm, const char *path, double bucket_mb, const char *algorithm, bool overlap,
                 embedding by_rows) {
    pass p;
    rr_reducer *reducer;
    rr_reducer_times times;
    read_pass(path, &p);
    open_embedding(comm, &by_rows);
    size_t dense = by_rows.sum != NULL ? p.tail : p.floats;
    float *grads = SMPI_SHARED_MALLOC(p.floats * sizeof *grads); /* one for all ranks: sums mean nothing then */
    rr_dist_config config = {.allreduce = (int)choice_of(algorithm), .bucket_mb = bucket_mb};
    must(rr_reducer_create(comm, &config, grads, p.floats, dense, p.tail, 1024, p.cuts, p.cut_count, &reducer));
    if (by_rows.sum != NULL) must(rr_reducer_sum_rows(reducer, by_rows.sum));
    const rr_hooks *hooks = rr_reducer_hooks(reducer);
    MPI_Barrier(MPI_COMM_WORLD);
    double start = MPI_Wtime();
    rr_reducer_begin(reducer);
    for (size_t i = 0; i < p.event_count && overlap; i++) {
        wait_until(start + p.events[i].s);
        if (p.events[i].end > 0)
            rr_hooks_ready(hooks, (size_t)p.events[i].end);
        else if (p.events[i].end < 0)
            rr_hooks_tail(hooks, (size_t)-p.events[i].end);
        else
            rr_hooks_tick(hooks);
    }
    wait_until(start + p.pass_s);
    must(rr_reducer_finish(reducer, &times));
    double exposed = slowest(MPI_Wtime() - start) - p.pass_s, whole = p.pass_s + p.rest_s;
    if (comm->rank == 0)
        printf("{\"simulated\": \"step\", \"ranks\": %zu, \"summed_bytes\": %zu, \"embedding\": \"%s\", \"buckets\": %zu, "
               "\"algorithm\": \"%s\", \"overlap\": %s, \"compute_ms\": %.2f, \"comm_exposed_ms\": %.2f, \"step_ms\": %.2f, "
               "\"exposed_fraction\": %.4f, \"weak_efficiency\": %.4f}\n",
               comm->size, dense * sizeof(float), way_name(&by_rows),
               rr_reducer_buckets(reducer), rr_reducer_algorithm(reducer), overlap ? "true" : "false", 1e3 * whole,
               1e3 * exposed, 1e3 * (whole + exposed), exposed / (whole + exposed), whole / (whole + exposed));
    close_embedding(&by_rows);
    SMPI_SHARED_FREE(grads);
}

int main(int argc, char **argv) {
    int rank, size;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    rr_comm comm = {.mpi = MPI_COMM_WORLD,
                    .local = MPI_COMM_SELF,
                    .rank = (size_t)rank,
                    .size = (size_t)size,
                    .local_size = 1,
                    .node = (size_t)rank,
                    .nodes = (size_t)size,
                    .slices = 1,
                    .places = calloc((size_t)size, sizeof(rr_rank_place))};
    if (argc == 4 && strcmp(argv[1], "allreduce") == 0)
        sum_once(&comm, strtoull(argv[2], NULL, 10), argv[3]);
    else if (argc == 9 && strcmp(argv[1], "step") == 0)
        step(&comm, argv[2], strtod(argv[3], NULL), argv[4], strcmp(argv[5], "overlap") == 0,
             (embedding){.rows = strtoull(argv[6], NULL, 10),
                         .width = strtoull(argv[7], NULL, 10),
                         .height = strtoull(argv[8], NULL, 10)});
    else
        return 2;
    free(comm.places);
    MPI_Finalize();
    return 0;
}
