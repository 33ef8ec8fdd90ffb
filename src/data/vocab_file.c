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

/* Calls for every line: check and add, or (found != NULL) only look which special tokens there are. */
static rr_status read_lines(rr_unit unit, const char *name, const char *text, size_t length, bool found[2],
                            rr_token_table *out) {
    const char *end = text + length;
    size_t line = 0, before = out != NULL ? out->count : 0;
    for (const char *at = text + rr_text_mark(text, length); at < end;) {
        line++;
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *token = at;
        size_t token_length = (size_t)((newline != NULL ? newline : end) - at);
        at = newline != NULL ? newline + 1 : end;
        if (token_length > 0 && token[token_length - 1] == '\r') token_length--;
        if (found != NULL) {
            if (is_special(unit, token, token_length)) found[memcmp(token, RR_EOS, token_length) == 0] = true;
            continue;
        }
        if (unit == RR_UNIT_CHAR) unescape(&token, &token_length);
        RR_TRY(check_line(unit, name, line, token, token_length));
        int32_t id;
        RR_TRY(rr_token_table_add(out, token, token_length, &id));
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
    rr_token_table *table = &vocab->table;
    bool found[2] = {false, unit != RR_UNIT_WORD}; /* <unk>, <eos> */
    int32_t id;
    rr_status status = read_lines(unit, name, text, length, found, NULL);
    if (status == RR_OK && !found[0]) status = rr_token_table_add(table, RR_UNK, strlen(RR_UNK), &id);
    if (status == RR_OK && !found[1]) status = rr_token_table_add(table, RR_EOS, strlen(RR_EOS), &id);
    if (status == RR_OK) status = read_lines(unit, name, text, length, NULL, table);
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
