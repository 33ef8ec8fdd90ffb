/* Questions about stories: the answer is one of those that training has. */
#ifndef RR_TASK_QA_H
#define RR_TASK_QA_H

#include "task/task.h"

extern const rr_task_ops rr_task_qa;

#endif
