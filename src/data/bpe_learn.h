/* Learns the codes of byte pair encoding (Sennrich et al. 2016) as subword-nmt does: see data/bpe.h. */
#ifndef RR_DATA_BPE_LEARN_H
#define RR_DATA_BPE_LEARN_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "data/token_table.h"

/** Words and how often each stands. Zero-initialise; free with rr_word_counts_free. */
typedef struct rr_word_counts {
    rr_token_table words;
    uint64_t *counts; /* [words.count] */
    size_t capacity;
} rr_word_counts;

/** Counts the words between blanks of a line without its end. @return RR_ERR_NOMEM */
rr_status rr_word_counts_add(rr_word_counts *counts, const char *line, size_t length);
void rr_word_counts_free(rr_word_counts *counts);

/**
 * Appends the codes: at most `merges` of them, of pairs that stand at least min_count times. Of pairs that are equally
 * frequent the one comes first whose strings are greater by bytes.
 * @return RR_ERR_NOMEM
 */
rr_status rr_bpe_learn(const rr_word_counts *counts, size_t merges, uint64_t min_count, rr_buffer *out);

#endif
