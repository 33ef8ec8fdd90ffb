/*
 * What tasks share whose rows are examples, not streams: which of them make up the batch of a step (task->examples),
 * and examples a few at a time.
 */
#ifndef RR_TASK_EXAMPLES_H
#define RR_TASK_EXAMPLES_H

#include "task/task.h"

/** rr_task_ops.steps_per_epoch */
uint64_t rr_examples_steps(const rr_task *task);

/** Makes the batch of a step current. */
void rr_examples_load(rr_task *task, const rr_position *position);

/** How many rows of [begin, end) the current batch has, and their examples; the last of an epoch may have fewer rows
 * than ranks. */
size_t rr_examples_share(const rr_task *task, size_t begin, size_t end, const uint32_t **examples);

/** Adds the time steps of a share to count->tokens and padded. lengths: of all examples */
void rr_examples_count(const size_t *lengths, const uint32_t *examples, size_t rows, rr_loss_count *count);

/** For rr_task_ops.train of a share without rows. */
void rr_examples_none(rr_task *task, const rr_hooks *hooks);

/** One call: outcomes [rows, outcome_size], zero, in the order of the examples. */
typedef rr_status rr_examples_evaluator(rr_task *task, rr_split split, const uint32_t *examples, size_t rows,
                                        const rr_hooks *hooks, double *outcomes);

/** rr_task_ops.evaluate, at most `most` units at a time. */
rr_status rr_examples_evaluate(rr_task *task, rr_split split, size_t begin, size_t end, size_t most,
                               const rr_hooks *hooks, double *outcomes, rr_examples_evaluator *evaluate);

/** One call: what is said of each of these texts is appended to out[examples[i]]. */
typedef rr_status rr_examples_predictor(rr_task *task, const uint32_t *examples, size_t rows, rr_buffer *out);

/** rr_task_ops.predict, at most `most` texts at a time. lengths [count]: of texts without tokens is said `empty`. */
rr_status rr_examples_predict(rr_task *task, const size_t *lengths, size_t count, size_t most, const char *empty,
                              rr_examples_predictor *predict, rr_buffer *out);

#endif
