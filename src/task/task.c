#include "task/task.h"

#include "task/lm.h"

const rr_task_ops *const rr_tasks[] = {&rr_task_lm};
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
