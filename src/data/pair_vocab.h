/*
 * What a checkpoint keeps of a task that reads one language and writes another: {"source": a vocabulary, "target": a
 * vocabulary}; without "target" both are one.
 */
#ifndef RR_DATA_PAIR_VOCAB_H
#define RR_DATA_PAIR_VOCAB_H

#include "data/vocab.h"

/** target: may be source itself. */
rr_status rr_pair_vocab_to_json(const rr_vocab *source, const rr_vocab *target, rr_buffer *out);

/** *target is *source where both are one. @return RR_ERR_INPUT, RR_ERR_NOMEM; what was made stays to be freed */
rr_status rr_pair_vocab_from_json(const char *text, rr_vocab **source, rr_vocab **target);

#endif
