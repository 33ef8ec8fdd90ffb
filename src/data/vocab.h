/* Vocabularies: text to token ids and back. */
#ifndef RR_DATA_VOCAB_H
#define RR_DATA_VOCAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

/** What a token is. */
typedef enum rr_unit {
    RR_UNIT_BYTE, /* 256 ids, the byte values; nothing is unknown */
    RR_UNIT_CHAR, /* a Unicode code point of UTF-8 text; CR LF counts as LF, a first byte order mark is left out */
    RR_UNIT_WORD  /* what stands between blanks (those of Python's str.split()); <eos> at each line end */
} rr_unit;

extern const char *const rr_unit_names[]; /* "byte", "char", "word", NULL */

typedef struct rr_vocab rr_vocab;

/** Counting tokens on the way to a vocabulary. */
typedef struct rr_token_counts rr_token_counts;
rr_status rr_token_counts_create(rr_unit unit, rr_token_counts **out);

/**
 * Adds the tokens of text (whole lines for words).
 * @param[in] name  for errors
 * @return RR_ERR_INPUT `name:line: not UTF-8 ...` for chars
 */
rr_status rr_token_counts_add(rr_token_counts *counts, const char *name, const char *text, size_t length);
void rr_token_counts_free(rr_token_counts *counts);

/**
 * Chars and words: <unk> is id 0, words have <eos> as id 1 (a literal "<unk>" or "<eos>" in the text is that token, as
 * in the Penn Treebank files), then tokens by falling count, ties by bytes. Bytes: ids are the byte values.
 *
 * @param[in] min_count  rarer tokens are unknown
 * @param[in] max_size   at most that many ids, special ones included; 0: no limit
 */
rr_status rr_vocab_build(const rr_token_counts *counts, size_t min_count, size_t max_size, rr_vocab **out);

/**
 * From a file of one token a line, in order of id; special tokens that are missing are put first. In a file of chars
 * \n, \r, \t and \\ stand for what a line cannot hold.
 * @return RR_ERR_INPUT `path:line: ...`
 */
rr_status rr_vocab_read(rr_unit unit, const char *path, rr_vocab **out);

/**
 * From and to the JSON text that stands in a checkpoint: {"unit": "char", "tokens": [...]}; exact for any bytes. A
 * token that is not UTF-8, or holds a NUL, is the array of its byte values instead of a string.
 */
rr_status rr_vocab_from_json(const char *text, rr_vocab **out);
rr_status rr_vocab_to_json(const rr_vocab *vocab, rr_buffer *out);

void rr_vocab_free(rr_vocab *vocab);

rr_unit rr_vocab_unit(const rr_vocab *vocab);
size_t rr_vocab_size(const rr_vocab *vocab);
/** The id of a token, or that of <unk>. */
int32_t rr_vocab_id(const rr_vocab *vocab, const char *token, size_t length);
/** The bytes of a token; length is set. Borrowed. */
const char *rr_vocab_token(const rr_vocab *vocab, int32_t id, size_t *length);
int32_t rr_vocab_unk(const rr_vocab *vocab); /* -1 for bytes */
int32_t rr_vocab_eos(const rr_vocab *vocab); /* -1 but for words */

/** Token ids, growable. Zero-initialise; free with rr_tokens_free. */
typedef struct rr_tokens {
    int32_t *ids;
    size_t count, capacity;
    size_t unknown; /* how many are <unk> but were another token in the text */
} rr_tokens;

/**
 * Appends the ids of text. eos: words get <eos> at each line end (also at the end of a last line without newline).
 * @return RR_ERR_INPUT `name:line: ...` (not UTF-8, for chars), RR_ERR_NOMEM
 */
rr_status rr_vocab_encode(const rr_vocab *vocab, const char *name, const char *text, size_t length, bool eos,
                          rr_tokens *out);
void rr_tokens_free(rr_tokens *tokens);

/**
 * Appends the text of one token, words with a blank before them unless the buffer is empty or at a line start; <eos> is
 * a newline.
 */
void rr_vocab_decode(const rr_vocab *vocab, int32_t id, rr_buffer *out);

#endif
