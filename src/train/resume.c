/* Going on from a checkpoint: which one, whether it fits, and putting everything back. Rank 0 reads, all ranks receive.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "math/runtime.h"
#include "model/average.h"
#include "model/weights.h"
#include "train/run.h"

/* Limits, evaluation, logging, checkpoints and communication may change between two starts of a run. */
static const char *const may_differ[] = {"*.max_*",
                                         "eval.every",
                                         "eval.streams",
                                         "log.",
                                         "ckpt.",
                                         "dist.allreduce",
                                         "dist.bucket_mb",
                                         "dist.shard_optimizer",
                                         "dist.threads_per_rank",
                                         "dist.shards_per_rank",
                                         "dist.timeout_s",
                                         "dist.check_every_steps",
                                         "run.dir",
                                         "run.name",
                                         NULL};

void rr_resume_free(rr_resume *resume) {
    rr_safetensors_free(resume->file);
    rr_buffer_free(&resume->path);
    rr_buffer_free(&resume->config);
    rr_buffer_free(&resume->vocab);
    rr_buffer_free(&resume->state);
    rr_buffer_free(&resume->placement);
    rr_buffer_free(&resume->level);
    rr_buffer_free(&resume->fingerprint);
    *resume = (rr_resume){0};
}

/* Rank 0 has looked (status, file); all ranks learn what was found. */
static rr_status share(rr_comm *comm, rr_status status, rr_resume *resume) {
    const struct {
        const char *key;
        rr_buffer *text;
    } items[] = {{"config", &resume->config},       {"vocab", &resume->vocab}, {"state", &resume->state},
                 {"placement", &resume->placement}, {"level", &resume->level}, {"fingerprint", &resume->fingerprint}};
    rr_buffer found = {0};
    if (status == RR_OK && resume->file != NULL) {
        rr_buffer_puts(&found, "1");
        for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
            const char *value = rr_safetensors_meta(resume->file, items[i].key);
            if (value == NULL) {
                status = rr_fail(RR_ERR_INPUT, "%s: is not a checkpoint of a training run: its metadata has no \"%s\"",
                                 rr_buffer_text(&resume->path), items[i].key);
                break;
            }
            rr_buffer_puts(items[i].text, value);
        }
    }
    status = rr_comm_agree(comm, status);
    if (status == RR_OK) status = rr_comm_broadcast(comm, 0, &found);
    resume->found = found.length > 0;
    rr_buffer_free(&found);
    if (status != RR_OK || !resume->found) return status;
    RR_TRY(rr_comm_broadcast(comm, 0, &resume->path));
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) RR_TRY(rr_comm_broadcast(comm, 0, items[i].text));
    return RR_OK;
}

rr_status rr_resume_read(rr_comm *comm, const char *path, rr_resume *out) {
    rr_status status = RR_OK;
    if (rr_comm_rank(comm) == 0) {
        rr_buffer_puts(&out->path, path);
        status = rr_safetensors_read(path, &out->file);
    }
    return share(comm, status, out);
}

/* A folder with checkpoints gets the first free name "<folder>.N". */
static rr_status move_aside(const char *folder) {
    rr_buffer checkpoints = {0}, aside = {0};
    rr_status status = RR_OK;
    rr_buffer_printf(&checkpoints, "%s/checkpoints", folder);
    if (rr_file_exists(rr_buffer_text(&checkpoints))) {
        rr_run_lock *lock = NULL; /* nobody may be using what is moved */
        status = rr_run_lock_take(folder, &lock);
        if (status == RR_OK) {
            size_t number = 1;
            do {
                rr_buffer_clear(&aside);
                rr_buffer_printf(&aside, "%s.%zu", folder, number++);
            } while (rr_file_exists(rr_buffer_text(&aside)));
            rr_run_lock_release(lock);
            if (rename(folder, rr_buffer_text(&aside)) != 0)
                status = rr_fail(RR_ERR_RUNTIME, "%s: cannot be moved to %s: %s", folder, rr_buffer_text(&aside),
                                 strerror(errno));
            else
                fprintf(stderr, "ringrnn: the run that was in %s is now in %s\n", folder, rr_buffer_text(&aside));
        }
    }
    rr_buffer_free(&checkpoints);
    rr_buffer_free(&aside);
    return status;
}

rr_status rr_resume_start_over(rr_run *run) {
    const char *folder = rr_buffer_text(&run->folder);
    RR_TRY(move_aside(folder));
    RR_TRY(rr_folder_make(folder));
    return rr_run_lock_take(folder, &run->lock);
}

static rr_status look(rr_run *run, rr_resume *out) {
    const char *wanted = run->options->resume != NULL ? run->options->resume : "auto";
    const char *folder = rr_buffer_text(&run->folder);
    if (strcmp(wanted, "never") == 0) return RR_OK; /* nothing is touched before the rest is in order */
    RR_TRY(rr_folder_make(folder));
    RR_TRY(rr_run_lock_take(folder, &run->lock));
    if (strcmp(wanted, "auto") != 0) {
        rr_buffer_puts(&out->path, wanted);
        if (!rr_file_exists(wanted))
            return rr_fail(RR_ERR_INPUT, "--resume %s: must be auto, never or a checkpoint; there is no such file",
                           wanted);
        RR_TRY(rr_safetensors_read(wanted, &out->file)); /* later checkpoints are set aside at the next save */
        if (rr_safetensors_meta(out->file, RR_AVERAGED) != NULL)
            return rr_fail(RR_ERR_INPUT, "--resume %s: is an average of checkpoints, which no training can go on from",
                           wanted);
        return RR_OK;
    }
    rr_buffer warnings = {0};
    rr_status status = rr_store_newest(folder, &out->file, &out->path, &warnings);
    if (warnings.length > 0) fprintf(stderr, "ringrnn: warning: %s", warnings.data);
    if (warnings.length > 0 && warnings.data[warnings.length - 1] != '\n') fputc('\n', stderr);
    rr_buffer_free(&warnings);
    return status;
}

rr_status rr_resume_find(rr_run *run, rr_resume *out) {
    return share(run->comm, rr_comm_rank(run->comm) == 0 ? look(run, out) : RR_OK, out);
}

rr_status rr_resume_check_config(const rr_run *run, const rr_resume *resume) {
    rr_config *saved = NULL;
    rr_settings settings;
    rr_buffer difference = {0};
    rr_status status = rr_settings_parse(rr_buffer_text(&resume->path), rr_buffer_text(&resume->config),
                                         resume->config.length, NULL, 0, &saved, &settings);
    if (status == RR_OK) status = rr_config_diff(saved, run->config, may_differ, &difference);
    if (status == RR_OK && difference.length > 0)
        status = rr_fail(
            RR_ERR_INPUT,
            "the run in %s was started with another configuration:\n%s"
            "Only limits (*.max_*), eval (but for eval.metric), log, ckpt and dist (but for dist.logical_shards) may "
            "change. Give back the saved values, start another run (run.name), or start over with --resume never",
            rr_buffer_text(&run->folder), difference.data);
    rr_buffer_free(&difference);
    rr_config_free(saved);
    return rr_comm_agree(run->comm, status);
}

/* A named arena: rank 0 copies it out of the file, all receive it. */
static rr_status receive_arena(rr_run *run, const rr_resume *resume, const char *prefix, float *values) {
    const rr_params *params = &run->task->params;
    rr_status status = RR_OK;
    if (rr_comm_rank(run->comm) == 0) {
        status = rr_weights_read(resume->file, params, prefix, values);
        if (status != RR_OK) status = rr_fail_within(status, "%s: ", rr_buffer_text(&resume->path));
    }
    RR_TRY(rr_comm_agree(run->comm, status));
    rr_params_changed(&run->task->params);
    return rr_comm_broadcast_floats(run->comm, 0, values, params->total);
}

/* Every rank keeps what it owns; where that is not all, the gradients' memory receives the whole. */
static rr_status receive_state(rr_run *run, const rr_resume *resume, const char *prefix, float *state) {
    if (!rr_reducer_sharded(run->reducer)) return receive_arena(run, resume, prefix, state);
    RR_TRY(receive_arena(run, resume, prefix, run->task->params.grads));
    rr_run_arena_to_state(run, run->task->params.grads, state);
    rr_params_reset_grads(&run->task->params);
    return RR_OK;
}

rr_status rr_resume_weights(rr_run *run, const rr_resume *resume) {
    return receive_arena(run, resume, "", run->task->params.values);
}

static rr_status receive_carry(rr_run *run, const rr_resume *resume) {
    size_t rows = run->settings.train.global_batch_size, width = run->task->ops->carry_size(run->task);
    if (width == 0) return RR_OK;
    float *carry = calloc(rows * width, sizeof *carry);
    rr_status status = carry != NULL ? RR_OK : rr_fail(RR_ERR_NOMEM, "no memory for the state of %zu streams", rows);
    if (status == RR_OK && rr_comm_rank(run->comm) == 0) {
        const rr_tensor *tensor = rr_safetensors_find(resume->file, "carry");
        if (tensor == NULL || tensor->dtype != RR_F32 || rr_tensor_elements(tensor) != rows * width)
            status = rr_fail(RR_ERR_INPUT, "%s: has no state of %zu streams", rr_buffer_text(&resume->path), rows);
        else
            memcpy(carry, tensor->data, rows * width * sizeof *carry);
    }
    status = rr_comm_agree(run->comm, status);
    if (status == RR_OK) status = rr_comm_broadcast_floats(run->comm, 0, carry, rows * width);
    if (status == RR_OK)
        for (size_t row = run->begin; row < run->end; row++)
            run->task->ops->carry_write(run->task, row, carry + row * width);
    free(carry);
    return status;
}

rr_status rr_resume_restore(rr_run *run, const rr_resume *resume) {
    rr_status status = rr_progress_from_json(rr_buffer_text(&resume->state), &run->progress);
    char fingerprint[32];
    snprintf(fingerprint, sizeof fingerprint, "%016" PRIx64, run->task->data_fingerprint);
    if (status == RR_OK && strcmp(fingerprint, rr_buffer_text(&resume->fingerprint)) != 0)
        status = rr_fail(RR_ERR_INPUT,
                         "%s: the data files hold other text than when this run was started; going on would not be "
                         "the same experiment",
                         rr_buffer_text(&resume->path));
    RR_TRY(rr_comm_agree(run->comm, status));
    RR_TRY(receive_arena(run, resume, "", run->task->params.values));
    for (size_t i = 0; i < run->optim.ops->states(run->optim.config); i++) {
        char prefix[64];
        snprintf(prefix, sizeof prefix, "optimizer.%s.", run->optim.ops->state_names[i]);
        RR_TRY(receive_state(run, resume, prefix, run->optim.state[i]));
    }
    return receive_carry(run, resume);
}
