#include "doctor/model.h"

#include <math.h>
#include <string.h>

#include "dist/allreduce.h"

static double value_of(const rr_compute_point *point, bool rest) { return rest ? point->rest_s : point->pass.pass_s; }

/* Seconds of the pass or of the rest at so many rows: along the line through two points, the nearest around them. */
static double at_rows(const rr_cluster_model *c, size_t rows, bool rest) {
    const rr_compute_point *a = &c->points[0];
    if (c->count == 1) return value_of(a, rest) * (rest ? 1 : (double)rows / (double)a->rows);
    size_t i = 1;
    while (i + 1 < c->count && c->points[i].rows < rows) i++;
    a = &c->points[i - 1];
    double rise = fmax(0, value_of(&c->points[i], rest) - value_of(a, rest));
    return fmax(0, value_of(a, rest) + rise * ((double)rows - (double)a->rows) / (double)(c->points[i].rows - a->rows));
}

/* The measured pass that is nearest: its shape in time is taken. */
static const rr_trace *shape_at(const rr_cluster_model *c, size_t rows) {
    size_t best = 0;
    for (size_t i = 1; i < c->count; i++)
        if (c->points[i].rows <= rows) best = i;
    return &c->points[best].pass;
}

/* How the exchange of a bucket takes its time: the link is busy for busy_s, and the last byte comes late_s later. */
typedef struct exchange {
    double busy_s, late_s;
} exchange;

static exchange exchange_of(const rr_cluster_model *c, size_t ranks, double floats) {
    size_t nodes = (ranks + c->ranks_per_node - 1) / c->ranks_per_node,
           local = ranks < c->ranks_per_node ? ranks : c->ranks_per_node;
    double bytes = floats * sizeof(float);
    exchange e = {0, 0};
    if (local > 1) {
        e.busy_s += 2 * bytes / c->local_bytes_per_s;
        e.late_s += 2 * c->local_latency_s;
    }
    if (nodes > 1) {
        const char *name = rr_allreduce_choose(c->allreduce, (size_t)bytes, ranks, nodes)->name;
        bool ring = strcmp(name, "ring") == 0 || strcmp(name, "shared") == 0;
        e.busy_s += 2 * (double)(nodes - 1) / (double)nodes * bytes / c->bytes_per_s;
        e.late_s += 2 * c->latency_s * (ring ? (double)(nodes - 1) : ceil(log2((double)nodes)));
    }
    return e;
}

/* Walks through the pass: buckets go one after the other through the link, as they become ready. The tail is floats
 * like others here: those that are ready then, and so many fewer later. */
static double last_arrival(const rr_cluster_model *c, const rr_trace *shape, double pass_s, size_t ranks, double dense,
                           double *comm_s) {
    double scale = shape->pass_s > 0 ? pass_s / shape->pass_s : 1, free_s = 0, last_s = 0, sent = 0;
    double body = 0, tail = 0; /* ready of both */
    *comm_s = 0;
    for (size_t i = 0; i <= shape->count; i++) {
        bool all = i == shape->count;
        double when = all ? pass_s : scale * shape->events[i].s;
        if (!all) body = fmax(body, (double)shape->events[i].end);
        if (!all && shape->events[i].tail > 0) tail = fmax(0, dense - (double)shape->events[i].tail);
        double end = all ? dense : fmin(dense, body + tail);
        while (end > sent) {
            double floats = fmin(end - sent, (double)c->bucket_floats);
            exchange e = exchange_of(c, ranks, floats);
            free_s = fmax(free_s, when) + e.busy_s;
            last_s = fmax(last_s, free_s + e.late_s);
            *comm_s += e.busy_s;
            sent += floats;
            if (sent >= dense) *comm_s += e.late_s;
        }
    }
    return last_s;
}

rr_step_model rr_model_step(const rr_cluster_model *c, size_t ranks, size_t rows, double dense, double loose) {
    double pass_s = at_rows(c, rows, false), comm_s = 0;
    rr_step_model step = {.compute_s = pass_s + at_rows(c, rows, true)};
    step.step_s = step.compute_s;
    if (ranks == 1) return step;
    double last_s = fmax(pass_s, last_arrival(c, shape_at(c, rows), pass_s, ranks, dense, &comm_s));
    size_t nodes = (ranks + c->ranks_per_node - 1) / c->ranks_per_node;
    if (loose > 0) { /* every rank gets the rows of all, after the buckets */
        double bytes = loose * sizeof(float);
        double rows_s = nodes > 1 ? (double)(nodes - 1) / (double)nodes * bytes / c->bytes_per_s +
                                        (double)(nodes - 1) * c->latency_s
                                  : bytes / c->local_bytes_per_s;
        last_s += rows_s;
        comm_s += rows_s;
    }
    step.comm_s = comm_s;
    step.exposed_s = last_s - pass_s;
    step.step_s += step.exposed_s;
    return step;
}
