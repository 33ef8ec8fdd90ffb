/* Floors for language models: what counting alone reaches. */
#ifndef RR_TASK_LM_FLOOR_H
#define RR_TASK_LM_FLOOR_H

#include "data/vocab.h"

typedef struct rr_lm_floor {
    double unigram; /* nats a token */
    double bigram;  /* nats a token; NAN where the vocabulary is too large for a table of pairs */
} rr_lm_floor;

/**
 * Negative log-likelihood of the pairs of `held_out` under unigram and bigram frequencies of `train`, each with one
 * count added to every outcome (Laplace smoothing), so that nothing has probability 0.
 */
rr_status rr_lm_floor_count(const rr_tokens *train, const rr_tokens *held_out, size_t vocab_size, rr_lm_floor *out);

#endif
