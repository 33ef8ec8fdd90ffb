/* Text as provisional ids, numbered as tokens first appear: one reading serves for counting and for encoding. */
#ifndef RR_DATA_TOKEN_COUNTS_H
#define RR_DATA_TOKEN_COUNTS_H

#include "data/token_table.h"
#include "data/vocab.h"

/* Provisional ids of the special tokens. Chars have only <unk>, which no text can hold; bytes have none. */
enum { RR_COUNTS_UNK = 0, RR_COUNTS_EOS = 1 };

struct rr_token_counts {
    rr_unit unit;
    rr_token_table table; /* number: provisional id */
    uint64_t *counts;     /* [capacity], zeroed beyond table.count */
    size_t capacity;
};

/** Appends the provisional ids of text, with <eos> at line ends of words. Counts nothing. @return as rr_vocab_encode */
rr_status rr_token_counts_index(rr_token_counts *counts, const char *name, const char *text, size_t length,
                                rr_tokens *out);

/** Counts provisional ids. @return RR_ERR_NOMEM */
rr_status rr_token_counts_tally(rr_token_counts *counts, const int32_t *ids, size_t count);

/** Makes room for one more token. @return RR_ERR_NOMEM */
rr_status rr_tokens_grow(rr_tokens *tokens);

static inline rr_status rr_tokens_push(rr_tokens *tokens, int32_t id) {
    if (tokens->count == tokens->capacity) RR_TRY(rr_tokens_grow(tokens));
    tokens->ids[tokens->count++] = id;
    return RR_OK;
}

#endif
