/* Some texts of a set as one packed batch, longest first. */
#ifndef RR_TASK_TEXT_BATCH_H
#define RR_TASK_TEXT_BATCH_H

#include "data/text_set.h"
#include "nn/sequence.h"

typedef struct rr_text_batch {
    rr_sequence_room room;
    size_t *order;   /* [rows] which of the examples each packed row is */
    int32_t *tokens; /* [total] packed */
} rr_text_batch;

/** The most that `rows` texts of some sets have, at least one token each. */
typedef struct rr_text_extent {
    size_t total, longest; /* tokens */
} rr_text_extent;

rr_text_extent rr_text_extent_of(const rr_text_set *texts, size_t rows);
void rr_text_extent_grow(rr_text_extent *extent, const rr_text_set *texts, size_t rows);

void rr_text_batch_plan(rr_text_batch *batch, rr_arena *arena, rr_text_extent most, size_t max_rows);

/** order [rows]: examples by their length, longest first, equal ones as they come. */
void rr_text_batch_order(const rr_text_set *texts, const uint32_t *examples, size_t rows, size_t *order);

/** row [rows]: where in `order` the example is that stands at each place of `other`. */
void rr_text_batch_match(const size_t *order, const size_t *other, size_t rows, size_t *row);

/** first: the number of the first example's row in the global batch. All texts have tokens. */
rr_sequence rr_text_batch_fill(rr_text_batch *batch, const rr_text_set *texts, const uint32_t *examples, size_t rows,
                               size_t first);

#endif
