/*
 * Byte pair encoding (Sennrich et al. 2016): words become pieces, "lower" -> "low@@ er". Codes are those of the package
 * subword-nmt: a line `left right` for each merge, in the order in which they were learnt, after `#version: 0.2`.
 */
#ifndef RR_DATA_BPE_H
#define RR_DATA_BPE_H

#include "base/buffer.h"
#include "base/error.h"

typedef struct rr_bpe rr_bpe;

/**
 * Codes from memory; name: of the file, for errors. Without a version they are of version 0.1, where the end of a word
 * is a symbol of its own.
 * @return RR_ERR_INPUT `name:line: ...`, RR_ERR_NOMEM
 */
rr_status rr_bpe_parse(const char *name, const char *text, size_t length, rr_bpe **out);
void rr_bpe_free(rr_bpe *bpe);

/** The codes as they were read; ends with a NUL. Borrowed. */
const char *rr_bpe_codes(const rr_bpe *bpe);

/**
 * Appends a text (UTF-8, without line ends) whose words stand between blanks: several blanks become one, those around
 * the text stay. Pieces that are not the last of their word end with "@@". @return RR_ERR_NOMEM
 */
rr_status rr_bpe_apply(const rr_bpe *bpe, const char *text, size_t length, rr_buffer *out);

/** Takes the marks of pieces out of a text, so that whole words remain. */
void rr_bpe_join(rr_buffer *text);

#endif
