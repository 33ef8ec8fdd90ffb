/* The ways in which sum_rows.c lets rows go. */
#ifndef RR_DIST_ROW_WAYS_H
#define RR_DIST_ROW_WAYS_H

#include "base/arena.h"
#include "dist/comm.h"
#include "dist/row_adder.h"

/** What a rank has to give: of list k the rows [rows[k]->height, width], stride floats after those of the list before.
 */
typedef struct rr_row_source {
    float *grad;
    rr_row_list **rows; /* [lists] the first of which lists the sum, too */
    size_t lists, stride, width;
    size_t capacity; /* rows of all lists, at most */
} rr_row_source;

typedef struct rr_row_way_ops {
    /** Collective; a failure is agreed on. parts: NULL, or those that source has lists of. source is borrowed. */
    rr_status (*create)(rr_comm *comm, const rr_row_source *source, const rr_shard_parts *parts, size_t tag,
                        void **out);
    /** Copies the rows of all lists, which the caller clears then, and starts their way. */
    rr_status (*start)(void *way);
    /** Moves it on without waiting; *done: the first list and its rows are the sum. */
    rr_status (*test)(void *way, bool *done);
    void (*free)(void *way); /* NULL is fine */
} rr_row_way_ops;

/** Every rank gets the rows of all, and adds them. Few floats, in one exchange. */
extern const rr_row_way_ops rr_rows_to_all;
/** A row goes to the one rank that owns its number, which adds those that come, and the sums go to all. */
extern const rr_row_way_ops rr_rows_by_owner;

/* Numbers travel in the place of floats, bit by bit. */
static inline int32_t *rr_row_numbers(float *at) { return (int32_t *)(void *)at; }

enum { RR_ROW_LINE = RR_ALIGN / sizeof(float) }; /* a slot begins with a line */

static inline size_t rr_row_slot(size_t floats) { return (floats + RR_ROW_LINE - 1) / RR_ROW_LINE * RR_ROW_LINE; }

#endif
