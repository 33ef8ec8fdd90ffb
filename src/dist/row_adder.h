/*
 * Adds rows of a gradient that come from ranks, in the order of ranks or of shards, so that who adds the same rows gets
 * the same bits, however they came.
 */
#ifndef RR_DIST_ROW_ADDER_H
#define RR_DIST_ROW_ADDER_H

#include "base/row_list.h"
#include "dist/shard_parts.h"

typedef struct rr_row_adder rr_row_adder;

/**
 * @param[in] parts  NULL: in the order of ranks; else in that of shards, and a rank has a list for each whole node of
 * its run. Copied what is needed of it.
 * @param[in] grad   [rows->height, width], 0 in all rows that come; borrowed
 * @param[in] rows   empty before a sum: those that come are added to it; borrowed
 * @param[in] most   rows that come for one sum, at most
 */
rr_status rr_row_adder_create(const rr_shard_parts *parts, size_t ranks, float *grad, rr_row_list *rows, size_t width,
                              size_t most, rr_row_adder **out);
void rr_row_adder_free(rr_row_adder *adder); /* NULL is fine */

/**
 * Ranks come in ascending order.
 * @param[in] list  of the rank's
 * @param[in] row   [width], must stay until the sum
 * @return RR_ERR_RUNTIME  there is no such list or number: a message went wrong
 */
rr_status rr_row_adder_take(rr_row_adder *adder, size_t rank, size_t list, int32_t number, const float *row);
/** Adds what was taken. */
void rr_row_adder_sum(rr_row_adder *adder);

#endif
