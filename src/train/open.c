/* Setting a run up: configuration, data, memory, checkpoint, in an order in which all ranks can leave together. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "math/gemm.h"
#include "math/runtime.h"
#include "optim/clip.h"
#include "train/by_rows.h"
#include "train/fault.h"
#include "train/run.h"

/* Rank 0 reads the file, all ranks parse the same bytes. */
static rr_status read_config(rr_run *run) {
    rr_buffer text = {0};
    rr_status status = RR_OK;
    if (rr_comm_rank(run->comm) == 0) status = rr_file_read(run->options->config_path, &text);
    status = rr_comm_agree(run->comm, status);
    if (status == RR_OK) status = rr_comm_broadcast(run->comm, 0, &text);
    if (status == RR_OK)
        status =
            rr_comm_agree(run->comm, rr_settings_parse(run->options->config_path, rr_buffer_text(&text), text.length,
                                                       run->options->overrides, run->options->override_count,
                                                       &run->config, &run->settings));
    rr_buffer_free(&text);
    return status;
}

static rr_status create_task(rr_run *run, const rr_resume *vocab_from, size_t synthetic_steps) {
    rr_task_setup setup = rr_settings_task(&run->settings, run->config);
    setup.need_train = true;
    setup.need_eval = true;
    setup.team = run->team;
    setup.synthetic_steps = synthetic_steps;
    if (synthetic_steps > 0) run->settings.train.patience = 0; /* there is nothing to validate on */
    if (vocab_from != NULL && vocab_from->found) setup.vocab_json = rr_buffer_text(&vocab_from->vocab);
    rr_status status = rr_tasks[run->settings.task.type]->create(&setup, &run->task);
    if (status == RR_OK) status = rr_settings_check_task(&run->settings, run->config, run->task, &run->watched);
    run->more_is_better = rr_metric_more_is_better(run->settings.eval.metric);
    if (rr_fault_planted("setup", rr_comm_rank(run->comm), 0))
        status = rr_fail(RR_ERR_RUNTIME, "a fault was planted in set-up");
    RR_TRY(rr_comm_agree(run->comm, status));
    return rr_comm_compare(run->comm, run->task->data_fingerprint, "the data that the ranks read");
}

/* This rank's rows: a contiguous share of the global batch. Some ranks may have fewer than others, or none. */
static rr_status take_rows(rr_run *run, const rr_shard_parts *parts) {
    const rr_settings *settings = &run->settings;
    run->steps_per_epoch = run->task->ops->steps_per_epoch(run->task);
    run->total_steps = rr_settings_total_steps(settings, run->steps_per_epoch);
    run->task->shards = settings->dist.logical_shards;
    rr_gradients_spec spec = {.rows = settings->train.global_batch_size,
                              .micro_rows = settings->train.micro_batch_size,
                              .ranks = rr_comm_size(run->comm),
                              .parts = parts,
                              .shared = 1};
    if (parts != NULL) RR_TRY(rr_comm_shard_arrays(run->comm, parts, &spec.shared));
    RR_TRY(rr_gradients_plan(&spec, run->task, rr_comm_rank(run->comm), &run->sums));
    run->begin = run->sums.begin;
    run->end = run->sums.end;
    return RR_OK;
}

static rr_status share_rows(rr_run *run) {
    if (run->settings.dist.logical_shards == 0) return rr_comm_agree(run->comm, take_rows(run, NULL));
    rr_shard_parts parts = {.first = NULL};
    rr_status status = rr_run_share_shards(run, &parts);
    if (status == RR_OK) status = rr_comm_agree(run->comm, take_rows(run, &parts));
    rr_shard_parts_free(&parts);
    return status;
}

static rr_status reserve_optimiser(rr_run *run) {
    const rr_optim_ops *ops = rr_optims[run->settings.optim.type];
    size_t states = ops->states(&run->settings.optim), owned = rr_reducer_owned_count(run->reducer);
    rr_arena measure = {0};
    run->optim = (rr_optim){.ops = ops, .config = &run->settings.optim};
    for (size_t i = 0; i < states; i++) rr_arena_floats(&measure, owned);
    RR_TRY(rr_arena_reserve(measure.used, &run->optim_states));
    for (size_t i = 0; i < states; i++) run->optim.state[i] = rr_arena_floats(&run->optim_states, owned);
    return RR_OK;
}

static rr_status reserve_memory(rr_run *run) {
    rr_params *params = &run->task->params;
    if (run->weights == NULL) RR_TRY(rr_arena_reserve(params->total * sizeof(float), &run->values));
    params->values = run->weights != NULL ? rr_shared_mine(run->weights) : rr_arena_floats(&run->values, params->total);
    RR_TRY(reserve_optimiser(run));

    run->squares = malloc((rr_clip_pieces(params->total) + 1) * sizeof *run->squares);
    if (run->squares == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the norm of %zu gradients", params->total);

    rr_arena measure = {0};
    run->task->ops->plan(run->task, &measure, run->sums.call_rows, run->begin, run->end, true);
    RR_TRY(rr_arena_reserve(measure.used, &run->activations));
    run->task->ops->plan(run->task, &run->activations, run->sums.call_rows, run->begin, run->end, true);
    return RR_OK;
}

enum { ROW_SUM_TAG = 1024 }; /* beyond those of the reducer */

static void tick_control(void *ctx) { rr_control_tick(ctx); }

/* Gradients that go as rows are cleared row by row, too. *first: the index of the first, params->count for none. */
static rr_status list_rows(rr_run *run, size_t *first) {
    rr_params *params = &run->task->params;
    *first = rr_by_rows_first(&run->settings, run->task, rr_comm_size(run->comm), rr_comm_nodes(run->comm));
    for (size_t i = *first; i < params->count; i++) RR_TRY(rr_param_list_rows(params, i));
    return RR_OK;
}

static rr_status open_row_sums(rr_run *run, size_t first) {
    const rr_params *params = &run->task->params;
    size_t ranks = rr_comm_size(run->comm), shards = run->sums.shards, rows = 0;
    for (size_t rank = 0; rank < ranks; rank++) {
        size_t mine = rr_gradients_first_row(&run->sums, rank + 1) - rr_gradients_first_row(&run->sums, rank);
        if (mine > rows) rows = mine;
    }
    for (size_t i = first; i < params->count && ranks > 1; i++) {
        const rr_param *param = &params->items[i];
        rr_sum_rows **sum = &run->row_sums[run->row_sum_count];
        rr_row_list *lists[RR_TREE_NODES];
        for (size_t a = 0; a < run->sums.shared; a++) lists[a] = run->sums.rows[a][i - first];
        rr_row_way way = rr_by_rows_way(&run->settings, run->task, param, ranks, rr_comm_nodes(run->comm));
        RR_TRY(rr_sum_rows_create_by_shards(run->comm, way, shards > 0 ? &run->sums.parts : NULL,
                                            rr_param_grad(params, i), lists, run->sums.shared, param->dims[1],
                                            rows * run->task->tokens_a_row, ROW_SUM_TAG + i - first, sum));
        run->row_sum_count++;
        RR_TRY(rr_comm_agree(run->comm, rr_reducer_sum_rows(run->reducer, *sum)));
    }
    return RR_OK;
}

static rr_status open_reducer(rr_run *run) {
    rr_params *params = &run->task->params;
    size_t first_by_rows = params->count;
    rr_status listed = list_rows(run, &first_by_rows);
    if (listed == RR_OK) listed = rr_gradients_reserve(&run->sums, params, first_by_rows);
    RR_TRY(rr_comm_agree(run->comm, listed));
    size_t dense = first_by_rows < params->count ? params->items[first_by_rows].offset : params->total;
    const rr_param *last = &params->items[params->count - 1];
    size_t tail = last->rowwise && last->offset < dense ? last->offset : dense;
    size_t *cuts = malloc((params->count + 1) * sizeof *cuts);
    rr_status status =
        rr_comm_agree(run->comm, cuts != NULL ? RR_OK : rr_fail(RR_ERR_NOMEM, "no memory for gradient buckets"));
    if (status != RR_OK || cuts == NULL) {
        free(cuts);
        return status;
    }
    for (size_t i = 0; i < params->count; i++) cuts[i] = rr_param_end(params, i);
    status = rr_reducer_create_by_shards(run->comm, &run->settings.dist, run->sums.shards > 0 ? &run->sums.parts : NULL,
                                         params->grads, params->total, dense, tail, RR_CLIP_PIECE, cuts, params->count,
                                         &run->reducer);
    free(cuts);
    if (status == RR_OK) status = open_row_sums(run, first_by_rows);
    if (status == RR_OK) status = rr_control_create(run->comm, &run->control);
    if (status == RR_OK) rr_reducer_on_tick(run->reducer, tick_control, run->control);
    return status;
}

/* Rank 0: the resolved configuration beside the results. */
static rr_status write_config(const rr_run *run) {
    rr_buffer text = {0}, path = {0};
    rr_status status = rr_config_dump(run->config, &text);
    rr_buffer_printf(&path, "%s/config.yaml", rr_buffer_text(&run->folder));
    if (status == RR_OK) status = rr_file_write(rr_buffer_text(&path), rr_buffer_text(&text), text.length);
    rr_buffer_free(&text);
    rr_buffer_free(&path);
    return status;
}

static rr_status open_outputs(rr_run *run) {
    if (rr_comm_rank(run->comm) != 0) return RR_OK;
    const char *folder = rr_buffer_text(&run->folder);
    if (run->lock == NULL) RR_TRY(rr_resume_start_over(run));
    RR_TRY(write_config(run));
    RR_TRY(rr_store_open(folder, &run->settings.ckpt, &run->store));
    size_t carried = run->task->ops->carry_size(run->task) * run->settings.train.global_batch_size;
    run->carry = calloc(carried + 1, sizeof *run->carry);
    if (run->carry == NULL)
        return rr_fail(RR_ERR_NOMEM, "no memory for the state of %zu streams", run->settings.train.global_batch_size);
    return rr_log_open(folder, &run->settings.log, run->progress.position.step, &run->log);
}

/* All that a step needs beside the task: rows, memory, messages. */
static rr_status prepare(rr_run *run) {
    RR_TRY(rr_comm_agree(run->comm, rr_run_check_vectors(run)));
    if (run->settings.model.freeze_vectors) rr_param_freeze(&run->task->params, run->task->embedding->weight);
    RR_TRY(share_rows(run));
    run->progress.schedule.steps_per_epoch = run->steps_per_epoch;
    run->progress.schedule.total_steps = run->total_steps;
    rr_params *params = &run->task->params;
    RR_TRY(rr_comm_shared_floats(run->comm, rr_gradients_floats(&run->sums, params->total), &run->gradients));
    if (run->settings.dist.shard_optimizer) RR_TRY(rr_comm_shared_floats(run->comm, params->total, &run->weights));
    params->grads = rr_shared_mine(run->gradients);
    RR_TRY(rr_comm_agree(run->comm, open_reducer(run)));
    return rr_comm_agree(run->comm, reserve_memory(run));
}

static rr_status initialise(rr_run *run) {
    RR_TRY(rr_comm_agree(run->comm,
                         rr_init_values(&run->settings.model.init, run->settings.run.seed, &run->task->params)));
    return rr_run_read_vectors(run);
}

static rr_status start(const rr_train_options *options, rr_comm *comm, rr_run *run) {
    *run = (rr_run){.options = options, .comm = comm, .start_s = rr_clock_seconds(), .last_loss = NAN};
    run->progress = (rr_progress){.best_value = NAN, .schedule = {.plateau_best = NAN, .plateau_factor = 1}};
    RR_TRY(read_config(run));
    rr_comm_limit_waits(comm, (double)run->settings.dist.timeout_s);
    RR_TRY(rr_comm_agree(comm, rr_math_open(1)));
    RR_TRY(rr_comm_agree(comm, rr_team_create(run->settings.dist.threads_per_rank, &run->team)));
    return rr_comm_agree(comm, rr_gemm_self_check());
}

rr_status rr_run_open_synthetic(const rr_train_options *options, rr_comm *comm, size_t steps, rr_run *run) {
    RR_TRY(start(options, comm, run));
    RR_TRY(create_task(run, NULL, steps));
    RR_TRY(prepare(run));
    return initialise(run);
}

rr_status rr_run_open(const rr_train_options *options, rr_comm *comm, rr_run *run) {
    rr_resume resume = {0}, init = {0};
    rr_status status = start(options, comm, run);
    if (status != RR_OK) return status;
    rr_buffer_printf(&run->folder, "%s/%s", run->settings.run.dir, run->settings.run.name);
    status = rr_resume_find(run, &resume);
    if (status == RR_OK && resume.found) status = rr_resume_check_config(run, &resume);
    if (status == RR_OK && !resume.found && options->init_from != NULL)
        status = rr_resume_read(comm, options->init_from, &init);
    if (status == RR_OK) status = create_task(run, resume.found ? &resume : &init, 0);
    if (status == RR_OK) status = prepare(run);
    if (status != RR_OK) goto free_resume;

    if (resume.found)
        status = rr_resume_restore(run, &resume);
    else if (init.found)
        status = rr_resume_weights(run, &init);
    else
        status = initialise(run);
    if (status == RR_OK) status = rr_comm_agree(comm, open_outputs(run));
    if (status == RR_OK) status = rr_run_banner(run, resume.found ? &resume : &init);
free_resume:
    rr_resume_free(&resume);
    rr_resume_free(&init);
    return status;
}

static rr_status close_run(rr_run *run) {
    rr_status status = RR_OK;
    if (run->store != NULL) status = rr_store_close(run->store);
    rr_log_close(run->log);
    rr_run_lock_release(run->lock);
    rr_reducer_free(run->reducer);
    for (size_t i = 0; i < run->row_sum_count; i++) rr_sum_rows_free(run->row_sums[i]);
    rr_control_free(run->control);
    rr_gradients_free(&run->sums);
    free(run->gflops);
    if (run->task != NULL) run->task->ops->free(run->task);
    rr_team_free(run->team);
    rr_arena_release(&run->values);
    rr_shared_free(run->weights);
    rr_shared_free(run->gradients);
    rr_arena_release(&run->optim_states);
    rr_arena_release(&run->activations);
    free(run->carry);
    free(run->squares);
    rr_config_free(run->config);
    rr_buffer_free(&run->folder);
    return status;
}

rr_status rr_run_end(rr_run *run, rr_status status) {
    bool agreed = status == RR_OK || status == RR_STOPPED || status == RR_ERR_NUMERIC || rr_comm_agreed(run->comm);
    if (!agreed) rr_comm_abort(run->comm, status);
    rr_buffer message = {0};
    rr_buffer_puts(&message, rr_last_error()); /* what comes of closing must not hide it */
    rr_status closed = close_run(run);
    if (status != RR_OK) rr_fail(status, "%s", rr_buffer_text(&message));
    rr_buffer_free(&message);
    return status != RR_OK ? status : closed;
}
