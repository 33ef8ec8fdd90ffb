/* Metrics of a reader, and what counting alone reaches. */
#include <stdlib.h>
#include <string.h>

#include "task/qa_model.h"

enum { LOSS, RIGHT, OUTCOMES };

size_t rr_qa_outcome_size(const rr_task *task) {
    (void)task;
    return OUTCOMES;
}

rr_status rr_qa_evaluate(rr_task *task, rr_split split, size_t begin, size_t end, const rr_hooks *hooks,
                         double *outcomes) {
    rr_qa *qa = (rr_qa *)task;
    const rr_qa_set *set = &qa->sets[split];
    uint32_t *examples = malloc((qa->micro_rows + 1) * sizeof *examples);
    if (examples == NULL) return rr_fail(RR_ERR_NOMEM, "no memory to evaluate %zu questions", qa->micro_rows);
    for (size_t first = begin; first < end; first += qa->micro_rows) {
        size_t rows = end - first < qa->micro_rows ? end - first : qa->micro_rows;
        rr_qa_batch batch;
        for (size_t i = 0; i < rows; i++) examples[i] = (uint32_t)(first + i);
        rr_qa_forward(qa, &set->stories, &set->questions, examples, rows, 0, NULL, hooks, &batch);
        for (size_t i = 0; i < rows; i++) qa->targets[i] = set->answers[examples[qa->stories.order[i]]];
        rr_softmax_head_run(
            &qa->head, &task->params,
            &(rr_softmax_rows){
                .count = rows, .x = qa->features, .targets = qa->targets, .nll = qa->nll, .predicted = qa->predicted},
            hooks);
        for (size_t i = 0; i < rows; i++) {
            double *outcome = outcomes + (first + qa->stories.order[i] - begin) * OUTCOMES;
            outcome[LOSS] = qa->nll[i];
            outcome[RIGHT] = qa->predicted[i] == qa->targets[i];
        }
    }
    free(examples);
    return RR_OK;
}

size_t rr_qa_metrics(const rr_task *task, const double *outcomes, size_t units, rr_metric out[RR_TASK_METRICS]) {
    (void)task;
    double loss = 0, right = 0;
    for (size_t unit = 0; unit < units; unit++) {
        loss += outcomes[unit * OUTCOMES + LOSS];
        right += outcomes[unit * OUTCOMES + RIGHT];
    }
    out[0] = (rr_metric){"loss", loss / (double)units};
    out[1] = (rr_metric){"accuracy", right / (double)units};
    return 2;
}

/* The answer that training has most often. */
size_t rr_qa_floors(const rr_task *task, rr_split split, rr_floor out[RR_TASK_METRICS]) {
    const rr_qa *qa = (const rr_qa *)task;
    const rr_qa_set *set = &qa->sets[split];
    size_t right = 0, majority = rr_labels_majority(&qa->answers);
    if (set->stories.count == 0 || split == RR_SPLIT_TRAIN) return 0;
    for (size_t i = 0; i < set->stories.count; i++) right += set->answers[i] == (int32_t)majority;
    out[0] = (rr_floor){"the most frequent answer", "accuracy", (double)right / (double)set->stories.count};
    return 1;
}
