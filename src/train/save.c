/* A run as a checkpoint. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "math/runtime.h"
#include "model/weights.h"
#include "ringrnn/version.h"
#include "train/run.h"

/* The carried state of all rows meets on rank 0. */
static rr_status gather_carry(rr_run *run) {
    size_t width = run->task->ops->carry_size(run->task), size = rr_comm_size(run->comm);
    if (width == 0) return RR_OK;
    rr_status status = RR_OK;
    float *mine = malloc(((run->end - run->begin) * width + 1) * sizeof *mine);
    size_t *counts = malloc(size * sizeof *counts);
    if (mine == NULL || counts == NULL) {
        status = rr_fail(RR_ERR_NOMEM, "no memory for the state of %zu streams", run->end - run->begin);
        goto free_all;
    }
    for (size_t row = run->begin; row < run->end; row++)
        run->task->ops->carry_read(run->task, row, mine + (row - run->begin) * width);
    for (size_t i = 0; i < size; i++)
        counts[i] = (rr_gradients_first_row(&run->sums, i + 1) - rr_gradients_first_row(&run->sums, i)) * width;
    status = rr_comm_gather_floats(run->comm, mine, counts, run->carry);
free_all:
    free(mine);
    free(counts);
    return status;
}

/*
 * With a sharded optimiser its state meets on rank 0, through the gradients' memory, which nobody needs between steps.
 * *out: [states, total] there, to be freed; NULL elsewhere, and where every rank has all.
 */
static rr_status gather_states(rr_run *run, float **out) {
    const rr_params *params = &run->task->params;
    size_t states = run->optim.ops->states(run->optim.config);
    bool keeps = rr_comm_rank(run->comm) == 0 && states > 0;
    rr_status status = RR_OK;
    *out = NULL;
    if (!rr_reducer_sharded(run->reducer)) return RR_OK;
    if (keeps) *out = malloc(states * params->total * sizeof **out);
    if (keeps && *out == NULL) status = rr_fail(RR_ERR_NOMEM, "no memory for the state of the optimiser");
    status = rr_comm_agree(run->comm, status);
    for (size_t i = 0; i < states && status == RR_OK; i++) {
        rr_run_state_to_arena(run, run->optim.state[i], params->grads);
        status = rr_run_gather(run, params->grads);
        if (*out != NULL && status == RR_OK)
            memcpy(*out + i * params->total, params->grads, params->total * sizeof **out);
    }
    rr_params_reset_grads(&run->task->params);
    return status;
}

void rr_run_placement(const rr_run *run, rr_buffer *out) {
    rr_buffer_puts(out, rr_comm_placement_key(run->comm));
    if (rr_comm_size(run->comm) > 2)
        rr_buffer_printf(out, "; gradients by %s in %zu", rr_reducer_algorithm(run->reducer),
                         rr_reducer_buckets(run->reducer));
}

typedef struct texts {
    rr_buffer config, vocab, state, placement;
    char step[32], fingerprint[32];
} texts;

static rr_status write_texts(const rr_run *run, texts *out) {
    snprintf(out->step, sizeof out->step, "%" PRIu64, run->progress.position.step);
    snprintf(out->fingerprint, sizeof out->fingerprint, "%016" PRIx64, run->task->data_fingerprint);
    rr_run_placement(run, &out->placement);
    RR_TRY(rr_config_dump(run->config, &out->config));
    RR_TRY(run->task->ops->vocab_json(run->task, &out->vocab));
    return rr_progress_to_json(&run->progress, &out->state);
}

/* states_of_all: gathered; NULL where this rank has all of them. */
static rr_status save_on_root(rr_run *run, const float *states_of_all, bool is_best) {
    const rr_params *params = &run->task->params;
    size_t states = run->optim.ops->states(run->optim.config), tensor_count = params->count * (1 + states);
    size_t width = run->task->ops->carry_size(run->task);
    RR_TRY(rr_run_lock_check(run->lock));
    rr_status status = RR_OK;
    texts text = {0};
    rr_tensor *tensors = calloc(tensor_count + 1, sizeof *tensors);
    char(*names)[RR_PARAM_NAME + 32] = calloc(tensor_count, sizeof *names);
    if (tensors == NULL || names == NULL) {
        status = rr_fail(RR_ERR_NOMEM, "no memory to describe %zu tensors", tensor_count);
        goto free_all;
    }
    rr_weights_describe(params, "", params->values, names, tensors);
    for (size_t i = 0; i < states; i++) {
        char prefix[64];
        snprintf(prefix, sizeof prefix, "optimizer.%s.", run->optim.ops->state_names[i]);
        const float *state = states_of_all != NULL ? states_of_all + i * params->total : run->optim.state[i];
        rr_weights_describe(params, prefix, state, names + (1 + i) * params->count, tensors + (1 + i) * params->count);
    }
    if (width > 0)
        tensors[tensor_count++] = (rr_tensor){.name = "carry",
                                              .dtype = RR_F32,
                                              .dim_count = 2,
                                              .data = run->carry,
                                              .dims = {run->settings.train.global_batch_size, width}};
    status = write_texts(run, &text);
    if (status != RR_OK) goto free_all;
    const rr_meta_item meta[] = {{"format", "pt"},
                                 {"ringrnn", RINGRNN_VERSION},
                                 {"step", text.step},
                                 {"config", rr_buffer_text(&text.config)},
                                 {"vocab", rr_buffer_text(&text.vocab)},
                                 {"state", rr_buffer_text(&text.state)},
                                 {"fingerprint", text.fingerprint},
                                 {"placement", rr_buffer_text(&text.placement)},
                                 {"level", rr_math_level()}};
    rr_tensor_set set = {
        .tensors = tensors, .tensor_count = tensor_count, .meta = meta, .meta_count = sizeof meta / sizeof *meta};
    status = rr_log_flush(run->log); /* what the checkpoint has seen must be in the logs */
    if (status == RR_OK) status = rr_store_save(run->store, run->progress.position.step, is_best, &set);
free_all:
    rr_buffer_free(&text.config);
    rr_buffer_free(&text.vocab);
    rr_buffer_free(&text.state);
    rr_buffer_free(&text.placement);
    free(tensors);
    free(names);
    return status;
}

rr_status rr_run_save(rr_run *run, bool is_best) {
    float *states = NULL;
    rr_comm_phase(run->comm, "saving", run->progress.position.step);
    rr_status status = gather_carry(run);
    if (status == RR_OK) status = gather_states(run, &states);
    if (status == RR_OK)
        status = rr_comm_agree(run->comm, rr_comm_rank(run->comm) == 0 ? save_on_root(run, states, is_best) : RR_OK);
    free(states);
    return status;
}

rr_status rr_run_read_weights(rr_run *run, const char *name) {
    rr_buffer path = {0};
    rr_safetensors *file = NULL;
    rr_params *params = &run->task->params;
    rr_status status = RR_OK;
    rr_buffer_printf(&path, "%s/%s.safetensors", rr_buffer_text(&run->folder), name);
    if (rr_comm_rank(run->comm) == 0) {
        status = rr_store_flush(run->store);
        if (status == RR_OK) status = rr_safetensors_read(rr_buffer_text(&path), &file);
        if (status == RR_OK) status = rr_weights_read(file, params, "", params->values);
        rr_safetensors_free(file);
    }
    rr_buffer_free(&path);
    rr_params_changed(params);
    status = rr_comm_agree(run->comm, status);
    return status == RR_OK ? rr_comm_broadcast_floats(run->comm, 0, params->values, params->total) : status;
}
