/* Whole training steps: what train does, on synthetic tokens. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/profile.h"
#include "bench/bench.h"
#include "bench/record.h"
#include "math/rates.h"
#include "math/runtime.h"
#include "nn/cell.h"
#include "train/run.h"

enum { WARM_UP = 2, LEAST_STEPS = 5, MOST_STEPS = 1000, SYNTHETIC_STEPS = 4 };
static const double WANTED_S = 6; /* of measured steps, where their number is not given */

typedef struct measured {
    size_t steps;
    double *step_s;                /* [steps], of the slowest rank */
    double exposed_s;              /* mean, of the slowest rank */
    double phases[RR_PHASE_COUNT]; /* mean seconds a step, of this rank */
    double peak_gflops, copy_gb_s; /* of the slowest rank */
} measured;

static rr_status step_once(rr_run *run, double *seconds, double *exposed_s) {
    rr_step_report report;
    double start = rr_clock_seconds();
    RR_TRY(rr_run_step(run, false, &report));
    *seconds = rr_clock_seconds() - start;
    *exposed_s = report.exposed_s;
    return report.stop == RR_GO_ON ? RR_OK : rr_fail(RR_STOPPED, "stopped by a signal");
}

/* The lowest of all ranks: the slowest core counts. */
static rr_status lowest(rr_comm *comm, double *value) {
    *value = -*value;
    RR_TRY(rr_comm_max_doubles(comm, value, 1));
    *value = -*value;
    return RR_OK;
}

static rr_status measure(rr_run *run, size_t wanted, measured *out) {
    double seconds = 0, exposed = 0, peak = rr_fma_peak_gflops();
    out->copy_gb_s = rr_copy_gb_per_s();
    for (int i = 0; i < WARM_UP; i++) RR_TRY(step_once(run, &seconds, &exposed));
    RR_TRY(rr_comm_max_doubles(run->comm, &seconds, 1));
    out->steps = wanted > 0 ? wanted : (size_t)fmin(MOST_STEPS, fmax(LEAST_STEPS, WANTED_S / seconds));
    out->step_s = malloc(out->steps * sizeof *out->step_s);
    if (out->step_s == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the times of %zu steps", out->steps);
    rr_profile_start();
    for (size_t i = 0; i < out->steps; i++) {
        RR_TRY(step_once(run, &out->step_s[i], &exposed));
        out->exposed_s += exposed / (double)out->steps;
    }
    rr_profile_take(out->phases);
    rr_profile_stop();
    for (int p = 0; p < RR_PHASE_COUNT; p++) out->phases[p] /= (double)out->steps;
    out->peak_gflops = fmax(peak, rr_fma_peak_gflops());
    RR_TRY(rr_comm_max_doubles(run->comm, out->step_s, out->steps));
    RR_TRY(rr_comm_max_doubles(run->comm, &out->exposed_s, 1));
    RR_TRY(lowest(run->comm, &out->copy_gb_s));
    return lowest(run->comm, &out->peak_gflops);
}

static void print(const rr_run *run, measured *m) {
    rr_record record = {0};
    rr_task_cost cost = run->task->ops->cost(run->task);
    double ranks = (double)rr_comm_size(run->comm), threads = (double)run->settings.dist.threads_per_rank;
    double least = INFINITY, mean = 0, median = rr_median(m->step_s, m->steps);
    for (size_t i = 0; i < m->steps; i++) {
        least = fmin(least, m->step_s[i]);
        mean += m->step_s[i] / (double)m->steps;
    }
    rr_roofline roof = rr_run_roofline(run, m->peak_gflops, m->copy_gb_s);
    rr_record_text(&record, "bench", "step");
    rr_record_text(&record, "config", run->options->config_path);
    rr_record_text(&record, "cell", rr_cells[run->settings.model.cell]->name);
    rr_record_text(&record, "isa", rr_isa_name(rr_isa_used()));
    rr_record_number(&record, NULL, "world_size", ranks);
    rr_record_number(&record, NULL, "threads_per_rank", threads);
    rr_record_number(&record, NULL, "params", (double)rr_params_scalars(&run->task->params));
    rr_record_number(&record, NULL, "steps", (double)m->steps);
    rr_record_number(&record, NULL, "step_ms", 1e3 * median);
    rr_record_number(&record, NULL, "step_ms_min", 1e3 * least);
    rr_record_number(&record, NULL, "step_ms_mean", 1e3 * mean); /* what the phases add up to */
    rr_record_number(&record, NULL, "tokens_per_s", cost.targets_per_step / median);
    rr_record_number(&record, NULL, "gflops", roof.gflop / median);
    rr_record_number(&record, NULL, "fma_peak_gflops", roof.peak_gflops);
    rr_record_number(&record, NULL, "peak_fraction", roof.gflop / median / roof.peak_gflops);
    rr_record_number(&record, NULL, "copy_gb_per_s", m->copy_gb_s);
    rr_record_number(&record, NULL, "roofline_fraction", roof.bound_s / median);
    rr_record_number(&record, NULL, "comm_exposed_ms", 1e3 * m->exposed_s);
    for (int p = 0; p < RR_PHASE_COUNT; p++)
        rr_record_number(&record, "phases_ms", rr_phase_name((rr_phase)p), 1e3 * m->phases[p]);
    rr_record_print(&record);
}

static rr_status bench(const rr_bench_options *options, rr_comm *comm) {
    rr_run run;
    measured result = {0};
    rr_status status = rr_run_open_synthetic(&options->train, comm, SYNTHETIC_STEPS, &run);
    if (status == RR_OK) status = measure(&run, options->steps, &result);
    if (status == RR_OK && rr_comm_rank(comm) == 0) print(&run, &result);
    free(result.step_s);
    rr_status closed = rr_run_close(&run);
    return status != RR_OK ? status : closed;
}

rr_status rr_bench_step(const rr_bench_options *options, int *argc, char ***argv) {
    rr_comm *comm = NULL;
    rr_status status = rr_comm_open(argc, argv, &comm);
    if (status != RR_OK) {
        fprintf(stderr, "ringrnn: %s\n", rr_last_error());
        return status;
    }
    status = bench(options, comm);
    if (status != RR_OK && !rr_comm_agreed(comm)) rr_comm_abort(comm, status);
    if (status != RR_OK && rr_comm_rank(comm) == 0) fprintf(stderr, "ringrnn: %s\n", rr_last_error());
    rr_comm_close(comm);
    return status;
}
