/* Sequences to sequences (Sutskever et al. 2014): translation, and whatever else reads a text and writes one. */
#ifndef RR_TASK_SEQ2SEQ_H
#define RR_TASK_SEQ2SEQ_H

#include "task/task.h"

extern const rr_task_ops rr_task_seq2seq;

#endif
