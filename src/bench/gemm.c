/* The matrix products of a training step, by the program's own kernels and by other libraries, taking turns. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "bench/alone.h"
#include "bench/record.h"
#include "bench/xsmm.h"
#include "math/gemm.h"
#include "math/panels.h"
#include "math/rates.h"
#include "math/runtime.h"
#include "nn/cell.h"

enum { TURNS = 7 };
enum { LEFT, RIGHT, RESULT, EXPECTED, STRIPS_LEFT, STRIPS_RIGHT, TRANSPOSED, BUFFERS };
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
    rr_xsmm *xsmm; /* NULL where it is not available */
} workspace;

static size_t results(const product *p) { return p->kind == BACKWARD_WEIGHT ? p->N * p->K : p->M * p->N; }

static void take(const product *p, workspace *w) {
    size_t MK = p->M * p->K, NK = p->N * p->K, MN = p->M * p->N;
    w->buffer[LEFT] = rr_arena_floats(&w->arena, MK);
    w->buffer[RIGHT] = rr_arena_floats(&w->arena, p->kind == BACKWARD_WEIGHT ? MN : NK);
    w->buffer[RESULT] = rr_arena_floats(&w->arena, results(p));
    w->buffer[EXPECTED] = rr_arena_floats(&w->arena, results(p));
    w->panels = rr_panels_plan(&w->arena, p->K, 1, p->N);
    w->buffer[STRIPS_LEFT] = rr_arena_floats(&w->arena, rr_strips_floats(p->M, p->N));
    w->buffer[STRIPS_RIGHT] = rr_arena_floats(&w->arena, rr_strips_floats(p->M, p->K));
    w->buffer[TRANSPOSED] = rr_arena_floats(&w->arena, p->kind == BACKWARD_WEIGHT ? MN : 0);
}

/* The kernels see every product as rows by a packed matrix: for a weight gradient dy^T [N, M] by x [M, K]. */
static rr_status open_xsmm(const product *p, workspace *w) {
    if (!rr_xsmm_available()) return RR_OK;
    if (p->kind == BACKWARD_WEIGHT) return rr_xsmm_create(p->N, p->K, p->M, true, &w->xsmm);
    RR_TRY(rr_xsmm_create(p->M, p->N, p->K, false, &w->xsmm));
    rr_xsmm_pack(w->xsmm, w->buffer[RIGHT], p->kind == FORWARD);
    return RR_OK;
}

static rr_status open_workspace(const product *p, workspace *w) {
    *w = (workspace){0};
    take(p, w);
    RR_TRY(rr_arena_reserve(w->arena.used, &w->arena));
    take(p, w);
    for (size_t i = 0; i < w->arena.capacity / sizeof(float); i++)
        ((float *)(void *)w->arena.base)[i] = (float)(i * 7919 % 2003 % 5) - 2; /* their sums are exact */
    if (p->kind == FORWARD)
        rr_panels_pack_transposed(&w->panels, 0, rr_panels_count(&w->panels), w->buffer[RIGHT], p->K);
    if (p->kind == BACKWARD_INPUT) rr_panels_pack(&w->panels, 0, rr_panels_count(&w->panels), w->buffer[RIGHT], p->N);
    return open_xsmm(p, w);
}

static void close_workspace(workspace *w) {
    rr_xsmm_free(w->xsmm);
    rr_arena_release(&w->arena);
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

static void run_libxsmm(const product *p, const workspace *w) {
    if (p->kind != BACKWARD_WEIGHT) {
        rr_xsmm_multiply(w->xsmm, w->buffer[LEFT], w->buffer[RESULT]);
        return;
    }
    rr_xsmm_transpose(p->M, p->N, w->buffer[RIGHT], w->buffer[TRANSPOSED]);
    rr_xsmm_pack(w->xsmm, w->buffer[LEFT], false);
    rr_xsmm_multiply(w->xsmm, w->buffer[TRANSPOSED], w->buffer[RESULT]);
}

/* The program's own is the first, and what the others are compared with; LIBXSMM the last, since it may be missing. */
static const struct contestant {
    const char *name, *median, *best, *ratio;
    void (*run)(const product *p, const workspace *w);
} contestants[] = {{"ringrnn", "gflops", "gflops_best", NULL, run_own},
                   {"OpenBLAS", "openblas_gflops", "openblas_gflops_best", "ratio", run_openblas},
                   {"LIBXSMM", "libxsmm_gflops", "libxsmm_gflops_best", "libxsmm_ratio", run_libxsmm}};
enum { CONTESTANTS = sizeof contestants / sizeof *contestants };

static double rate(size_t c, const product *p, const workspace *w) {
    double flop = 2.0 * (double)p->M * (double)p->N * (double)p->K, start = rr_clock_seconds(), seconds = 0;
    size_t count = 0;
    do {
        contestants[c].run(p, w);
        count++;
        seconds = rr_clock_seconds() - start;
    } while (seconds < TURN_S);
    return 1e-9 * flop * (double)count / seconds;
}

/* All sums of these numbers are exact, in any order: a benchmark of something that multiplies wrongly is worth nothing.
 */
static rr_status check(size_t c, const product *p, const workspace *w) {
    size_t count = results(p), wrong = 0;
    memset(w->buffer[RESULT], 0, count * sizeof(float));
    contestants[c].run(p, w);
    if (c == 0) memcpy(w->buffer[EXPECTED], w->buffer[RESULT], count * sizeof(float));
    for (size_t i = 0; i < count; i++) wrong += w->buffer[RESULT][i] != w->buffer[EXPECTED][i];
    if (wrong == 0) return RR_OK;
    return rr_fail(RR_ERR_RUNTIME, "%s and ringrnn differ in %zu of %zu results of %s, %s", contestants[c].name, wrong,
                   count, p->name, kind_names[p->kind]);
}

static void print(const char *config, const product *p, size_t count, size_t turns, double *rates, double peak) {
    double medians[CONTESTANTS] = {0};
    for (size_t c = 0; c < count; c++) medians[c] = rr_median(&rates[c * turns], turns); /* sorted by it */
    rr_bench_record record = {0};
    rr_bench_record_text(&record, "bench", "gemm");
    rr_bench_record_text(&record, "config", config);
    rr_bench_record_text(&record, "product", p->name);
    rr_bench_record_text(&record, "kind", kind_names[p->kind]);
    rr_bench_record_text(&record, "isa", rr_isa_name(rr_isa_used()));
    rr_bench_record_number(&record, NULL, "rows", (double)p->M);
    rr_bench_record_number(&record, NULL, "columns", (double)p->N);
    rr_bench_record_number(&record, NULL, "depth", (double)p->K);
    rr_bench_record_number(&record, NULL, "turns", (double)turns);
    for (size_t c = 0; c < count; c++) rr_bench_record_number(&record, NULL, contestants[c].median, medians[c]);
    for (size_t c = 0; c < count; c++)
        rr_bench_record_number(&record, NULL, contestants[c].best, rates[c * turns + turns - 1]);
    for (size_t c = 1; c < count; c++)
        rr_bench_record_number(&record, NULL, contestants[c].ratio, medians[0] / medians[c]);
    rr_bench_record_number(&record, NULL, "fma_peak_gflops", peak);
    rr_bench_record_number(&record, NULL, "peak_fraction", medians[0] / peak);
    rr_bench_record_print(&record);
}

static rr_status contend(const char *config, const product *p, const workspace *w, size_t turns, double *rates) {
    size_t count = w->xsmm != NULL ? CONTESTANTS : CONTESTANTS - 1;
    double peak = rr_fma_peak_gflops();
    for (size_t c = 0; c < count; c++) RR_TRY(check(c, p, w)); /* and warms up */
    for (size_t turn = 0; turn < turns; turn++)
        for (size_t c = 0; c < count; c++) rates[c * turns + turn] = rate(c, p, w);
    print(config, p, count, turns, rates, fmax(peak, rr_fma_peak_gflops()));
    return RR_OK;
}

static rr_status measure(const char *config, const product *p, size_t wanted) {
    workspace w;
    size_t turns = wanted > 0 ? wanted : TURNS;
    double *rates = malloc(CONTESTANTS * turns * sizeof *rates);
    if (rates == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the rates of %zu turns", turns);
    rr_status status = open_workspace(p, &w);
    if (status == RR_OK) status = contend(config, p, &w, turns, rates);
    close_workspace(&w);
    free(rates);
    return status;
}

/* A model and its batch. */
typedef struct sizes {
    size_t GH, E, H, V, B, T;
} sizes;

static rr_status measure_sizes(const char *config, const sizes *s, size_t turns) {
    size_t total = s->B * s->T, chunk = total < 256 + s->B ? total : 256 + s->B - 1;
    const product products[] = {
        {"input, layer 0", FORWARD, chunk, s->GH, s->E},    {"recurrent", FORWARD, s->B, s->GH, s->H},
        {"recurrent", BACKWARD_INPUT, s->B, s->H, s->GH},   {"input, layer 0", BACKWARD_INPUT, chunk, s->E, s->GH},
        {"recurrent", BACKWARD_WEIGHT, chunk, s->GH, s->H}, {"head", FORWARD, total, s->V, s->H},
        {"head", BACKWARD_INPUT, total, s->H, s->V},        {"head", BACKWARD_WEIGHT, total, s->V, s->H},
    };
    for (size_t i = 0; i < sizeof products / sizeof *products; i++) RR_TRY(measure(config, &products[i], turns));
    return RR_OK;
}

static rr_status measure_config(const rr_bench_options *options, const rr_settings *settings) {
    const rr_model_config *model = &settings->model;
    const sizes s = {.GH = rr_cells[model->cell]->gates * model->hidden_size,
                     .E = model->embedding_size,
                     .H = model->hidden_size,
                     .V = settings->data.vocab.max_size > 0 ? settings->data.vocab.max_size : 100,
                     .B = settings->train.global_batch_size,
                     .T = settings->train.bptt};
    return measure_sizes(options->train.config_path, &s, options->steps);
}

/* Without a configuration: the LSTMs of configs/bench. */
static rr_status measure_usual(const rr_bench_options *options) {
    static const struct {
        const char *name;
        sizes sizes;
    } usual[] = {{"lstm-200", {4 * 200, 200, 200, 10000, 20, 20}},
                 {"lstm-650", {4 * 650, 650, 650, 10000, 20, 35}},
                 {"lstm-512", {4 * 512, 512, 512, 100, 64, 100}},
                 {"lstm-1024", {4 * 1024, 1024, 1024, 100, 64, 50}}};
    RR_TRY(rr_math_open(1));
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        RR_TRY(measure_sizes(usual[i].name, &usual[i].sizes, options->steps));
    return RR_OK;
}

rr_status rr_bench_gemm(const rr_bench_options *options, int *argc, char ***argv) {
    (void)argc, (void)argv;
    if (options->train.config_path != NULL) return rr_bench_alone(options, measure_config);
    rr_status status = measure_usual(options);
    if (status != RR_OK) fprintf(stderr, "ringrnn: %s\n", rr_last_error());
    return status;
}
