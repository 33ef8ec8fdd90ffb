/*
 * Spans in sequences of tags B-type, I-type, O (Ramshaw & Marcus 1995), also with E- and S-, as the Python package
 * seqeval finds them in its default mode: an I- without a B- before it begins a span, too.
 */
#ifndef RR_TASK_SPANS_H
#define RR_TASK_SPANS_H

#include <stdbool.h>

#include "data/labels.h"

/** What a tag says: its first character, and the number of its type. */
typedef struct rr_span_tag {
    char prefix;
    size_t type;
} rr_span_tag;

/** Zero-initialise; free with rr_span_tags_free. */
typedef struct rr_span_tags {
    rr_span_tag *tags;   /* [labels->count] */
    rr_span_tag outside; /* what stands before and behind a sentence: "O" */
    rr_labels types;     /* of "O" and of tags without a dash, too: as seqeval numbers them */
    bool any;            /* there are tags B-... or I-..., or all are B, I, O, E or S: spans mean something */
} rr_span_tags;

rr_status rr_span_tags_create(const rr_labels *labels, rr_span_tags *out);
void rr_span_tags_free(rr_span_tags *tags);

/** Adds the spans of a sentence to counts [3, types]: those that are right, true, and predicted. */
void rr_spans_count(const rr_span_tags *tags, const int32_t *gold, const int32_t *predicted, size_t length,
                    double *counts);

#endif
