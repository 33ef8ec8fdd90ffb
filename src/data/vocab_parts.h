/* What the files of a vocabulary share. */
#ifndef RR_DATA_VOCAB_PARTS_H
#define RR_DATA_VOCAB_PARTS_H

#include "data/token_table.h"
#include "data/vocab.h"

#define RR_UNK "<unk>"
#define RR_EOS "<eos>"

struct rr_vocab {
    rr_unit unit;
    rr_token_table table; /* number: id */
    int32_t unk, eos;     /* -1: none */
};

/** Adds the tokens that every vocabulary of the unit has, in the order of their ids in a built one. */
rr_status rr_token_table_add_specials(rr_token_table *table, rr_unit unit);

/** An empty vocabulary: add to its table, then call rr_vocab_finish. @return RR_ERR_NOMEM */
rr_status rr_vocab_create(rr_unit unit, rr_vocab **out);

/** Finds the special tokens in the table. @return RR_ERR_INPUT if one is missing, or bytes are not the 256 in order */
rr_status rr_vocab_finish(rr_vocab *vocab);

/** The text of a vocabulary file, see rr_vocab_read. */
rr_status rr_vocab_parse(rr_unit unit, const char *name, const char *text, size_t length, rr_vocab **out);

/** Equal for equal ids of equal tokens. */
uint64_t rr_vocab_hash(const rr_vocab *vocab);

#endif
