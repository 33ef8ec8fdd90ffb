/*
 * Which examples make up the global batch of a step: a pure function of (lengths, rows, seed, epoch, step). Examples
 * are shuffled every epoch; among some batches that follow each other they are sorted by length, so that a batch has
 * rows of nearly equal length; the batches come in random order. Within a batch long and short rows are spread so
 * evenly that every contiguous part of it, for any number of ranks, has nearly the same number of tokens.
 */
#ifndef RR_DATA_BATCHES_H
#define RR_DATA_BATCHES_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct rr_batches rr_batches;

/**
 * @param[in] lengths  [count] of the examples, borrowed; NULL: all alike
 * @param[in] rows     of the global batch; the last batch of an epoch may have fewer
 * @return RR_ERR_NOMEM; RR_ERR_INPUT if there is no example
 */
rr_status rr_batches_create(const size_t *lengths, size_t count, size_t rows, uint64_t seed, rr_batches **out);
void rr_batches_free(rr_batches *batches);

/** Batches an epoch: ceil(count / rows). */
uint64_t rr_batches_steps(const rr_batches *batches);

/**
 * The examples of a step's rows, in order of the global rows; their number is returned. Borrowed until the next call.
 */
size_t rr_batches_at(rr_batches *batches, uint64_t epoch, uint64_t step, const uint32_t **examples);

#endif
