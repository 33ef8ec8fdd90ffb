/* Batches of running text: the tokens are cut into `rows` equal streams, which are read side by side in windows. */
#ifndef RR_DATA_STREAMS_H
#define RR_DATA_STREAMS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/** A pure function of (tokens, rows, window): nothing moves. Row r holds pairs (token i, token i+1), i in its range. */
typedef struct rr_streams {
    const int32_t *tokens; /* borrowed */
    size_t count;
    size_t rows;
    size_t length; /* pairs of every row in training mode; of the longest row where all pairs are kept */
    size_t window; /* time steps a batch */
    int keep_all;  /* 0: what does not fill a row is left out (training); 1: every pair but none twice (evaluation) */
} rr_streams;

/** @return RR_ERR_INPUT if there are too few tokens for one pair a row (training) or for any pair */
rr_status rr_streams_open(const int32_t *tokens, size_t count, size_t rows, size_t window, int keep_all,
                          rr_streams *out);

/** Number of windows: ceil(length / window). */
size_t rr_streams_windows(const rr_streams *streams);

/** Pairs of row `row` in window `index`: window for all but the last (with keep_all 0 where a row has ended). */
size_t rr_streams_pairs(const rr_streams *streams, size_t index, size_t row);

/**
 * Inputs and targets of rows [begin, end) in a window, time-major: [steps, end - begin], steps = the longest of these
 * rows. Rows are never shorter than a row behind them. Where a row has ended (keep_all), nothing is written: the arrays
 * are packed (see nn/sequence.h).
 */
void rr_streams_fill(const rr_streams *streams, size_t index, size_t begin, size_t end, int32_t *inputs,
                     int32_t *targets);

#endif
