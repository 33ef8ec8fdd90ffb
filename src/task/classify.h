/* Classification of texts: embedding, recurrent layers, pooling over time, and a softmax or sigmoids over classes. */
#ifndef RR_TASK_CLASSIFY_H
#define RR_TASK_CLASSIFY_H

#include "task/task.h"

extern const rr_task_ops rr_task_classify;

#endif
