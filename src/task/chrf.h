/*
 * chrF2 (Popovic 2015) of a corpus with one reference a sentence, as the Python package sacrebleu has it in its default
 * mode: n-grams of up to 6 characters without blanks, recall counts four times.
 */
#ifndef RR_TASK_CHRF_H
#define RR_TASK_CHRF_H

#include <stddef.h>

#include "base/error.h"

enum { RR_CHRF_ORDER = 6, RR_CHRF_COUNTS = 3 * RR_CHRF_ORDER };

/** Adds a sentence: for every n n-grams said, of the reference, and in both. @return RR_ERR_NOMEM */
rr_status rr_chrf_count(const char *said, size_t said_length, const char *reference, size_t reference_length,
                        double counts[RR_CHRF_COUNTS]);

/** 0 to 100, from the counts of all sentences. */
double rr_chrf_score(const double counts[RR_CHRF_COUNTS]);

#endif
