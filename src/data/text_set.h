/* Texts of examples as token ids, one after the other. */
#ifndef RR_DATA_TEXT_SET_H
#define RR_DATA_TEXT_SET_H

#include "data/bpe.h"
#include "data/data_config.h"
#include "data/normalise.h"
#include "data/vocab.h"

/** How a text becomes tokens. */
typedef struct rr_text_rules {
    rr_unit unit;
    rr_normalise normalise;
    size_t max_length; /* tokens; 0: no limit */
    rr_keep keep;      /* which end of a longer text */
    const rr_bpe *bpe; /* words of the normal form become pieces; NULL: they stay whole */
} rr_text_rules;

/** Zero-initialise; free with rr_text_set_free. */
typedef struct rr_text_set {
    rr_tokens tokens; /* of all texts */
    size_t *begin;    /* [count + 1] */
    size_t *lengths;  /* [count] */
    size_t count, capacity;
    size_t cut;        /* texts that were longer than max_length */
    rr_buffer scratch; /* the last text in its normal form */
    rr_buffer pieces;  /* the same with its words in pieces */
} rr_text_set;

/** The tokens that rules find in a text, counted for a vocabulary. scratch: memory that is used again. */
rr_status rr_text_count(const rr_text_rules *rules, const char *name, const char *text, size_t length,
                        rr_buffer *scratch, rr_token_counts *counts);

/** Appends a text; its length may be 0 then. @return RR_ERR_INPUT (not UTF-8, for chars), RR_ERR_NOMEM */
rr_status rr_text_set_add(rr_text_set *set, const rr_vocab *vocab, const rr_text_rules *rules, const char *name,
                          const char *text, size_t length);

/** The same of a list of words with line ends between them; each is normalised by itself. */
rr_status rr_text_set_add_list(rr_text_set *set, const rr_vocab *vocab, const rr_text_rules *rules, const char *text,
                               size_t length);

/** Takes the last text back. */
void rr_text_set_drop(rr_text_set *set);

/** Leaves the set empty, but keeps its memory. */
void rr_text_set_clear(rr_text_set *set);

/** What `rows` texts of the set have at most: the sum of the longest lengths; more if memory to sort them is out. */
size_t rr_text_set_most(const rr_text_set *set, size_t rows);

static inline size_t rr_text_set_longest(const rr_text_set *set) {
    size_t longest = 0;
    for (size_t i = 0; i < set->count; i++)
        if (set->lengths[i] > longest) longest = set->lengths[i];
    return longest;
}

/** Tokens of all texts. */
static inline size_t rr_text_set_total(const rr_text_set *set) {
    size_t total = 0;
    for (size_t i = 0; i < set->count; i++) total += set->lengths[i];
    return total;
}

static inline const int32_t *rr_text_set_at(const rr_text_set *set, size_t index) {
    return set->tokens.ids + set->begin[index];
}

/** Of all tokens and where texts begin. */
uint64_t rr_text_set_hash(const rr_text_set *set, uint64_t seed);
void rr_text_set_free(rr_text_set *set);

#endif
