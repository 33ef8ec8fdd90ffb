/* Which gradients go from rank to rank as rows: those of embeddings, of which a step writes few. */
#ifndef RR_TRAIN_BY_ROWS_H
#define RR_TRAIN_BY_ROWS_H

#include "dist/sum_rows.h"
#include "train/train_config.h"

/** Rows that all ranks together write of an embedding in a step, at most. Each has room for those of one line of the
 * batch, whether it has one or not. */
size_t rr_by_rows_most(const rr_settings *settings, const rr_task *task, size_t ranks);

/** How the gradient of a parameter of the task goes to other ranks, on so many nodes. */
rr_row_way rr_by_rows_way(const rr_settings *settings, const rr_task *task, const rr_param *param, size_t ranks,
                          size_t nodes);

/** Those that go as rows are the last of the parameters: the index of the first, or their count if there is none. */
size_t rr_by_rows_first(const rr_settings *settings, const rr_task *task, size_t ranks, size_t nodes);

#endif
