/*
 * Beam search: the most likely token sequences that a model can be found to give, several sources at a time. Of the
 * best 2 K continuations of a source's hypotheses, those that end among the best K are finished, and the best K that
 * do not end go on; a source is done when K are finished, or at its limit. With K = 1 that is greedy search.
 */
#ifndef RR_TASK_BEAM_SEARCH_H
#define RR_TASK_BEAM_SEARCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct rr_beam_spec {
    size_t beams; /* K */
    size_t classes;
    int32_t end;           /* the class that ends a sequence; also what the first step reads */
    double length_penalty; /* alpha: log-probabilities are divided by ((5 + length) / 6) ^ alpha (Wu et al. 2016) */
    /**
     * Reads tokens [rows] and gives the probabilities [rows, classes] of the next.
     * parent [rows]: which row of the step before each row continues; at first, which source.
     * source [rows]: which source a row belongs to.
     */
    void (*step)(void *ctx, size_t rows, const size_t *parent, const size_t *source, const int32_t *tokens,
                 float *probabilities);
    void *ctx;
} rr_beam_spec;

/** The best sequence of a source. Free `tokens`. */
typedef struct rr_beam_found {
    int32_t *tokens; /* [count] without the end */
    size_t count;
    double log_probability; /* of the whole, with its end; not divided */
    int ended;              /* 0: it was cut at the limit */
} rr_beam_found;

/** limits [sources]: the most tokens of each, the end counted. found [sources] is filled. @return RR_ERR_NOMEM */
rr_status rr_beam_search(const rr_beam_spec *spec, size_t sources, const size_t *limits, rr_beam_found *found);

#endif
