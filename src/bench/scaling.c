/*
 * The same training on 1, 2, 4 ... of the ranks: with the global batch kept (strong scaling) and with the batch of a
 * rank kept (weak). Ranks that have no part rest meanwhile.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench/ranks.h"
#include "bench/record.h"
#include "bench/steps.h"

typedef struct series {
    const char *mode;
    bool weak;
    double tokens_per_s; /* of one rank */
} series;

static void print(const rr_bench_options *options, const series *mode, size_t ranks, size_t nodes, const rr_steps *s) {
    rr_bench_record record = {0};
    double tokens_per_s = s->tokens_per_step / s->median_s, speedup = tokens_per_s / mode->tokens_per_s;
    double wait_s = s->phases[RR_PHASE_WAIT];
    rr_bench_record_text(&record, "bench", "scaling");
    rr_bench_record_text(&record, "mode", mode->mode);
    rr_bench_record_text(&record, "config", options->train.config_path);
    rr_bench_record_text(&record, "cell", s->cell);
    rr_bench_record_number(&record, NULL, "world_size", (double)ranks);
    rr_bench_record_number(&record, NULL, "nodes", (double)nodes);
    rr_bench_record_number(&record, NULL, "threads_per_rank", (double)s->threads);
    rr_bench_record_number(&record, NULL, "global_batch_size", (double)s->global_batch_size);
    rr_bench_record_number(&record, NULL, "steps", (double)s->steps);
    rr_bench_record_number(&record, NULL, "step_ms", 1e3 * s->median_s);
    rr_bench_record_number(&record, NULL, "step_ms_min", 1e3 * s->least_s);
    rr_bench_record_number(&record, NULL, "tokens_per_s", tokens_per_s);
    rr_bench_record_number(&record, NULL, "speedup", speedup);
    rr_bench_record_number(&record, NULL, "efficiency", speedup / (double)ranks);
    rr_bench_record_number(&record, NULL, "compute_ms", 1e3 * (s->mean_s - s->exposed_s - wait_s));
    rr_bench_record_number(&record, NULL, "comm_exposed_ms", 1e3 * s->exposed_s);
    rr_bench_record_number(&record, NULL, "comm_hidden_ms", 1e3 * s->hidden_s);
    rr_bench_record_number(&record, NULL, "wait_ms", 1e3 * wait_s);
    rr_bench_record_print(&record);
    fflush(stdout);
}

/* batch: global; 0: the configuration's. */
static rr_status measure(const rr_bench_options *options, rr_comm *comm, size_t ranks, size_t batch, rr_steps *out,
                         size_t *nodes) {
    rr_comm *part = NULL;
    char text[64];
    rr_bench_options changed = *options;
    size_t count = options->train.override_count;
    const char **overrides = malloc((count + 1) * sizeof *overrides);
    rr_status status = overrides != NULL ? RR_OK : rr_fail(RR_ERR_NOMEM, "no memory for a configuration");
    status = rr_comm_agree(comm, status);
    if (status != RR_OK || overrides == NULL) {
        free(overrides);
        return status;
    }
    for (size_t i = 0; i < count; i++) overrides[i] = options->train.overrides[i];
    snprintf(text, sizeof text, "train.global_batch_size=%zu", batch);
    if (batch > 0) overrides[count++] = text;
    changed.train.overrides = overrides;
    changed.train.override_count = count;
    status = rr_comm_first(comm, ranks, &part);
    if (status == RR_OK && part != NULL) {
        status = rr_bench_steps(&changed, part, out);
        *nodes = rr_comm_nodes(part);
        rr_comm_close(part);
    }
    free(overrides);
    RR_TRY(rr_comm_rest(comm));
    return rr_comm_agree(comm, status);
}

static rr_status bench(const rr_bench_options *options, rr_comm *comm) {
    series modes[] = {{"strong", false, 0}, {"weak", true, 0}};
    rr_steps steps = {0};
    size_t size = rr_comm_size(comm), nodes = 1, batch = 0;
    for (size_t ranks = 1;; ranks = 2 * ranks < size ? 2 * ranks : size) {
        for (size_t m = 0; m < 2; m++) {
            if (ranks == 1 && m == 1) continue;                         /* the same */
            if (!modes[m].weak && ranks > 1 && batch < ranks) continue; /* ranks without a row */
            RR_TRY(measure(options, comm, ranks, modes[m].weak ? batch * ranks : 0, &steps, &nodes));
            if (ranks == 1) {
                double known[2] = {(double)steps.global_batch_size, steps.tokens_per_step / steps.median_s};
                if (rr_comm_rank(comm) != 0) known[0] = known[1] = 0;
                RR_TRY(rr_comm_max_doubles(comm, known, 2));
                batch = (size_t)known[0];
                modes[0].tokens_per_s = modes[1].tokens_per_s = known[1];
            }
            if (rr_comm_rank(comm) == 0) print(options, &modes[m], ranks, nodes, &steps);
        }
        if (ranks == size) return RR_OK;
    }
}

rr_status rr_bench_scaling(const rr_bench_options *options, int *argc, char ***argv) {
    return rr_bench_over_ranks(options, argc, argv, bench);
}
