/*
 * Which shards of the global batch are whose: evenly, as dist.shards_per_rank lists them, or by the speed of the ranks.
 * That is measured at every start on a layer of the model's size, on all ranks at once as they share memory. The
 * weights do not depend on it.
 */
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "dist/shard_counts.h"
#include "nn/cell.h"
#include "nn/rnn_trial.h"
#include "train/fault.h"
#include "train/run.h"

/* A turn is about one chunk of a layer's steps. Short turns are counted for a while: where others have the core in
 * between, each of them tells little. */
enum { TURN_TOTAL = 256, PLANTED = 9, MOST_PIECES = 16 };
static const double WINDOW_S = 0.2;

static void sleep_for(double seconds) {
    struct timespec time = {.tv_sec = (time_t)seconds};
    time.tv_nsec = (long)(1e9 * (seconds - (double)time.tv_sec));
    nanosleep(&time, NULL);
}

static void turn(rr_rnn_trial *trial, bool planted) {
    double forward_s, backward_s;
    rr_rnn_trial_turn(trial, &forward_s, &backward_s);
    if (planted) sleep_for(PLANTED * (forward_s + backward_s));
}

static double gflops_of_window(rr_rnn_trial *trial, bool planted) {
    double start = rr_clock_seconds(), now = start;
    size_t turns = 0;
    for (; turns == 0 || now < start + WINDOW_S; turns++, now = rr_clock_seconds()) turn(trial, planted);
    return 1e-9 * (double)turns * rr_rnn_trial_flop(trial) / (now - start);
}

static rr_status open_trial(const rr_run *run, rr_rnn_trial *trial) {
    const rr_model_config *model = &run->settings.model;
    size_t batch = run->settings.train.global_batch_size, ranks = rr_comm_size(run->comm);
    size_t rows = (batch - 1) / ranks + 1;
    if (rows > TURN_TOTAL) rows = TURN_TOTAL;
    rr_rnn_spec spec = {.cell = rr_cells[model->cell],
                        .input_size = model->hidden_size,
                        .hidden_size = model->hidden_size,
                        .num_layers = 1,
                        .bias = model->bias,
                        .team = run->team};
    return rr_rnn_trial_open(&spec, rows, TURN_TOTAL / rows, trial);
}

/* Collective; *gflops: of this rank. */
static rr_status measure(rr_run *run, double *gflops) {
    rr_rnn_trial trial = {.rnn = NULL};
    double w[3]; /* windows */
    bool planted = rr_fault_planted("slow", rr_comm_rank(run->comm), 0);
    rr_comm_phase(run->comm, "measuring the speed of the ranks", 0);
    rr_status status = rr_comm_agree(run->comm, open_trial(run, &trial));
    if (status == RR_OK) {
        turn(&trial, false); /* warms up */
        status = rr_comm_barrier(run->comm);
        for (size_t i = 0; i < 3; i++) w[i] = gflops_of_window(&trial, planted);
        *gflops = fmax(fmin(w[0], w[1]), fmin(fmax(w[0], w[1]), w[2])); /* the middle one */
    }
    rr_rnn_trial_close(&trial);
    return status;
}

/* Every rank gets the same rates, and makes the same of them. */
static rr_status share_by_speed(rr_run *run, rr_shard_parts *out) {
    size_t ranks = rr_comm_size(run->comm);
    size_t *counts = malloc(ranks * sizeof *counts);
    run->gflops = calloc(ranks, sizeof *run->gflops);
    bool room = counts != NULL && run->gflops != NULL;
    rr_status status =
        rr_comm_agree(run->comm, room ? RR_OK : rr_fail(RR_ERR_NOMEM, "no memory for the speeds of %zu ranks", ranks));
    if (status != RR_OK || counts == NULL || run->gflops == NULL) goto free_counts;
    status = measure(run, &run->gflops[rr_comm_rank(run->comm)]);
    if (status == RR_OK) status = rr_comm_sum_disjoint(run->comm, run->gflops, ranks);
    if (status != RR_OK) goto free_counts;
    status = rr_shard_counts(run->gflops, ranks, run->settings.dist.logical_shards, counts);
    if (status == RR_OK) status = rr_shard_parts_of_counts(counts, ranks, 0, out);
    status = rr_comm_agree(run->comm, status);
free_counts:
    free(counts);
    return status;
}

static rr_status share_as_listed(const rr_run *run, rr_shard_parts *out) {
    const rr_sizes *counts = &run->settings.dist.shards_per_rank.sizes;
    size_t ranks = rr_comm_size(run->comm);
    if (counts->count == ranks) return rr_shard_parts_of_counts(counts->values, ranks, 0, out);
    return rr_config_fail(run->config, "dist.shards_per_rank",
                          "must be even, auto or as many counts as there are ranks (%zu), got %zu", ranks,
                          counts->count);
}

rr_status rr_run_share_shards(rr_run *run, rr_shard_parts *out) {
    const rr_dist_config *dist = &run->settings.dist;
    size_t ranks = rr_comm_size(run->comm);
    if (dist->shards_per_rank.sizes.count > 0) return rr_comm_agree(run->comm, share_as_listed(run, out));
    if (dist->shards_per_rank.choice == RR_SHARDS_AUTO && ranks > 1) return share_by_speed(run, out);
    return rr_comm_agree(run->comm, rr_shard_parts_create(dist->logical_shards, ranks, 0, out));
}

/* The end of the ranks from `first` on that have as many shards, and the range of what they reach. */
static size_t end_of_alike(const rr_run *run, size_t first, double *least, double *most) {
    const size_t *begins = run->sums.parts.first;
    size_t count = begins[first + 1] - begins[first], end = first;
    for (; end < run->sums.ranks && begins[end + 1] - begins[end] == count; end++) {
        double gflops = run->gflops != NULL ? run->gflops[end] : 0;
        *least = end == first || gflops < *least ? gflops : *least;
        *most = end == first || gflops > *most ? gflops : *most;
    }
    return end;
}

void rr_run_describe_shares(const rr_run *run, rr_buffer *out) {
    const size_t *begins = run->sums.parts.first, ranks = run->sums.ranks;
    const char *comma = "";
    rr_buffer_printf(out, "shards%s: ", run->gflops != NULL ? " by the speed of ranks" : "");
    for (size_t first = 0, pieces = 0, end; first < ranks; first = end, comma = ", ") {
        double least = 0, most = 0;
        if (pieces++ == MOST_PIECES) {
            rr_buffer_puts(out, ", ...");
            return;
        }
        end = end_of_alike(run, first, &least, &most);
        rr_buffer_printf(out, end - first > 1 ? "%s%zu on each of ranks %zu" : "%s%zu on rank %zu", comma,
                         begins[first + 1] - begins[first], first);
        if (end - first > 1) rr_buffer_printf(out, "-%zu", end - 1);
        if (run->gflops == NULL) continue;
        rr_buffer_printf(out, " (%.1f", least);
        if (end - first > 1) rr_buffer_printf(out, "-%.1f", most);
        rr_buffer_puts(out, " GFLOP/s)");
    }
}
