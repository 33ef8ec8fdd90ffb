/* The matrix products of a training step, by the program's own kernels and by OpenBLAS, taking turns. */
#include <math.h>

#include "base/arena.h"
#include "base/clock.h"
#include "bench/alone.h"
#include "bench/record.h"
#include "math/gemm.h"
#include "math/panels.h"
#include "math/rates.h"
#include "nn/cell.h"

enum { TURNS = 7, LEFT, RIGHT, RESULT, STRIPS_LEFT, STRIPS_RIGHT, BUFFERS };
static const double TURN_S = 0.05; /* of each library in a turn */

/* y[M, N] = x[M, K] . w: forward, gradient of the input; or dw[N, K] += dy[M, N]^T . x[M, K]: gradient of the weight.
 */
typedef enum kind { FORWARD, BACKWARD_INPUT, BACKWARD_WEIGHT } kind;
static const char *const kind_names[] = {"forward", "backward_input", "backward_weight"};

typedef struct product {
    const char *name;
    kind kind;
    size_t M, N, K;
} product;

typedef struct workspace {
    rr_arena arena;
    float *buffer[BUFFERS];
    rr_panels panels;
} workspace;

static void take(const product *p, workspace *w) {
    size_t MK = p->M * p->K, NK = p->N * p->K, MN = p->M * p->N;
    w->buffer[LEFT] = rr_arena_floats(&w->arena, MK);
    w->buffer[RIGHT] = rr_arena_floats(&w->arena, p->kind == BACKWARD_WEIGHT ? MN : NK);
    w->buffer[RESULT] = rr_arena_floats(&w->arena, p->kind == BACKWARD_WEIGHT ? NK : MN);
    w->panels = rr_panels_plan(&w->arena, p->K, 1, p->N);
    w->buffer[STRIPS_LEFT] = rr_arena_floats(&w->arena, rr_strips_floats(p->M, p->N));
    w->buffer[STRIPS_RIGHT] = rr_arena_floats(&w->arena, rr_strips_floats(p->M, p->K));
}

static rr_status open_workspace(const product *p, workspace *w) {
    *w = (workspace){0};
    take(p, w);
    RR_TRY(rr_arena_reserve(w->arena.used, &w->arena));
    take(p, w);
    for (size_t i = 0; i < w->arena.capacity / sizeof(float); i++)
        ((float *)(void *)w->arena.base)[i] = (float)(i % 17) / 8.0f - 1;
    if (p->kind == FORWARD)
        rr_panels_pack_transposed(&w->panels, 0, rr_panels_count(&w->panels), w->buffer[RIGHT], p->K);
    if (p->kind == BACKWARD_INPUT) rr_panels_pack(&w->panels, 0, rr_panels_count(&w->panels), w->buffer[RIGHT], p->N);
    return RR_OK;
}

/* Weights are packed once a step, so outside; the strips of a weight gradient are packed for it, so inside. */
static void run_own(const product *p, const workspace *w) {
    if (p->kind != BACKWARD_WEIGHT) {
        rr_panels_multiply(&w->panels, 0, rr_panels_count(&w->panels), p->M, w->buffer[LEFT], p->K, NULL, 0,
                           w->buffer[RESULT], p->N);
        return;
    }
    rr_strips_pack(p->M, p->N, 0, rr_strips_count(p->N), w->buffer[RIGHT], p->N, w->buffer[STRIPS_LEFT]);
    rr_strips_pack(p->M, p->K, 0, rr_strips_count(p->K), w->buffer[LEFT], p->K, w->buffer[STRIPS_RIGHT]);
    rr_strips_multiply(p->M, p->N, p->K, w->buffer[STRIPS_LEFT], w->buffer[STRIPS_RIGHT], 0, p->N, true,
                       w->buffer[RESULT], p->K);
}

static void run_openblas(const product *p, const workspace *w) {
    if (p->kind == FORWARD)
        rr_gemm_forward(p->M, p->N, p->K, w->buffer[LEFT], p->K, w->buffer[RIGHT], p->K, false, w->buffer[RESULT],
                        p->N);
    else if (p->kind == BACKWARD_INPUT) /* there N is the depth */
        rr_gemm_backward_input(p->M, p->K, p->N, w->buffer[LEFT], p->K, w->buffer[RIGHT], p->N, false,
                               w->buffer[RESULT], p->N);
    else
        rr_gemm_backward_weight(p->M, p->N, p->K, w->buffer[RIGHT], p->N, w->buffer[LEFT], p->K, w->buffer[RESULT],
                                p->K);
}

static double rate(void (*run)(const product *, const workspace *), const product *p, const workspace *w) {
    double flop = 2.0 * (double)p->M * (double)p->N * (double)p->K, start = rr_clock_seconds(), seconds = 0;
    size_t count = 0;
    do {
        run(p, w);
        count++;
        seconds = rr_clock_seconds() - start;
    } while (seconds < TURN_S);
    return 1e-9 * flop * (double)count / seconds;
}

static rr_status measure(const product *p) {
    workspace w;
    double own[TURNS], openblas[TURNS];
    RR_TRY(open_workspace(p, &w));
    double peak = rr_fma_peak_gflops();
    run_own(p, &w);
    run_openblas(p, &w);
    for (int turn = 0; turn < TURNS; turn++) {
        own[turn] = rate(run_own, p, &w);
        openblas[turn] = rate(run_openblas, p, &w);
    }
    rr_arena_release(&w.arena);
    peak = fmax(peak, rr_fma_peak_gflops());
    double mine = rr_median(own, TURNS), theirs = rr_median(openblas, TURNS); /* sorted by it */
    rr_record record = {0};
    rr_record_text(&record, "bench", "gemm");
    rr_record_text(&record, "product", p->name);
    rr_record_text(&record, "kind", kind_names[p->kind]);
    rr_record_number(&record, NULL, "rows", (double)p->M);
    rr_record_number(&record, NULL, "columns", (double)p->N);
    rr_record_number(&record, NULL, "depth", (double)p->K);
    rr_record_number(&record, NULL, "gflops", mine);
    rr_record_number(&record, NULL, "openblas_gflops", theirs);
    rr_record_number(&record, NULL, "gflops_best", own[TURNS - 1]);
    rr_record_number(&record, NULL, "openblas_gflops_best", openblas[TURNS - 1]);
    rr_record_number(&record, NULL, "ratio", mine / theirs);
    rr_record_number(&record, NULL, "fma_peak_gflops", peak);
    rr_record_number(&record, NULL, "peak_fraction", mine / peak);
    rr_record_print(&record);
    return RR_OK;
}

static rr_status measure_config(const rr_bench_options *options, const rr_settings *settings) {
    (void)options;
    const rr_model_config *model = &settings->model;
    size_t H = model->hidden_size, GH = rr_cells[model->cell]->gates * H, E = model->embedding_size;
    size_t B = settings->train.global_batch_size, total = B * settings->train.bptt;
    size_t V = settings->data.vocab.max_size > 0 ? settings->data.vocab.max_size : 100;
    size_t chunk = total < 256 + B ? total : 256 + B - 1;
    const product products[] = {
        {"input, layer 0", FORWARD, chunk, GH, E},    {"recurrent", FORWARD, B, GH, H},
        {"recurrent", BACKWARD_INPUT, B, H, GH},      {"input, layer 0", BACKWARD_INPUT, chunk, E, GH},
        {"recurrent", BACKWARD_WEIGHT, chunk, GH, H}, {"head", FORWARD, total, V, H},
        {"head", BACKWARD_INPUT, total, H, V},        {"head", BACKWARD_WEIGHT, total, V, H},
    };
    for (size_t i = 0; i < sizeof products / sizeof *products; i++) RR_TRY(measure(&products[i]));
    return RR_OK;
}

rr_status rr_bench_gemm(const rr_bench_options *options, int *argc, char ***argv) {
    (void)argc, (void)argv;
    return rr_bench_alone(options, measure_config);
}
