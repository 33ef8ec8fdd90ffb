#include "doctor/forecast.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "bench/steps.h"
#include "doctor/model.h"
#include "doctor/spread.h"
#include "train/footprint.h"

enum { POINTS = 24, MOST_RANKS = 1024, MOST_TURNS = 5 };
static const double TURNS_S = 0.4, BUDGET_S = 14;             /* of computing */
static const double ASSUMED_S = 20e-6, ASSUMED_RATE = 1.25e9; /* a link, where there is none to measure: 10 Gbit/s */
static const double ROOM = 0.7;                               /* of the available memory that may be taken */

typedef struct measured {
    rr_compute_point points[POINTS];
    size_t count;
} measured;

/* 1, 2, 4 ... rows, up to the batch, as long as time and memory last. */
static rr_status measure(const rr_examination *examination, const rr_train_options *options,
                         const rr_settings *settings, rr_task *task, double room, measured *out) {
    double begin = rr_clock_seconds(), last_s = 0;
    size_t batch = settings->train.global_batch_size;
    for (size_t rows = 1; out->count < POINTS; rows = 2 * rows < batch ? 2 * rows : batch) {
        rr_settings part = *settings;
        double start = rr_clock_seconds();
        rr_footprint sizes;
        part.train.global_batch_size = rows;
        part.dist.logical_shards = 0; /* as rr_trace_alone does */
        RR_TRY(rr_footprint_of(&part, task, 1, 1, &sizes));
        double bytes = sizes.total * (double)rr_comm_local_size(examination->comm);
        if (bytes > ROOM * room || start - begin + 2 * last_s > BUDGET_S) return RR_OK;
        rr_compute_point *point = &out->points[out->count];
        *point = (rr_compute_point){.rows = rows};
        RR_TRY(rr_trace_alone(options, rows, MOST_TURNS, TURNS_S, &point->pass, &point->rest_s));
        out->count++;
        last_s = rr_clock_seconds() - start;
        if (rows == batch) return RR_OK;
    }
    return RR_OK;
}

/* The slowest rank counts, in those points that all have. */
static rr_status agree_on_points(rr_comm *comm, measured *m) {
    double times[2 * POINTS] = {0}, few = -(double)m->count;
    for (size_t i = 0; i < m->count; i++) {
        times[2 * i] = m->points[i].pass.pass_s;
        times[2 * i + 1] = m->points[i].rest_s;
    }
    RR_TRY(rr_comm_max_doubles(comm, &few, 1));
    RR_TRY(rr_comm_max_doubles(comm, times, (size_t)2 * POINTS));
    for (size_t i = 0; i < m->count; i++) {
        rr_trace *pass = &m->points[i].pass;
        double slower = pass->pass_s > 0 ? times[2 * i] / pass->pass_s : 1;
        for (size_t e = 0; e < pass->count; e++) pass->events[e].s *= slower;
        pass->pass_s = times[2 * i];
        m->points[i].rest_s = times[2 * i + 1];
    }
    for (size_t i = (size_t)-few; i < m->count; i++) rr_trace_free(&m->points[i].pass);
    m->count = (size_t)-few;
    return RR_OK;
}

/* The slowest link and memory that were measured, for a ring waits for them; latencies add up, so their mean. */
static rr_cluster_model find_cluster(const rr_settings *settings, const rr_patients *patients, const measured *m,
                                     bool *assumed) {
    rr_cluster_model cluster = {.points = m->points,
                                .count = m->count,
                                .latency_s = 0,
                                .bytes_per_s = INFINITY,
                                .local_latency_s = 2e-6,
                                .allreduce = (size_t)settings->dist.allreduce,
                                .ranks_per_node = patients->all[0].local_size};
    double links = 0;
    for (size_t rank = 0; rank < patients->count; rank++)
        for (size_t i = 0; i < patients->all[rank].link_count; i++) {
            const rr_link_rates *rates = &patients->all[rank].links[i].rates;
            links++;
            cluster.latency_s += (rates->latency_s - cluster.latency_s) / links;
            cluster.bytes_per_s = fmin(cluster.bytes_per_s, rates->bytes_per_s);
        }
    *assumed = isinf(cluster.bytes_per_s);
    if (*assumed) cluster.latency_s = ASSUMED_S, cluster.bytes_per_s = ASSUMED_RATE;
    rr_spread copy = rr_spread_of(patients, offsetof(rr_facts, copy_gb_s));
    cluster.local_bytes_per_s = isnan(copy.least) ? 5e9 : 0.5e9 * copy.least; /* it counts reading and writing */
    double floats = settings->dist.bucket_mb * (1 << 20) / sizeof(float);
    cluster.bucket_floats = floats < 1 ? 1 : (size_t)floats;
    return cluster;
}

static size_t nodes_of(const rr_cluster_model *cluster, size_t ranks) {
    return (ranks + cluster->ranks_per_node - 1) / cluster->ranks_per_node;
}

static rr_status forecast(const rr_cluster_model *cluster, const rr_settings *settings, rr_task *task, size_t ranks,
                          size_t batch, size_t *rows, rr_step_model *out) {
    rr_settings changed = *settings;
    rr_footprint sizes;
    changed.train.global_batch_size = batch;
    RR_TRY(rr_footprint_of(&changed, task, ranks, nodes_of(cluster, ranks), &sizes));
    *rows = (batch + ranks - 1) / ranks;
    *out = rr_model_step(cluster, ranks, *rows, sizes.dense_floats, sizes.row_floats);
    return RR_OK;
}

static rr_status report_rows(const rr_cluster_model *cluster, const rr_settings *settings, rr_task *task,
                             rr_report *report) {
    size_t batch = settings->train.global_batch_size, rows;
    rr_step_model one, strong, weak;
    RR_TRY(forecast(cluster, settings, task, 1, batch, &rows, &one));
    double one_s = one.step_s;
    rr_report_line(report, "%32s %36s   %s", "", "strong: the same global batch", "weak: that batch a rank");
    rr_report_line(report, "%6s %6s %8s %10s %10s %10s %9s %10s %9s", "ranks", "nodes", "rows", "compute ms",
                   "exposed ms", "step ms", "effic.", "step ms", "effic.");
    for (size_t ranks = 1; ranks <= MOST_RANKS; ranks *= 2) {
        size_t weak_rows, nodes = nodes_of(cluster, ranks);
        RR_TRY(forecast(cluster, settings, task, ranks, batch * ranks, &weak_rows, &weak));
        RR_TRY(forecast(cluster, settings, task, ranks, batch, &rows, &strong));
        double strong_efficiency = one_s / strong.step_s / (double)ranks, weak_efficiency = one_s / weak.step_s;
        const rr_report_cell cells[] = {{"ranks", (double)ranks},
                                        {"nodes", (double)nodes},
                                        {"strong_rows_a_rank", (double)rows},
                                        {"strong_compute_ms", 1e3 * strong.compute_s},
                                        {"strong_comm_ms", 1e3 * strong.comm_s},
                                        {"strong_exposed_ms", 1e3 * strong.exposed_s},
                                        {"strong_step_ms", 1e3 * strong.step_s},
                                        {"strong_efficiency", strong_efficiency},
                                        {"weak_comm_ms", 1e3 * weak.comm_s},
                                        {"weak_exposed_ms", 1e3 * weak.exposed_s},
                                        {"weak_step_ms", 1e3 * weak.step_s},
                                        {"weak_efficiency", weak_efficiency}};
        rr_report_row(report, "rows", cells, sizeof cells / sizeof *cells);
        rr_report_line(report, "%6zu %6zu %8zu %10.1f %10.1f %10.1f %7.0f %% %10.1f %7.0f %%", ranks, nodes, rows,
                       1e3 * strong.compute_s, 1e3 * strong.exposed_s, 1e3 * strong.step_s, 100 * strong_efficiency,
                       1e3 * weak.step_s, 100 * weak_efficiency);
    }
    return RR_OK;
}

static rr_status report_forecast(const rr_cluster_model *cluster, bool assumed, const rr_settings *settings,
                                 rr_task *task, rr_report *report) {
    rr_report_section(report, "forecast");
    rr_report_text(report, "kind",
                   "a model: computing as measured, messages by latency and rate; no contention, no noise");
    rr_report_text(report, "network",
                   assumed ? "assumed, as there are not two nodes to measure"
                           : "measured: the slowest link, the mean latency");
    rr_report_number(report, "latency_us", 1e6 * cluster->latency_s);
    rr_report_number(report, "mb_per_s", 1e-6 * cluster->bytes_per_s);
    rr_report_number(report, "ranks_per_node", (double)cluster->ranks_per_node);
    rr_report_line(report, "a model: computing as measured with %zu to %zu rows, messages by latency and rate",
                   cluster->points[0].rows, cluster->points[cluster->count - 1].rows);
    rr_report_line(report, "%zu rank%s a node; links of %.0f us and %.0f MB/s (%s)", cluster->ranks_per_node,
                   cluster->ranks_per_node == 1 ? "" : "s", 1e6 * cluster->latency_s, 1e-6 * cluster->bytes_per_s,
                   assumed ? "assumed: there are not two nodes to measure"
                           : "measured: the slowest, and the mean latency");
    return report_rows(cluster, settings, task, report);
}

rr_status rr_doctor_forecast(const rr_examination *examination, const rr_train_options *options,
                             const rr_settings *settings, rr_task *task, const rr_patients *patients,
                             rr_report *report) {
    measured m = {.count = 0};
    bool assumed;
    double room =
        rr_comm_rank(examination->comm) == 0 ? fmin(patients->all[0].memory_free, patients->all[0].group_room) : 0;
    RR_TRY(rr_comm_max_doubles(examination->comm, &room, 1));
    rr_status status = rr_comm_agree(examination->comm, measure(examination, options, settings, task, room, &m));
    if (status == RR_OK) status = rr_comm_rest(examination->comm);
    if (status == RR_OK) status = agree_on_points(examination->comm, &m);
    if (status == RR_OK && rr_comm_rank(examination->comm) == 0) {
        if (m.count > 0) {
            rr_cluster_model cluster = find_cluster(settings, patients, &m, &assumed);
            status = report_forecast(&cluster, assumed, settings, task, report);
        } else {
            rr_report_section(report, "forecast");
            rr_report_finding(report, RR_WARNING,
                              "there is no memory or time to compute even one row of the batch here");
        }
    }
    for (size_t i = 0; i < m.count; i++) rr_trace_free(&m.points[i].pass);
    return status;
}
