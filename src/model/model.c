#include "ringrnn/model.h"

#include <stdlib.h>
#include <string.h>

#include "ckpt/store.h"
#include "data/tokenize.h"
#include "math/runtime.h"
#include "model/weights.h"
#include "task/task.h"

struct rr_model {
    rr_safetensors *file;
    rr_config *config;
    rr_task_config task_config;
    rr_data_config data_config;
    rr_model_config model_config;
    rr_task *task;
    rr_arena values, activations;
    size_t rows; /* planned for; 0: not yet */
};

enum { STEPS = 64, PREDICTED_ROWS = 64 };

static rr_status open_task(rr_model *model) {
    const char *yaml = rr_safetensors_meta(model->file, "config");
    const char *vocab = rr_safetensors_meta(model->file, "vocab");
    if (yaml == NULL || vocab == NULL)
        return rr_fail(RR_ERR_INPUT, "is not a checkpoint of ringrnn: it holds no config");
    RR_TRY(rr_config_parse("config", yaml, strlen(yaml), NULL, 0, &model->config));
    RR_TRY(rr_config_bind(model->config, &rr_task_section, &model->task_config));
    RR_TRY(rr_config_bind(model->config, &rr_data_section, &model->data_config));
    RR_TRY(rr_config_bind(model->config, &rr_model_section, &model->model_config));
    rr_task_setup setup = {.config = model->config,
                           .task = &model->task_config,
                           .data = &model->data_config,
                           .model = &model->model_config,
                           .global_batch_size = 1,
                           .bptt = STEPS,
                           .vocab_json = vocab};
    return rr_tasks[model->task_config.type]->create(&setup, &model->task);
}

/* Memory for so many rows at a time, and for what the task has taken. */
static rr_status plan(rr_model *model, size_t rows) {
    const rr_task_ops *ops = model->task->ops;
    rr_arena measure = {0}, *arena = &model->activations;
    if (model->rows == rows && ops->take == NULL) return RR_OK;
    model->rows = 0;
    ops->plan(model->task, &measure, rows, 0, 0, false);
    if (measure.used > arena->capacity || arena->base == NULL) {
        rr_arena_release(arena);
        RR_TRY(rr_arena_reserve(measure.used, arena));
    } else {
        arena->used = 0;
        memset(arena->base, 0, measure.used);
    }
    ops->plan(model->task, arena, rows, 0, 0, false);
    rr_params_changed(&model->task->params); /* what was packed lay there, too */
    model->rows = rows;
    return RR_OK;
}

static rr_status load_weights(rr_model *model) {
    rr_params *params = &model->task->params;
    RR_TRY(rr_arena_reserve(params->total * sizeof(float), &model->values));
    params->values = rr_arena_floats(&model->values, params->total);
    return rr_weights_read(model->file, params, "", params->values);
}

rr_status rr_model_open(const char *checkpoint, rr_model **out) {
    RR_TRY(rr_math_open(1));
    rr_buffer path = {0};
    rr_model *model = calloc(1, sizeof *model);
    if (model == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a model");
    rr_store_meant(checkpoint, &path);
    rr_status status = rr_safetensors_read(rr_buffer_text(&path), &model->file);
    if (status == RR_OK) {
        status = open_task(model);
        if (status == RR_OK) status = load_weights(model);
        if (status != RR_OK) status = rr_fail_within(status, "%s: ", rr_buffer_text(&path));
    }
    rr_buffer_free(&path);
    if (status != RR_OK) {
        rr_model_close(model);
        return status;
    }
    *out = model;
    return RR_OK;
}

void rr_model_close(rr_model *model) {
    if (model == NULL) return;
    if (model->task != NULL) model->task->ops->free(model->task);
    rr_arena_release(&model->values);
    rr_arena_release(&model->activations);
    rr_config_free(model->config);
    rr_safetensors_free(model->file);
    free(model);
}

size_t rr_model_parameters(const rr_model *model) { return rr_params_scalars(&model->task->params); }

const char *rr_model_meta(const rr_model *model, const char *key) { return rr_safetensors_meta(model->file, key); }

rr_status rr_model_generate(rr_model *model, const rr_generate_options *options) {
    const rr_task_ops *ops = model->task->ops;
    if (ops->generate == NULL) return rr_fail(RR_ERR_INPUT, "a model for task %s generates no text", ops->name);
    RR_TRY(plan(model, 1));
    return ops->generate(model->task, options);
}

rr_status rr_model_score(rr_model *model, const char *text, size_t length, double *nll, size_t *tokens) {
    const rr_task_ops *ops = model->task->ops;
    if (ops->score == NULL) return rr_fail(RR_ERR_INPUT, "a model for task %s scores no text", ops->name);
    RR_TRY(plan(model, 1));
    return ops->score(model->task, text, length, nll, tokens);
}

int rr_model_reads_file(const rr_model *model) { return model->task->ops->whole_file; }

/* What training would have called a bad example, it is here, too. */
static rr_status check_text(const rr_model *model, const rr_text *text) {
    size_t most = model->data_config.max_line_bytes;
    if (text->length > most)
        return rr_fail(RR_ERR_INPUT, "%s: the line has %zu bytes; data.max_line_bytes of the training is %zu",
                       text->name, text->length, most);
    if (rr_text_is_utf8(text->text, text->length, NULL)) return RR_OK;
    return rr_fail(RR_ERR_INPUT, "%s: is not UTF-8; convert the text (iconv -t UTF-8)", text->name);
}

static rr_status take_texts(rr_model *model, const rr_prediction *wanted, rr_text *texts) {
    const rr_task_ops *ops = model->task->ops;
    for (size_t i = 0; i < wanted->count; i++) {
        texts[i] = (rr_text){wanted->texts[i], wanted->lengths[i], wanted->names != NULL ? wanted->names[i] : "text"};
        if (ops->take != NULL && !ops->whole_file) RR_TRY(check_text(model, &texts[i]));
    }
    return ops->take != NULL ? ops->take(model->task, texts, wanted->count) : RR_OK;
}

rr_status rr_model_predict(rr_model *model, const rr_prediction *wanted) {
    const rr_task_ops *ops = model->task->ops;
    rr_status status = RR_OK;
    if (ops->predict == NULL) return rr_fail(RR_ERR_INPUT, "a model for task %s says nothing of texts", ops->name);
    rr_text *texts = calloc(wanted->count + 1, sizeof *texts);
    rr_buffer *lines = calloc(wanted->count + 1, sizeof *lines);
    if (texts != NULL && lines != NULL)
        status = take_texts(model, wanted, texts);
    else
        status = rr_fail(RR_ERR_NOMEM, "no memory for %zu texts", wanted->count);
    if (status == RR_OK) status = plan(model, PREDICTED_ROWS);
    if (status == RR_OK) status = ops->predict(model->task, texts, wanted->count, lines);
    for (size_t i = 0; i < wanted->count && lines != NULL; i++) {
        if (status == RR_OK && lines[i].failed) status = rr_fail(RR_ERR_NOMEM, "no memory for predictions");
        if (status == RR_OK) wanted->emit(wanted->ctx, i, rr_buffer_text(&lines[i]));
        rr_buffer_free(&lines[i]);
    }
    free(texts);
    free(lines);
    return status;
}
