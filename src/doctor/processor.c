/* Does the processor compute, rightly and as fast as it can? */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "doctor/facts.h"
#include "doctor/spread.h"
#include "doctor/system.h"
#include "math/gemm.h"
#include "math/rates.h"
#include "math/team.h"
#include "train/fault.h"

enum { ROWS = 256, WIDE = 512 };
static const double PRODUCTS_S = 0.1, SLOW_PRODUCTS = 0.5, SLOW_RANK = 0.8;

/* GFLOP/s of the library's products, the best of some; NAN without memory. */
static double measure_products(void) {
    float *x = malloc((size_t)(2 * ROWS * WIDE + WIDE * WIDE) * sizeof *x);
    double best = 0, begin = rr_clock_seconds();
    if (x == NULL) return NAN;
    float *y = x + (size_t)ROWS * WIDE, *w = y + (size_t)ROWS * WIDE;
    for (size_t i = 0; i < 2 * ROWS * WIDE + WIDE * WIDE; i++) x[i] = (float)(i % 17) - 8;
    while (rr_clock_seconds() - begin < PRODUCTS_S) {
        double start = rr_clock_seconds();
        rr_gemm_forward(ROWS, WIDE, WIDE, x, WIDE, w, WIDE, false, y, WIDE);
        best = fmax(best, 2e-9 * ROWS * WIDE * WIDE / (rr_clock_seconds() - start));
    }
    free(x);
    return best;
}

/* A number that a product of normal ones is too small for. */
static void check_denormal(void *ctx, size_t thread, size_t threads) {
    bool *flushed = ctx;
    volatile float small = FLT_MIN, half = 0.5F, product = small * half;
    (void)threads;
    flushed[thread] = product == 0;
}

static bool flushes(void) {
    bool flushed[2] = {false, false};
    rr_team *team;
    if (rr_team_create(2, &team) != RR_OK) return false;
    rr_team_run(team, check_denormal, flushed);
    rr_team_free(team);
    return flushed[0] && flushed[1];
}

static void read_model(char *out, size_t size) {
    rr_buffer text = {0};
    rr_system_line(rr_system_read("/proc/cpuinfo", &text), "model name", out, size);
    if (out[0] == 0) snprintf(out, size, "a processor without a name");
    rr_buffer_free(&text);
}

void rr_collect_processor(const rr_examination *examination, rr_facts *facts) {
    read_model(facts->cpu, sizeof facts->cpu);
    facts->isa_best = rr_isa_best();
    facts->isa_used = rr_isa_used();
    snprintf(facts->blas, sizeof facts->blas, "%s", rr_math_blas_name());
    snprintf(facts->notice, sizeof facts->notice, "%s", rr_math_notice() != NULL ? rr_math_notice() : "");
    rr_status status = rr_gemm_self_check();
    if (rr_fault_planted("products", rr_comm_rank(examination->comm), 0))
        status = rr_fail(RR_ERR_RUNTIME, "a fault was planted in the products");
    if (status != RR_OK) snprintf(facts->wrong, sizeof facts->wrong, "%s", rr_last_error());
    facts->flushes = flushes();
    rr_comm_barrier(examination->comm); /* all at once, as in a step */
    facts->fma_gflops = rr_fma_peak_gflops();
    facts->product_gflops = measure_products();
    facts->copy_gb_s = rr_copy_gb_per_s();
}

static void judge_speed(const rr_patients *patients, rr_report *report) {
    rr_spread peak = rr_spread_of(patients, offsetof(rr_facts, fma_gflops));
    rr_spread product = rr_spread_of(patients, offsetof(rr_facts, product_gflops));
    rr_spread copy = rr_spread_of(patients, offsetof(rr_facts, copy_gb_s));
    char peak_text[64], product_text[64], copy_text[64];
    rr_spread_text(&peak, 1, "GFLOP/s", peak_text, sizeof peak_text);
    rr_spread_text(&product, 1, "GFLOP/s", product_text, sizeof product_text);
    rr_spread_text(&copy, 1, "GB/s", copy_text, sizeof copy_text);
    rr_report_line(report, "a rank, all at once: multiply-adds %s, products of the library %s, copying %s", peak_text,
                   product_text, copy_text);
    rr_report_number(report, "fma_peak_gflops_min", peak.least);
    rr_report_number(report, "fma_peak_gflops_median", peak.median);
    rr_report_number(report, "fma_peak_gflops_max", peak.most);
    rr_report_number(report, "blas_gflops_min", product.least);
    rr_report_number(report, "blas_gflops_median", product.median);
    rr_report_number(report, "copy_gb_per_s_min", copy.least);
    rr_report_number(report, "copy_gb_per_s_median", copy.median);
    if (peak.least < SLOW_RANK * peak.median)
        rr_report_finding(
            report, RR_WARNING,
            "rank %zu (%s) computes at %.0f %% of the median rank, and every step waits for the slowest: "
            "does something else run there, or is its processor another one, or hot? dist.shards_per_rank auto "
            "gives it less to do",
            peak.least_rank, patients->all[peak.least_rank].place.host, 100 * peak.least / peak.median);
    if (product.median < SLOW_PRODUCTS * peak.median)
        rr_report_finding(report, RR_WARNING,
                          "products of %s reach %.0f %% of the processor's multiply-adds: is it built for this "
                          "processor, and may its threads run?",
                          patients->all[0].blas, 100 * product.median / peak.median);
}

void rr_judge_processor(const rr_examination *examination, const rr_patients *patients, rr_report *report) {
    const rr_facts *first = &patients->all[0], *other = NULL;
    size_t wrong = 0, denormal = 0, held = 0;
    (void)examination;
    rr_report_section(report, "processor");
    rr_report_text(report, "model", first->cpu);
    rr_report_text(report, "isa_best", rr_isa_name(first->isa_best));
    rr_report_text(report, "isa_used", rr_isa_name(first->isa_used));
    rr_report_text(report, "blas", first->blas);
    rr_report_line(report, "%s, %s kernels; %s", first->cpu, rr_isa_name(first->isa_used), first->blas);
    judge_speed(patients, report);
    for (size_t rank = 0; rank < patients->count; rank++) {
        const rr_facts *facts = &patients->all[rank];
        if (strcmp(facts->cpu, first->cpu) != 0 && other == NULL) other = facts;
        denormal += !facts->flushes;
        if (facts->wrong[0] != 0 && wrong++ == 0)
            rr_report_finding(report, RR_BROKEN, "rank %zu (%s): %s", rank, facts->place.host, facts->wrong);
        if (facts->isa_used != facts->isa_best && held++ == 0)
            rr_report_finding(report, RR_WARNING, "RINGRNN_ISA holds the kernels at %s, and %s has %s: unset it",
                              rr_isa_name(facts->isa_used), facts->place.host, rr_isa_name(facts->isa_best));
    }
    rr_report_number(report, "self_checks_failed", (double)wrong);
    rr_report_number(report, "ranks_with_denormals", (double)denormal);
    if (denormal > 0)
        rr_report_finding(report, RR_BROKEN,
                          "%zu rank%s not flush denormals to zero, which makes steps slow and their bits differ",
                          denormal, denormal == 1 ? " does" : "s do");
    if (first->notice[0] != 0) rr_report_finding(report, RR_WARNING, "%s", first->notice);
    if (other != NULL)
        rr_report_finding(report, RR_WARNING,
                          "%s has another processor (%s) than %s: every step waits for the slowest, so ask for nodes "
                          "of one kind, or set dist.shards_per_rank auto (with dist.logical_shards)",
                          other->place.host, other->cpu, first->place.host);
}
