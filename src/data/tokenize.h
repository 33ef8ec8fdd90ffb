/* Cutting text into tokens, one at a time; nothing is copied. */
#ifndef RR_DATA_TOKENIZE_H
#define RR_DATA_TOKENIZE_H

#include "data/vocab.h"

typedef enum rr_token_kind {
    RR_TOKEN_TEXT,     /* bytes, length are set */
    RR_TOKEN_LINE_END, /* words only: where <eos> stands */
    RR_TOKEN_STOP      /* the text is over */
} rr_token_kind;

typedef struct rr_token {
    rr_token_kind kind;
    const char *bytes; /* within the text; not ended by a NUL */
    size_t length;     /* >= 1 */
} rr_token;

/**
 * Bytes: every byte as it is.
 * Chars: code points of UTF-8; a byte order mark at the start is left out, and CR LF counts as LF.
 * Words: what stands between blanks, where blanks are those of Python's str.split() (Unicode's white space, CR among
 * it), so that files cut as elsewhere; a byte order mark at the start is left out; other bytes may be anything. Each LF
 * is a line end, so an empty line is one too; a last line without LF has one if it holds a word.
 */
typedef struct rr_tokenizer {
    rr_unit unit;
    const char *name; /* for errors; borrowed, as the text is */
    const char *text, *cursor, *end;
    bool line_open; /* words: there was one since the last line end */
} rr_tokenizer;

void rr_tokenizer_start(rr_tokenizer *tokenizer, rr_unit unit, const char *name, const char *text, size_t length);

/** @return RR_ERR_INPUT `name:line: not UTF-8: ...` (chars only) */
rr_status rr_tokenizer_next(rr_tokenizer *tokenizer, rr_token *out);

/** The bytes of a byte order mark at the start of text: 3 or 0. */
size_t rr_text_mark(const char *text, size_t length);

/** Whether all is UTF-8. chars: gets the number of code points where it is; may be NULL. */
bool rr_text_is_utf8(const char *text, size_t length, size_t *chars);

#endif
