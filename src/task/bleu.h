/*
 * BLEU (Papineni et al. 2002) of a corpus with one reference a sentence, as the Python package sacrebleu has it in its
 * default mode: words by its tokeniser 13a, n-grams up to 4, exponential smoothing, case matters.
 */
#ifndef RR_TASK_BLEU_H
#define RR_TASK_BLEU_H

#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

enum { RR_BLEU_ORDER = 4, RR_BLEU_COUNTS = 2 + 2 * RR_BLEU_ORDER };

/** Adds a sentence: words said, words of the reference, n-grams that match [4], n-grams said [4]. @return RR_ERR_NOMEM
 */
rr_status rr_bleu_count(const char *said, size_t said_length, const char *reference, size_t reference_length,
                        double counts[RR_BLEU_COUNTS]);

/** 0 to 100, from the counts of all sentences. */
double rr_bleu_score(const double counts[RR_BLEU_COUNTS]);

/** Appends the words of a text as tokeniser 13a (mteval-v13a) cuts it, a blank between them. */
void rr_bleu_tokenize(const char *text, size_t length, rr_buffer *out);

#endif
