/*
 * The sum over ranks of a gradient of which each rank wrote few rows: an embedding's. The rows travel, not the matrix:
 * every rank gets those of all and adds them in the order of ranks, so all have the same bits.
 */
#ifndef RR_DIST_SUM_ROWS_H
#define RR_DIST_SUM_ROWS_H

#include "base/row_list.h"
#include "dist/comm.h"

typedef struct rr_sum_rows rr_sum_rows;

/** True if so many rows in all are at most half of what the matrix would be: [height, width] floats. */
bool rr_rows_are_less(size_t rows, size_t height, size_t width);

/**
 * Collective; a failure is agreed on.
 * @param[in] grad      [rows->height, width], borrowed
 * @param[in] rows      which rows of it this rank wrote, and after the sum any rank; borrowed
 * @param[in] capacity  rows of a rank, at most; the same on all
 * @param[in] tag       as of an allreduce, of its own
 */
rr_status rr_sum_rows_create(rr_comm *comm, float *grad, rr_row_list *rows, size_t width, size_t capacity, size_t tag,
                             rr_sum_rows **out);
void rr_sum_rows_free(rr_sum_rows *operation); /* NULL is fine */

/** Starts the sum of what is listed; nobody may touch the gradient until it is done. */
rr_status rr_sum_rows_start(rr_sum_rows *operation);
/** Moves it on without waiting; when done, the rows of all ranks are summed, and listed. */
rr_status rr_sum_rows_test(rr_sum_rows *operation, bool *done);

#endif
