/* The recurrent layers alone, forward and backward with the gradient of their input: what the cells' speed is known by.
 */
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "bench/alone.h"
#include "bench/record.h"
#include "math/rates.h"
#include "math/runtime.h"
#include "nn/rnn.h"

enum { WARM_UP = 2, LEAST_TURNS = 5, MOST_TURNS = 1000 };
static const double WANTED_S = 3;

/* A stack with rows of equal length, on values without meaning. */
typedef struct layers {
    rr_rnn_spec spec;
    rr_rnn *rnn;
    rr_params params;
    rr_arena weights, memory;
    rr_sequence sequence;
    size_t *active, *offset, *lengths;
    uint64_t *row_id;
    float *x, *dx, *dy;
} layers;

static void fill(size_t count, float scale, float *values) {
    for (size_t i = 0; i < count; i++) values[i] = scale * ((float)(i * 7919 % 2003) / 1001.0f - 1);
}

static void plan(layers *l, rr_arena *arena) {
    size_t total = l->sequence.total, out = (l->spec.bidirectional ? 2 : 1) * l->spec.hidden_size;
    l->x = rr_arena_floats(arena, total * l->spec.input_size);
    l->dx = rr_arena_floats(arena, total * l->spec.input_size);
    l->dy = rr_arena_floats(arena, total * out);
    rr_rnn_plan(l->rnn, arena, total, l->sequence.steps, l->sequence.rows, true);
}

static rr_status open_layers(const rr_settings *settings, rr_team *team, layers *l) {
    const rr_model_config *model = &settings->model;
    size_t rows = settings->train.global_batch_size, steps = settings->train.bptt;
    l->spec = (rr_rnn_spec){.cell = rr_cells[model->cell],
                            .input_size = model->embedding_size,
                            .hidden_size = model->hidden_size,
                            .num_layers = model->num_layers,
                            .bidirectional = model->bidirectional,
                            .bias = model->bias,
                            .team = team};
    RR_TRY(rr_rnn_create(&l->spec, &l->rnn));
    RR_TRY(rr_rnn_declare(l->rnn, &l->params, "rnn"));
    l->active = malloc(steps * sizeof *l->active);
    l->offset = malloc((steps + 1) * sizeof *l->offset);
    l->lengths = malloc(rows * sizeof *l->lengths);
    l->row_id = calloc(rows, sizeof *l->row_id);
    if (l->active == NULL || l->offset == NULL || l->lengths == NULL || l->row_id == NULL)
        return rr_fail(RR_ERR_NOMEM, "no memory for %zu rows", rows);
    for (size_t row = 0; row < rows; row++) l->lengths[row] = steps;
    rr_sequence_fill(l->lengths, rows, l->active, l->offset);
    l->sequence = (rr_sequence){.steps = steps,
                                .rows = rows,
                                .total = rows * steps,
                                .active = l->active,
                                .offset = l->offset,
                                .lengths = l->lengths,
                                .row_id = l->row_id};
    RR_TRY(rr_arena_reserve(2 * l->params.total * sizeof(float), &l->weights));
    l->params.values = rr_arena_floats(&l->weights, l->params.total);
    l->params.grads = rr_arena_floats(&l->weights, l->params.total);
    plan(l, &l->memory);
    RR_TRY(rr_arena_reserve(l->memory.used, &l->memory));
    plan(l, &l->memory);
    fill(l->params.total, 1 / sqrtf((float)model->hidden_size), l->params.values);
    fill(l->sequence.total * l->spec.input_size, 1, l->x);
    return RR_OK;
}

static void close_layers(layers *l) {
    rr_rnn_free(l->rnn);
    rr_params_free(&l->params);
    rr_arena_release(&l->weights);
    rr_arena_release(&l->memory);
    free(l->active);
    free(l->offset);
    free(l->lengths);
    free(l->row_id);
}

/* A forward and a backward pass after a change of the weights, so that packing them counts. */
static void turn(layers *l, double *forward_s, double *backward_s) {
    size_t out = (l->spec.bidirectional ? 2 : 1) * l->spec.hidden_size;
    fill(l->sequence.total * out, 1e-3f, l->dy); /* backward overwrites it */
    rr_params_changed(&l->params);
    rr_params_clear_grads(&l->params);
    double start = rr_clock_seconds();
    rr_rnn_forward(l->rnn, &l->params, &l->sequence, l->x, NULL, NULL, NULL, NULL);
    double middle = rr_clock_seconds();
    rr_rnn_backward(l->rnn, &l->params, &l->sequence, l->x, l->dy, NULL, l->dx, NULL, NULL);
    *forward_s = middle - start;
    *backward_s = rr_clock_seconds() - middle;
}

static rr_status measure(const char *path, const rr_settings *settings, size_t wanted, layers *l) {
    double forward = 0, backward = 0, peak = rr_fma_peak_gflops();
    for (int i = 0; i < WARM_UP; i++) turn(l, &forward, &backward);
    size_t turns = wanted > 0 ? wanted : (size_t)fmin(MOST_TURNS, fmax(LEAST_TURNS, WANTED_S / (forward + backward)));
    double *times = malloc(3 * turns * sizeof *times);
    if (times == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the times of %zu turns", turns);
    for (size_t i = 0; i < turns; i++) {
        turn(l, &times[i], &times[turns + i]);
        times[2 * turns + i] = times[i] + times[turns + i];
    }
    double threads = (double)settings->dist.threads_per_rank;
    peak = fmax(peak, rr_fma_peak_gflops()) * threads;
    double total = rr_median(times + 2 * turns, turns);
    double flop = 6 * rr_rnn_macs_per_token(&l->spec) * (double)l->sequence.total;
    rr_bench_record record = {0};
    rr_bench_record_text(&record, "bench", "cell");
    rr_bench_record_text(&record, "config", path);
    rr_bench_record_text(&record, "cell", l->spec.cell->name);
    rr_bench_record_text(&record, "isa", rr_isa_name(rr_isa_used()));
    rr_bench_record_number(&record, NULL, "threads_per_rank", threads);
    rr_bench_record_number(&record, NULL, "rows", (double)l->sequence.rows);
    rr_bench_record_number(&record, NULL, "steps", (double)l->sequence.steps);
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
    layers l = {0};
    rr_status status = rr_team_create(settings->dist.threads_per_rank, &team);
    if (status == RR_OK) status = open_layers(settings, team, &l);
    if (status == RR_OK) status = measure(options->train.config_path, settings, options->steps, &l);
    close_layers(&l);
    rr_team_free(team);
    return status;
}

rr_status rr_bench_cell(const rr_bench_options *options, int *argc, char ***argv) {
    (void)argc, (void)argv;
    return rr_bench_alone(options, bench);
}
