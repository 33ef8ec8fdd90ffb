/* The recurrent layers alone, forward and backward with the gradient of their input: what the cells' speed is known by.
 */
#include <math.h>
#include <stdlib.h>

#include "bench/alone.h"
#include "bench/record.h"
#include "math/rates.h"
#include "math/runtime.h"
#include "nn/rnn_trial.h"

enum { WARM_UP = 2, LEAST_TURNS = 5, MOST_TURNS = 1000 };
static const double WANTED_S = 3;

static rr_status open_layers(const rr_settings *settings, rr_team *team, rr_rnn_trial *trial) {
    const rr_model_config *model = &settings->model;
    rr_rnn_spec spec = {.cell = rr_cells[model->cell],
                        .input_size = model->embedding_size,
                        .hidden_size = model->hidden_size,
                        .num_layers = model->num_layers,
                        .bidirectional = model->bidirectional,
                        .bias = model->bias,
                        .team = team};
    return rr_rnn_trial_open(&spec, settings->train.global_batch_size, settings->train.bptt, trial);
}

static rr_status measure(const char *path, const rr_settings *settings, size_t wanted, rr_rnn_trial *trial) {
    double forward = 0, backward = 0, peak = rr_fma_peak_gflops();
    for (int i = 0; i < WARM_UP; i++) rr_rnn_trial_turn(trial, &forward, &backward);
    size_t turns = wanted > 0 ? wanted : (size_t)fmin(MOST_TURNS, fmax(LEAST_TURNS, WANTED_S / (forward + backward)));
    double *times = malloc(3 * turns * sizeof *times);
    if (times == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the times of %zu turns", turns);
    for (size_t i = 0; i < turns; i++) {
        rr_rnn_trial_turn(trial, &times[i], &times[turns + i]);
        times[2 * turns + i] = times[i] + times[turns + i];
    }
    double threads = (double)settings->dist.threads_per_rank;
    peak = fmax(peak, rr_fma_peak_gflops()) * threads;
    double total = rr_median(times + 2 * turns, turns);
    double flop = rr_rnn_trial_flop(trial);
    rr_bench_record record = {0};
    rr_bench_record_text(&record, "bench", "cell");
    rr_bench_record_text(&record, "config", path);
    rr_bench_record_text(&record, "cell", trial->spec.cell->name);
    rr_bench_record_text(&record, "isa", rr_isa_name(rr_isa_used()));
    rr_bench_record_number(&record, NULL, "threads_per_rank", threads);
    rr_bench_record_number(&record, NULL, "rows", (double)trial->sequence.rows);
    rr_bench_record_number(&record, NULL, "steps", (double)trial->sequence.steps);
    rr_bench_record_number(&record, NULL, "turns", (double)turns);
    rr_bench_record_number(&record, NULL, "forward_ms", 1e3 * rr_median(times, turns));
    rr_bench_record_number(&record, NULL, "backward_ms", 1e3 * rr_median(times + turns, turns));
    rr_bench_record_number(&record, NULL, "total_ms", 1e3 * total);
    rr_bench_record_number(&record, NULL, "gflops", 1e-9 * flop / total);
    rr_bench_record_number(&record, NULL, "fma_peak_gflops", peak);
    rr_bench_record_number(&record, NULL, "peak_fraction", 1e-9 * flop / total / peak);
    rr_bench_record_print(&record);
    free(times);
    return RR_OK;
}

static rr_status bench(const rr_bench_options *options, const rr_settings *settings) {
    rr_team *team = NULL;
    rr_rnn_trial trial = {.rnn = NULL};
    rr_status status = rr_team_create(settings->dist.threads_per_rank, &team);
    if (status == RR_OK) status = open_layers(settings, team, &trial);
    if (status == RR_OK) status = measure(options->train.config_path, settings, options->steps, &trial);
    rr_rnn_trial_close(&trial);
    rr_team_free(team);
    return status;
}

rr_status rr_bench_cell(const rr_bench_options *options, int *argc, char ***argv) {
    (void)argc, (void)argv;
    return rr_bench_alone(options, bench);
}
