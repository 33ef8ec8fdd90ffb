#include "task/examples.h"

#include <stdlib.h>
#include <string.h>

uint64_t rr_examples_steps(const rr_task *task) {
    return task->examples.order != NULL ? rr_batches_steps(task->examples.order) : 0;
}

void rr_examples_load(rr_task *task, const rr_position *position) {
    rr_examples *e = &task->examples;
    e->rows = rr_batches_at(e->order, position->epoch, position->step_in_epoch, &e->batch);
}

size_t rr_examples_share(const rr_task *task, size_t begin, size_t end, const uint32_t **examples) {
    size_t stop = end < task->examples.rows ? end : task->examples.rows;
    *examples = task->examples.batch + begin;
    return stop > begin ? stop - begin : 0;
}

void rr_examples_count(const size_t *lengths, const uint32_t *examples, size_t rows, rr_loss_count *count) {
    size_t longest = 0, total = 0;
    for (size_t i = 0; i < rows; i++) {
        size_t length = lengths[examples[i]];
        longest = length > longest ? length : longest;
        total += length;
    }
    count->tokens += (double)total;
    count->padded += (double)(rows * longest);
}

void rr_examples_none(rr_task *task, const rr_hooks *hooks) {
    rr_params_settle_grads(&task->params);
    rr_hooks_ready(hooks, task->params.total);
}

static uint32_t *reserve(size_t most) {
    uint32_t *examples = malloc((most + 1) * sizeof *examples);
    if (examples == NULL) rr_fail(RR_ERR_NOMEM, "no memory for %zu examples at a time", most);
    return examples;
}

rr_status rr_examples_evaluate(rr_task *task, rr_split split, size_t begin, size_t end, size_t most,
                               const rr_hooks *hooks, double *outcomes, rr_examples_evaluator *evaluate) {
    size_t width = task->ops->outcome_size(task);
    uint32_t *examples = reserve(most);
    rr_status status = examples != NULL ? RR_OK : RR_ERR_NOMEM;
    memset(outcomes, 0, (end - begin) * width * sizeof *outcomes);
    for (size_t first = begin; first < end && status == RR_OK && examples != NULL; first += most) {
        size_t rows = end - first < most ? end - first : most;
        for (size_t i = 0; i < rows; i++) examples[i] = (uint32_t)(first + i);
        status = evaluate(task, split, examples, rows, hooks, outcomes + (first - begin) * width);
    }
    free(examples);
    return status;
}

rr_status rr_examples_predict(rr_task *task, const size_t *lengths, size_t count, size_t most, const char *empty,
                              rr_examples_predictor *predict, rr_buffer *out) {
    uint32_t *examples = reserve(most);
    rr_status status = examples != NULL ? RR_OK : RR_ERR_NOMEM;
    for (size_t next = 0; next < count && status == RR_OK && examples != NULL;) {
        size_t rows = 0;
        for (; next < count && rows < most; next++) {
            if (lengths[next] > 0)
                examples[rows++] = (uint32_t)next;
            else
                rr_buffer_puts(&out[next], empty);
        }
        if (rows > 0) status = predict(task, examples, rows, out);
    }
    free(examples);
    return status;
}
