/* Whole training steps: what train does, on synthetic tokens. */
#include "base/profile.h"
#include "bench/ranks.h"
#include "bench/record.h"
#include "bench/steps.h"
#include "math/runtime.h"

static void print(const rr_bench_options *options, size_t ranks, const rr_steps *s) {
    rr_bench_record record = {0};
    const rr_roofline *roof = &s->roofline;
    rr_bench_record_text(&record, "bench", "step");
    rr_bench_record_text(&record, "config", options->train.config_path);
    rr_bench_record_text(&record, "cell", s->cell);
    rr_bench_record_text(&record, "isa", rr_isa_name(rr_isa_used()));
    rr_bench_record_number(&record, NULL, "world_size", (double)ranks);
    rr_bench_record_number(&record, NULL, "threads_per_rank", (double)s->threads);
    rr_bench_record_number(&record, NULL, "params", (double)s->params);
    rr_bench_record_number(&record, NULL, "steps", (double)s->steps);
    rr_bench_record_number(&record, NULL, "step_ms", 1e3 * s->median_s);
    rr_bench_record_number(&record, NULL, "step_ms_min", 1e3 * s->least_s);
    rr_bench_record_number(&record, NULL, "step_ms_mean", 1e3 * s->mean_s); /* what the phases add up to */
    rr_bench_record_number(&record, NULL, "tokens_per_s", s->tokens_per_step / s->median_s);
    rr_bench_record_number(&record, NULL, "padding_fraction", s->padding); /* that packing leaves out */
    rr_bench_record_number(&record, NULL, "gflops", roof->gflop / s->median_s);
    rr_bench_record_number(&record, NULL, "fma_peak_gflops", roof->peak_gflops);
    rr_bench_record_number(&record, NULL, "peak_fraction", roof->gflop / s->median_s / roof->peak_gflops);
    rr_bench_record_number(&record, NULL, "copy_gb_per_s", s->copy_gb_s);
    rr_bench_record_number(&record, NULL, "roofline_fraction", roof->bound_s / s->median_s);
    rr_bench_record_number(&record, NULL, "comm_exposed_ms", 1e3 * s->exposed_s);
    rr_bench_record_number(&record, NULL, "comm_hidden_ms", 1e3 * s->hidden_s);
    for (int p = 0; p < RR_PHASE_COUNT; p++)
        rr_bench_record_number(&record, "phases_ms", rr_phase_name((rr_phase)p), 1e3 * s->phases[p]);
    rr_bench_record_print(&record);
}

static rr_status bench(const rr_bench_options *options, rr_comm *comm) {
    rr_steps steps;
    RR_TRY(rr_bench_steps(options, comm, &steps));
    if (rr_comm_rank(comm) == 0) print(options, rr_comm_size(comm), &steps);
    return RR_OK;
}

rr_status rr_bench_step(const rr_bench_options *options, int *argc, char ***argv) {
    return rr_bench_over_ranks(options, argc, argv, bench);
}
