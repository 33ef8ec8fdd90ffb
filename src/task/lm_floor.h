/* Floors for language models: what counting alone reaches. */
#ifndef RR_TASK_LM_FLOOR_H
#define RR_TASK_LM_FLOOR_H

#include "base/buffer.h"
#include "data/vocab.h"

typedef struct rr_lm_floor {
    double unigram; /* nats a token */
    double bigram;  /* nats a token; NAN where the vocabulary is too large for a table of pairs */
} rr_lm_floor;

/** counts [vocab_size] of the tokens; free it. @return RR_ERR_NOMEM */
rr_status rr_lm_counts_of(const rr_tokens *tokens, size_t vocab_size, uint64_t **counts);

/** Adds them to a vocabulary that ends the text: {"unit": ..., "tokens": ..., "counts": [...]}. */
void rr_lm_counts_to_json(const uint64_t *counts, size_t vocab_size, rr_buffer *vocab_json);

/** And back; NULL where there are none (checkpoints of earlier versions). @return RR_ERR_INPUT, RR_ERR_NOMEM */
rr_status rr_lm_counts_from_json(const char *vocab_json, size_t vocab_size, uint64_t **counts);

/**
 * Negative log-likelihood of the pairs of `held_out` under unigram and bigram frequencies of training, each with one
 * count added to every outcome (Laplace smoothing), so that nothing has probability 0.
 *
 * @param[in] counts  [vocab_size] of all tokens of training
 * @param[in] train   those tokens, for the pairs; none: there is no bigram floor
 */
rr_status rr_lm_floor_count(const uint64_t *counts, const rr_tokens *train, const rr_tokens *held_out,
                            size_t vocab_size, rr_lm_floor *out);

#endif
