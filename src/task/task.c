#include "task/task.h"

#include <string.h>

#include "task/classify.h"
#include "task/forecast.h"
#include "task/lm.h"
#include "task/qa.h"
#include "task/seq2seq.h"
#include "task/tag.h"

const rr_task_ops *const rr_tasks[] = {&rr_task_lm,      &rr_task_classify, &rr_task_tag,
                                       &rr_task_seq2seq, &rr_task_qa,       &rr_task_forecast};
const size_t rr_task_count = sizeof rr_tasks / sizeof *rr_tasks;

static const char *variant_name(size_t index) { return rr_tasks[index]->name; }
static const char *variant_help(size_t index) { return rr_tasks[index]->help; }
static const rr_key *variant_keys(size_t index) { return rr_tasks[index]->keys; }

static const rr_key keys[] = {{.name = NULL}};

const rr_section rr_task_section = {
    .name = "task",
    .help = "What the network learns",
    .size = sizeof(rr_task_config),
    .keys = keys,
    .variant_key = "type",
    .variant_preset = "lm",
    .variant_offset = offsetof(rr_task_config, type),
    .variant_count = sizeof rr_tasks / sizeof *rr_tasks,
    .variant_name = variant_name,
    .variant_help = variant_help,
    .variant_keys = variant_keys,
};

size_t rr_task_no_carry_size(const rr_task *task) {
    (void)task;
    return 0;
}

void rr_task_no_carry_read(const rr_task *task, size_t row, float *out) { (void)task, (void)row, (void)out; }
void rr_task_no_carry_write(rr_task *task, size_t row, const float *values) { (void)task, (void)row, (void)values; }
void rr_task_no_commit(rr_task *task) { (void)task; }

void rr_task_floors_text(const rr_task *task, rr_split split, const rr_metric *metrics, size_t count, rr_buffer *out) {
    rr_floor floors[RR_TASK_METRICS];
    size_t floor_count = task->ops->floors(task, split, floors);
    for (size_t m = 0; m < count; m++) {
        bool first = true;
        for (size_t i = 0; i < floor_count; i++) {
            if (strcmp(floors[i].metric, metrics[m].name) != 0) continue;
            if (first)
                rr_buffer_printf(out, "%s%s %.3f; simple rules reach", out->length > 0 ? "; " : "", metrics[m].name,
                                 metrics[m].value);
            rr_buffer_printf(out, "%s %s %.3f", first ? "" : ",", floors[i].name, floors[i].value);
            first = false;
        }
    }
}

bool rr_metric_more_is_better(const char *name) {
    static const char *const names[] = {"accuracy", "macro_f1",       "micro_f1",          "f1",    "precision",
                                        "recall",   "label_accuracy", "sentence_accuracy", "exact", "bleu",
                                        "chrf",     "corr",           "coverage"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) return true;
    return false;
}
