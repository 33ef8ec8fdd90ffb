/* What a run tells while it runs: banner, metrics, histograms, samples. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "math/runtime.h"
#include "nn/cell.h"
#include "ringrnn/version.h"
#include "train/run.h"

enum { SAMPLE_TOKENS = 100 };

static double mebibytes(size_t bytes) { return (double)bytes / (1 << 20); }

static void describe_resume(const rr_run *run, const rr_resume *from, rr_buffer *text) {
    bool continues = run->progress.position.step > 0;
    rr_buffer_printf(text, "%s %s", continues ? "resumed from" : "weights from", rr_buffer_text(&from->path));
    if (continues) {
        rr_buffer_printf(text, ", step %llu, epoch %llu", (unsigned long long)run->progress.position.step,
                         (unsigned long long)run->progress.position.epoch);
        rr_buffer placement = {0};
        rr_run_placement(run, &placement);
        bool elastic = run->settings.dist.logical_shards > 0; /* then the bits are the same anyway */
        if (!elastic && strcmp(rr_buffer_text(&from->placement), rr_buffer_text(&placement)) != 0)
            rr_buffer_printf(text, "\n  it ran on %s, now on %s: results agree, but bits may differ",
                             rr_buffer_text(&from->placement), rr_buffer_text(&placement));
        rr_buffer_free(&placement);
        if (!elastic && strcmp(rr_buffer_text(&from->level), rr_math_level()) != 0)
            rr_buffer_printf(text, "\n  it computed with %s, now with %s: results agree, but bits may differ",
                             rr_buffer_text(&from->level), rr_math_level());
    }
    rr_buffer_puts(text, "\n");
}

static const char *way_of_embeddings(const rr_run *run) {
    for (size_t i = 0; i < run->row_sum_count; i++)
        if (rr_sum_rows_way(run->row_sums[i]) == RR_ROWS_BY_OWNER)
            return "; those of embeddings go as rows, by their owners";
    return run->row_sum_count > 0 ? "; those of embeddings go as rows" : "";
}

rr_status rr_run_banner(rr_run *run, const rr_resume *from) {
    rr_buffer placement = {0}, text = {0}, config = {0};
    rr_status status = rr_comm_placement(run->comm, &placement);
    if (status == RR_OK && rr_comm_rank(run->comm) == 0) {
        const rr_params *params = &run->task->params;
        const rr_model_config *model = &run->settings.model;
        rr_buffer_printf(&text, "ringrnn %s, run %s\n", RINGRNN_VERSION, rr_buffer_text(&run->folder));
        if (from->found) describe_resume(run, from, &text);
        rr_buffer_puts(&text, rr_buffer_text(&placement));
        rr_buffer_printf(&text, "%s, %s kernels\n", rr_math_blas_name(), rr_isa_name(rr_isa_used()));
        rr_buffer_printf(
            &text, "%s: %zu x %s %zu%s, %zu parameters, %.1f MiB of weights, %.1f MiB a rank in all\n",
            run->task->ops->name, model->num_layers, rr_cells[model->cell]->name, model->hidden_size,
            model->bidirectional ? " bidirectional" : "", rr_params_scalars(params),
            mebibytes(params->total * sizeof(float)),
            mebibytes(2 * params->total * sizeof(float) + run->optim_states.capacity + run->activations.capacity));
        run->task->ops->describe(run->task, &text);
        if (run->vectors_found > 0)
            rr_buffer_printf(&text, "%zu of %zu words start from the vectors of %s\n", run->vectors_found,
                             rr_vocab_size(run->task->words), run->settings.model.vectors);
        rr_buffer_printf(&text, "%zu rows a step, %llu steps an epoch; gradients by %s in %zu bucket%s, in %s%s%s",
                         run->settings.train.global_batch_size, (unsigned long long)run->steps_per_epoch,
                         rr_reducer_algorithm(run->reducer), rr_reducer_buckets(run->reducer),
                         rr_reducer_buckets(run->reducer) == 1 ? "" : "s", rr_shared_line(run->gradients),
                         way_of_embeddings(run), rr_reducer_sharded(run->reducer) ? "; the optimiser is sharded" : "");
        if (run->settings.dist.logical_shards > 0) {
            rr_buffer_printf(&text,
                             "\nadded in the order of %zu shards: the weights do not depend on ranks and threads\n",
                             run->settings.dist.logical_shards);
            rr_run_describe_shares(run, &text);
        }
        rr_log_message(run->log, "%s", rr_buffer_text(&text));
        if (rr_math_notice() != NULL) rr_log_warning(run->log, "%s", rr_math_notice());
        status = rr_config_dump(run->config, &config);
        rr_event event = {.kind = RR_EVENT_TEXT,
                          .name = "config",
                          .text = rr_buffer_text(&config),
                          .step = run->progress.position.step};
        if (status == RR_OK) status = rr_log_write(run->log, &event);
    }
    rr_buffer_free(&placement);
    rr_buffer_free(&text);
    rr_buffer_free(&config);
    run->interval_start_s = rr_clock_seconds();
    return rr_comm_agree(run->comm, status);
}

static rr_event event_of(const rr_run *run, rr_event_kind kind, const char *split) {
    return (rr_event){.kind = kind,
                      .step = run->progress.position.step,
                      .epoch = run->progress.position.epoch,
                      .split = split,
                      .total_steps = run->total_steps,
                      .total_epochs = run->settings.train.max_epochs,
                      .eta_s = NAN};
}

/* Loss and what follows from it; returns the number of scalars. */
static size_t loss_scalars(const rr_run *run, double loss, rr_scalar *out) {
    rr_metric metrics[RR_TASK_METRICS];
    size_t count = run->task->ops->train_metrics(run->task, loss, metrics);
    out[0] = (rr_scalar){"loss", loss};
    for (size_t i = 0; i < count; i++) out[1 + i] = (rr_scalar){metrics[i].name, metrics[i].value};
    return 1 + count;
}

/* Speed since the last line of metrics. */
static size_t speed_scalars(const rr_run *run, double elapsed_s, rr_scalar *out) {
    double steps = (double)run->interval_steps;
    out[0] = (rr_scalar){"tokens_per_s", run->interval_tokens / elapsed_s};
    out[1] = (rr_scalar){"step_s", elapsed_s / steps};
    out[2] = (rr_scalar){"comm_exposed_s", run->interval_exposed_s / steps};
    out[3] = (rr_scalar){"comm_hidden_s", run->interval_hidden_s / steps};
    return 4;
}

static rr_status report(rr_run *run, rr_event_kind kind, const rr_scalar *scalars, size_t count, double elapsed_s) {
    rr_event event = event_of(run, kind, "train");
    event.scalars = scalars;
    event.scalar_count = count;
    if (run->total_steps > run->progress.position.step)
        event.eta_s =
            elapsed_s / (double)run->interval_steps * (double)(run->total_steps - run->progress.position.step);
    return rr_log_write(run->log, &event);
}

/* Milliseconds a step in every phase, since the last line of metrics; their sum is kept for the end. */
static size_t phase_scalars(rr_run *run, rr_scalar *out) {
    double seconds[RR_PHASE_COUNT];
    if (!run->options->profile) return 0;
    rr_profile_take(seconds);
    for (int p = 0; p < RR_PHASE_COUNT; p++) {
        out[p] = (rr_scalar){rr_phase_tags[p], 1e3 * seconds[p] / (double)run->interval_steps};
        run->phase_s[p] += seconds[p];
    }
    run->profiled_steps += run->interval_steps;
    return RR_PHASE_COUNT;
}

rr_status rr_run_report_step(rr_run *run, const rr_step_report *step) {
    double now = rr_clock_seconds(), elapsed_s = now - run->interval_start_s;
    rr_scalar scalars[RR_TASK_METRICS + 8 + RR_PHASE_COUNT];
    size_t count = loss_scalars(run, step->loss, scalars);
    scalars[count++] = (rr_scalar){"lr", step->lr};
    scalars[count++] = (rr_scalar){"grad_norm", step->grad_norm};
    count += speed_scalars(run, elapsed_s, scalars + count);
    count += phase_scalars(run, scalars + count);
    rr_status status = report(run, RR_EVENT_METRICS, scalars, count, elapsed_s);
    run->last_loss = step->loss;
    run->interval_start_s = now;
    run->interval_tokens = run->interval_exposed_s = run->interval_hidden_s = 0;
    run->interval_steps = 0;
    return status;
}

rr_status rr_run_report_progress(rr_run *run) {
    double elapsed_s = rr_clock_seconds() - run->interval_start_s;
    rr_scalar scalars[RR_TASK_METRICS + 8];
    size_t count = isnan(run->last_loss) ? 0 : loss_scalars(run, run->last_loss, scalars);
    count += speed_scalars(run, elapsed_s, scalars + count);
    return report(run, RR_EVENT_PROGRESS, scalars, count, elapsed_s);
}

rr_status rr_run_report_eval(rr_run *run, rr_split split, const rr_metric *metrics, size_t count) {
    rr_scalar scalars[RR_TASK_METRICS];
    for (size_t i = 0; i < count; i++) scalars[i] = (rr_scalar){metrics[i].name, metrics[i].value};
    rr_event event = event_of(run, RR_EVENT_METRICS, rr_split_names[split]);
    event.scalars = scalars;
    event.scalar_count = count;
    return rr_log_write(run->log, &event);
}

void rr_run_report_floors(rr_run *run, rr_split split, const rr_metric *metrics, size_t count) {
    rr_buffer text = {0};
    rr_task_floors_text(run->task, split, metrics, count, &text);
    if (text.length > 0) rr_log_message(run->log, "%s %s", rr_split_names[split], text.data);
    rr_buffer_free(&text);
}

rr_status rr_run_report_histograms(rr_run *run) {
    const rr_params *params = &run->task->params;
    for (size_t i = 0; i < params->count; i++) {
        char name[RR_PARAM_NAME + 16];
        rr_event event = event_of(run, RR_EVENT_HISTOGRAM, "train");
        event.name = name;
        event.count = params->items[i].count;
        snprintf(name, sizeof name, "weights/%s", params->items[i].name);
        event.values = rr_param_value(params, i);
        RR_TRY(rr_log_write(run->log, &event));
        snprintf(name, sizeof name, "gradients/%s", params->items[i].name);
        event.values = rr_param_grad(params, i);
        RR_TRY(rr_log_write(run->log, &event));
    }
    return RR_OK;
}

static void collect(void *ctx, const char *text, size_t length) { rr_buffer_append(ctx, text, length); }

rr_status rr_run_report_sample(rr_run *run) {
    if (run->task->ops->generate == NULL || !run->settings.log.tensorboard) return RR_OK;
    rr_buffer text = {0};
    rr_generate_options options = {.max_tokens = SAMPLE_TOKENS,
                                   .temperature = 0.8,
                                   .top_p = 1,
                                   .seed = run->settings.run.seed,
                                   .emit = collect,
                                   .ctx = &text};
    rr_status status = run->task->ops->generate(run->task, &options);
    rr_event event = event_of(run, RR_EVENT_TEXT, "train");
    event.name = "sample";
    event.text = rr_buffer_text(&text);
    if (status == RR_OK) status = rr_log_write(run->log, &event);
    rr_buffer_free(&text);
    return status;
}
