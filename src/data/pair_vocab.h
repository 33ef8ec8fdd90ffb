/*
 * What a checkpoint keeps of a task that reads one language and writes another: {"source": a vocabulary, "target": a
 * vocabulary}; without "target" both are one. Where words are in pieces, "bpe" has the codes of both sides.
 */
#ifndef RR_DATA_PAIR_VOCAB_H
#define RR_DATA_PAIR_VOCAB_H

#include "data/bpe.h"
#include "data/vocab.h"

/** target: may be source itself; bpe: of source and target, which may be one, or NULL. */
rr_status rr_pair_vocab_to_json(const rr_vocab *source, const rr_vocab *target, rr_bpe *const bpe[2], rr_buffer *out);

/** *target is *source, bpe[1] is bpe[0] where both are one. @return RR_ERR_INPUT, RR_ERR_NOMEM; what was made stays to
 * be freed */
rr_status rr_pair_vocab_from_json(const char *text, rr_vocab **source, rr_vocab **target, rr_bpe *bpe[2]);

#endif
