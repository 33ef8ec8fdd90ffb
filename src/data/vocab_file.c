/*
 * Vocabulary files: one token a line, in order of id. A line end of CR LF and a byte order mark are understood. In
 * files of chars a line is one code point, <unk>, or what cannot stand in a line otherwise: \n, \r, \t, \\.
 */
#include <string.h>

#include "base/file.h"
#include "data/tokenize.h"
#include "data/vocab_parts.h"

static bool is_special(rr_unit unit, const char *token, size_t length) {
    if (length != strlen(RR_UNK)) return false;
    return memcmp(token, RR_UNK, length) == 0 || (unit == RR_UNIT_WORD && memcmp(token, RR_EOS, length) == 0);
}

/* Replaces a line of a char file by the char that it stands for. */
static void unescape(const char **token, size_t *length) {
    static const char *const escapes[] = {"\\n\n", "\\r\r", "\\t\t", "\\\\\\"};
    for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++) {
        if (*length != 2 || memcmp(*token, escapes[i], 2) != 0) continue;
        *token = escapes[i] + 2;
        *length = 1;
        return;
    }
}

static rr_status check_line(rr_unit unit, const char *name, size_t line, const char *token, size_t length) {
    if (length == 0)
        return rr_fail(RR_ERR_INPUT, "%s:%zu: is empty; a line holds one token%s", name, line,
                       unit == RR_UNIT_CHAR ? " (a newline is written \\n)" : "");
    if (is_special(unit, token, length)) return RR_OK;
    if (unit == RR_UNIT_CHAR) {
        size_t chars = 0;
        if (!rr_text_is_utf8(token, length, &chars)) return rr_fail(RR_ERR_INPUT, "%s:%zu: not UTF-8", name, line);
        return chars == 1 ? RR_OK
                          : rr_fail(RR_ERR_INPUT,
                                    "%s:%zu: holds %zu characters; a line of a char vocabulary holds one, or " RR_UNK
                                    ", \\n, \\r, \\t, \\\\",
                                    name, line, chars);
    }
    rr_tokenizer tokenizer;
    rr_token word;
    rr_tokenizer_start(&tokenizer, RR_UNIT_WORD, name, token, length);
    RR_TRY(rr_tokenizer_next(&tokenizer, &word));
    if (word.kind != RR_TOKEN_TEXT || word.length != length)
        return rr_fail(RR_ERR_INPUT, "%s:%zu: holds blanks; a line holds one word and nothing else", name, line);
    return RR_OK;
}

/* The line at *at, without its end; *at moves to the next one. */
static void take_line(const char **at, const char *end, const char **line, size_t *length) {
    const char *newline = memchr(*at, '\n', (size_t)(end - *at));
    *line = *at;
    *length = (size_t)((newline != NULL ? newline : end) - *at);
    *at = newline != NULL ? newline + 1 : end;
    if (*length > 0 && (*line)[*length - 1] == '\r') (*length)--;
}

/* Adds the special tokens that no line holds. */
static rr_status add_missing(rr_unit unit, const char *text, const char *end, rr_token_table *out) {
    bool has_unk = false, has_eos = unit != RR_UNIT_WORD;
    int32_t id;
    while (text < end) {
        const char *token;
        size_t length;
        take_line(&text, end, &token, &length);
        if (!is_special(unit, token, length)) continue;
        if (memcmp(token, RR_UNK, length) == 0)
            has_unk = true;
        else
            has_eos = true;
    }
    if (!has_unk) RR_TRY(rr_token_table_add(out, RR_UNK, strlen(RR_UNK), &id));
    if (!has_eos) RR_TRY(rr_token_table_add(out, RR_EOS, strlen(RR_EOS), &id));
    return RR_OK;
}

static rr_status add_lines(rr_unit unit, const char *name, const char *text, const char *end, rr_token_table *out) {
    size_t before = out->count;
    for (size_t line = 1; text < end; line++) {
        const char *token;
        size_t length;
        int32_t id;
        take_line(&text, end, &token, &length);
        if (unit == RR_UNIT_CHAR) unescape(&token, &length);
        RR_TRY(check_line(unit, name, line, token, length));
        RR_TRY(rr_token_table_add(out, token, length, &id));
        if (out->count != before + line)
            return rr_fail(RR_ERR_INPUT, "%s:%zu: this token stands in line %zu already", name, line,
                           (size_t)id - before + 1);
    }
    return RR_OK;
}

rr_status rr_vocab_parse(rr_unit unit, const char *name, const char *text, size_t length, rr_vocab **out) {
    if (unit == RR_UNIT_BYTE) return rr_fail(RR_ERR_INPUT, "%s: bytes have no vocabulary file", name);
    if (length == 0) return rr_fail(RR_ERR_INPUT, "%s: is empty; one token a line is wanted", name);
    rr_vocab *vocab;
    RR_TRY(rr_vocab_create(unit, &vocab));
    const char *end = text + length;
    text += rr_text_mark(text, length);
    rr_status status = add_missing(unit, text, end, &vocab->table);
    if (status == RR_OK) status = add_lines(unit, name, text, end, &vocab->table);
    if (status == RR_OK) status = rr_vocab_finish(vocab);
    if (status != RR_OK) {
        rr_vocab_free(vocab);
        return status;
    }
    *out = vocab;
    return RR_OK;
}

rr_status rr_vocab_read(rr_unit unit, const char *path, rr_vocab **out) {
    rr_buffer text = {0};
    rr_status status = rr_file_read(path, &text);
    if (status == RR_OK) status = rr_vocab_parse(unit, path, rr_buffer_text(&text), text.length, out);
    rr_buffer_free(&text);
    return status;
}
