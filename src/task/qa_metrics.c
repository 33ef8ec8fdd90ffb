/* Metrics of a reader, and what counting alone reaches. */
#include "math/pointwise.h"
#include "task/qa_model.h"

enum { LOSS, RIGHT, KNOWN, OUTCOMES }; /* of a question; KNOWN: training has its answer */

size_t rr_qa_outcome_size(const rr_task *task) {
    (void)task;
    return OUTCOMES;
}

static rr_status evaluate(rr_task *task, rr_split split, const uint32_t *examples, size_t rows, const rr_hooks *hooks,
                          double *outcomes) {
    rr_qa *qa = (rr_qa *)task;
    const rr_qa_set *set = &qa->sets[split];
    rr_qa_batch batch;
    rr_qa_forward(qa, &set->stories, &set->questions, examples, rows, 0, NULL, hooks, &batch);
    for (size_t i = 0; i < rows; i++) qa->targets[i] = set->answers[examples[qa->stories.order[i]]];
    rr_softmax_head_run(
        &qa->head, &task->params,
        &(rr_softmax_rows){
            .count = rows, .x = qa->features, .targets = qa->targets, .nll = qa->nll, .predicted = qa->predicted},
        hooks);
    for (size_t i = 0; i < rows; i++) {
        double *outcome = outcomes + qa->stories.order[i] * OUTCOMES;
        if (qa->targets[i] == RR_NO_TARGET) continue;
        outcome[LOSS] = qa->nll[i];
        outcome[RIGHT] = qa->predicted[i] == qa->targets[i];
        outcome[KNOWN] = 1;
    }
    return RR_OK;
}

rr_status rr_qa_evaluate(rr_task *task, rr_split split, size_t begin, size_t end, const rr_hooks *hooks,
                         double *outcomes) {
    return rr_examples_evaluate(task, split, begin, end, ((rr_qa *)task)->micro_rows, hooks, outcomes, evaluate);
}

size_t rr_qa_metrics(const rr_task *task, const double *outcomes, size_t units, rr_metric out[RR_TASK_METRICS]) {
    (void)task;
    double loss = 0, right = 0, known = 0;
    for (size_t unit = 0; unit < units; unit++) {
        loss += outcomes[unit * OUTCOMES + LOSS];
        right += outcomes[unit * OUTCOMES + RIGHT];
        known += outcomes[unit * OUTCOMES + KNOWN];
    }
    out[0] = (rr_metric){"loss", loss / known};
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
