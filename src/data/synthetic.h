/* Text without meaning, for benchmarks that need no files. */
#ifndef RR_DATA_SYNTHETIC_H
#define RR_DATA_SYNTHETIC_H

#include "data/corpus.h"

/**
 * A training split of `count` tokens, drawn evenly from a vocabulary of about vocab_size ids (0: 256 bytes,
 * 100 chars, 10000 words). The same on every rank.
 */
rr_status rr_corpus_synthetic(rr_unit unit, size_t vocab_size, size_t count, rr_corpus *out);

#endif
