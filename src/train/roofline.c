/* What a step could reach at most, and what it spent its time on. */
#include <math.h>

#include "math/rates.h"
#include "train/run.h"

/*
 * Bytes that a step must move to and from memory however good its kernels are: weights, gradients and the state of the
 * optimiser once through the update, and the weights for forward and backward.
 */
static double bytes_a_step(const rr_run *run) {
    double params = (double)rr_params_scalars(&run->task->params);
    double states = (double)run->optim.ops->states(&run->settings.optim);
    return sizeof(float) * params * (2 + 1 + 2 * states + 2 + 2);
}

rr_roofline rr_run_roofline(const rr_run *run, double core_gflops, double copy_gb_s) {
    rr_task_cost cost = run->task->ops->cost(run->task);
    rr_roofline roof = {.gflop = 6e-9 * cost.macs_per_target * cost.targets_per_step / (double)rr_comm_size(run->comm),
                        .gbytes = 1e-9 * bytes_a_step(run),
                        .peak_gflops = core_gflops * (double)run->settings.dist.threads_per_rank,
                        .copy_gb_s = copy_gb_s};
    roof.bound_s = roof.gflop / roof.peak_gflops + roof.gbytes / roof.copy_gb_s;
    return roof;
}

/* Steps after the last line of metrics are in no line, but in the table. */
static void take_the_rest(rr_run *run) {
    double seconds[RR_PHASE_COUNT];
    if (run->interval_steps == 0) return;
    rr_profile_take(seconds);
    for (int p = 0; p < RR_PHASE_COUNT; p++) run->phase_s[p] += seconds[p];
    run->profiled_steps += run->interval_steps;
    run->interval_steps = 0;
}

void rr_run_report_profile(rr_run *run) {
    if (run->log == NULL || !run->options->profile) return;
    take_the_rest(run);
    if (run->profiled_steps == 0) return;
    double sum = 0, steps = (double)run->profiled_steps;
    for (int p = 0; p < RR_PHASE_COUNT; p++) sum += run->phase_s[p];
    rr_buffer text = {0};
    rr_buffer_printf(&text, "phases of %.0f steps of rank 0 (evaluation and saving apart):\n", steps);
    for (int p = 0; p < RR_PHASE_COUNT; p++)
        rr_buffer_printf(&text, "  %-20s %10.3f ms %6.1f %%\n", rr_phase_name((rr_phase)p),
                         1e3 * run->phase_s[p] / steps, 100 * run->phase_s[p] / sum);
    rr_roofline roof = rr_run_roofline(run, rr_fma_peak_gflops(), rr_copy_gb_per_s());
    rr_buffer_printf(&text, "  %-20s %10.3f ms\n", "step", 1e3 * sum / steps);
    rr_buffer_printf(&text,
                     "  roofline: %.3f GFLOP at %.1f GFLOP/s and %.1f MB at %.1f GB/s take %.3f ms; %.0f %% of that "
                     "rate, %.0f %% of the arithmetic's alone",
                     roof.gflop, roof.peak_gflops, 1e3 * roof.gbytes, roof.copy_gb_s, 1e3 * roof.bound_s,
                     100 * roof.bound_s * steps / sum, 100 * roof.gflop / roof.peak_gflops * steps / sum);
    rr_log_message(run->log, "%s", rr_buffer_text(&text));
    rr_buffer_free(&text);
}
