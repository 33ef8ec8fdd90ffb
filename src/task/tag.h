/* Tagging: a class for every word of a sentence. */
#ifndef RR_TASK_TAG_H
#define RR_TASK_TAG_H

#include "task/task.h"

extern const rr_task_ops rr_task_tag;

#endif
