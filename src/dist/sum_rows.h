/*
 * The sum over ranks of a gradient of which each rank wrote few rows: an embedding's. The rows travel, not the matrix;
 * they are added in the order of ranks, or of shards, so all ranks have the same bits.
 */
#ifndef RR_DIST_SUM_ROWS_H
#define RR_DIST_SUM_ROWS_H

#include "base/row_list.h"
#include "dist/shard_parts.h"

typedef struct rr_sum_rows rr_sum_rows;

typedef enum rr_row_way {
    RR_ROWS_NOT,     /* the matrix is summed whole: that is less */
    RR_ROWS_TO_ALL,  /* the rows of every rank go to all, which add them: once the bytes of all rows */
    RR_ROWS_BY_OWNER /* they go to an owner of each, and sums to all: of a rank's rows, and of the matrix at most */
} rr_row_way;

/** What is best for [height, width] floats of which all ranks together write so many rows, each node as many. */
rr_row_way rr_row_way_of(size_t rows, size_t nodes, size_t height, size_t width);

/**
 * Collective; a failure is agreed on.
 * @param[in] way       RR_ROWS_TO_ALL or RR_ROWS_BY_OWNER
 * @param[in] grad      [rows->height, width], borrowed
 * @param[in] rows      which rows of it this rank wrote, and after the sum any rank; borrowed
 * @param[in] capacity  rows of a rank, at most; the same on all
 * @param[in] tag       as of an allreduce, of its own
 */
rr_status rr_sum_rows_create(rr_comm *comm, rr_row_way way, float *grad, rr_row_list *rows, size_t width,
                             size_t capacity, size_t tag, rr_sum_rows **out);
/**
 * The same in the order of shards: each rank has a gradient for every whole node of its run, parts->stride floats
 * apart, the first at grad, and a list of rows for each. The sum takes the place of the first, the others are cleared.
 * @param[in] parts     copied what is needed of it
 * @param[in] rows      [lists] borrowed
 * @param[in] lists     as many as the rank with the most needs; the same on all
 * @param[in] capacity  rows of all lists of a rank
 */
rr_status rr_sum_rows_create_by_shards(rr_comm *comm, rr_row_way way, const rr_shard_parts *parts, float *grad,
                                       rr_row_list *const *rows, size_t lists, size_t width, size_t capacity,
                                       size_t tag, rr_sum_rows **out);
void rr_sum_rows_free(rr_sum_rows *operation); /* NULL is fine */

rr_row_way rr_sum_rows_way(const rr_sum_rows *operation);

/** Starts the sum of what is listed; nobody may touch the gradient until it is done. */
rr_status rr_sum_rows_start(rr_sum_rows *operation);
/** Moves it on without waiting; when done, the rows of all ranks are summed, and listed. */
rr_status rr_sum_rows_test(rr_sum_rows *operation, bool *done);

#endif
