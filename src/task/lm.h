/* Language modelling: embedding, recurrent layers, softmax over the next token; state carried along streams of text. */
#ifndef RR_TASK_LM_H
#define RR_TASK_LM_H

#include "task/task.h"

extern const rr_task_ops rr_task_lm;

#endif
