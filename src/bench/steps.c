#include "bench/steps.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/profile.h"
#include "bench/record.h"
#include "math/rates.h"
#include "nn/cell.h"

enum { WARM_UP = 2, LEAST_STEPS = 5, MOST_STEPS = 1000, SYNTHETIC_STEPS = 4 };
static const double WANTED_S = 6; /* of measured steps, where their number is not given */

static rr_status step_once(rr_run *run, double *seconds, rr_step_report *report) {
    double start = rr_clock_seconds();
    RR_TRY(rr_run_step(run, false, report));
    *seconds = rr_clock_seconds() - start;
    return report->stop == RR_GO_ON ? RR_OK : rr_fail(RR_STOPPED, "stopped by a signal");
}

/* The lowest of all ranks: the slowest core counts. */
static rr_status lowest(rr_comm *comm, double *value) {
    *value = -*value;
    RR_TRY(rr_comm_max_doubles(comm, value, 1));
    *value = -*value;
    return RR_OK;
}

rr_status rr_steps_spread(rr_comm *comm, double compute_s, rr_steps *out) {
    size_t size = rr_comm_size(comm);
    double *all = calloc(size, sizeof *all), both[2] = {0, 0};
    size_t *ones = malloc(size * sizeof *ones);
    bool room = all != NULL && ones != NULL;
    rr_status status =
        rr_comm_agree(comm, room ? RR_OK : rr_fail(RR_ERR_NOMEM, "no memory for times of %zu ranks", size));
    for (size_t rank = 0; rank < size && ones != NULL; rank++) ones[rank] = 1;
    if (status == RR_OK && room) status = rr_comm_gather_doubles(comm, &compute_s, ones, all);
    if (status == RR_OK && room && rr_comm_rank(comm) == 0) {
        both[0] = rr_median(all, size);
        both[1] = all[size - 1]; /* sorted by it */
    }
    free(all);
    free(ones);
    RR_TRY(status);
    RR_TRY(rr_comm_max_doubles(comm, both, 2));
    out->compute_s = both[0];
    out->slowest_compute_s = both[1];
    return RR_OK;
}

void rr_steps_describe(const rr_run *run, rr_steps *out) {
    out->tokens_per_step = run->task->ops->cost(run->task).tokens_per_step;
    out->params = rr_params_scalars(&run->task->params);
    out->global_batch_size = run->settings.train.global_batch_size;
    out->threads = run->settings.dist.threads_per_rank;
    out->cell = rr_cells[run->settings.model.cell]->name;
}

/* Times of every step, of the slowest rank. */
static rr_status take_times(rr_run *run, double *seconds, rr_steps *out) {
    double communication[2] = {0}, tokens = 0, padded = 0, mine = 0;
    rr_profile_start();
    for (size_t i = 0; i < out->steps; i++) {
        rr_step_report report;
        RR_TRY(step_once(run, &seconds[i], &report));
        mine += seconds[i] / (double)out->steps;
        communication[0] += report.exposed_s / (double)out->steps;
        communication[1] += report.hidden_s / (double)out->steps;
        tokens += report.tokens;
        padded += report.padded;
    }
    rr_profile_take(out->phases);
    rr_profile_stop();
    for (int p = 0; p < RR_PHASE_COUNT; p++) out->phases[p] /= (double)out->steps;
    RR_TRY(rr_steps_spread(run->comm, mine - communication[0] - out->phases[RR_PHASE_WAIT], out));
    RR_TRY(rr_comm_max_doubles(run->comm, seconds, out->steps));
    RR_TRY(rr_comm_max_doubles(run->comm, communication, 2));
    out->exposed_s = communication[0];
    out->hidden_s = communication[1];
    out->padding = padded > 0 ? 1 - tokens / padded : 0;
    for (size_t i = 0; i < out->steps; i++) out->mean_s += seconds[i] / (double)out->steps;
    out->median_s = rr_median(seconds, out->steps);
    out->least_s = seconds[0]; /* sorted by it */
    return RR_OK;
}

static rr_status measure(rr_run *run, size_t wanted, rr_steps *out) {
    double seconds = 0, peak = rr_fma_peak_gflops();
    rr_step_report report;
    out->copy_gb_s = rr_copy_gb_per_s();
    for (int i = 0; i < WARM_UP; i++) RR_TRY(step_once(run, &seconds, &report));
    RR_TRY(rr_comm_max_doubles(run->comm, &seconds, 1));
    out->steps = wanted > 0 ? wanted : (size_t)fmin(MOST_STEPS, fmax(LEAST_STEPS, WANTED_S / seconds));
    double *all = malloc(out->steps * sizeof *all);
    if (all == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the times of %zu steps", out->steps);
    rr_status status = take_times(run, all, out);
    free(all);
    RR_TRY(status);
    out->peak_gflops = fmax(peak, rr_fma_peak_gflops());
    RR_TRY(lowest(run->comm, &out->copy_gb_s));
    return lowest(run->comm, &out->peak_gflops);
}

rr_status rr_bench_steps(const rr_bench_options *options, rr_comm *comm, rr_steps *out) {
    rr_run run;
    *out = (rr_steps){0};
    rr_status status = rr_run_open_synthetic(&options->train, comm, SYNTHETIC_STEPS, &run);
    if (status == RR_OK) status = measure(&run, options->steps, out);
    if (status == RR_OK) {
        rr_steps_describe(&run, out);
        out->roofline = rr_run_roofline(&run, out->peak_gflops, out->copy_gb_s);
    }
    return rr_run_end(&run, status);
}
