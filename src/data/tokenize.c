#include "data/tokenize.h"

#include <string.h>
#include <utf8proc.h>

enum { BLANK = 1, NEWLINE, WIDE }; /* WIDE: may be the first byte of a blank beyond ASCII */

static const unsigned char classes[256] = {
    ['\t'] = BLANK, ['\n'] = NEWLINE, ['\v'] = BLANK, ['\f'] = BLANK, ['\r'] = BLANK, [0x1c] = BLANK, [0x1d] = BLANK,
    [0x1e] = BLANK, [0x1f] = BLANK,   [' '] = BLANK,  [0xc2] = WIDE,  [0xe1] = WIDE,  [0xe2] = WIDE,  [0xe3] = WIDE,
};

/* The bytes of the blank beyond ASCII that stands here, or 0. */
static size_t wide_blank(const char *text, const char *end) {
    size_t left = (size_t)(end - text);
    const unsigned char *byte = (const unsigned char *)text;
    if (left >= 2 && byte[0] == 0xc2) return byte[1] == 0x85 || byte[1] == 0xa0 ? 2 : 0; /* U+0085, U+00A0 */
    if (left < 3) return 0;
    unsigned code = (unsigned)byte[0] << 16 | (unsigned)byte[1] << 8 | byte[2];
    bool blank = code == 0xe19a80                          /* U+1680 */
                 || (code >= 0xe28080 && code <= 0xe2808a) /* U+2000 to U+200A */
                 || code == 0xe280a8 || code == 0xe280a9   /* U+2028, U+2029 */
                 || code == 0xe280af || code == 0xe2819f   /* U+202F, U+205F */
                 || code == 0xe38080;                      /* U+3000 */
    return blank ? 3 : 0;
}

size_t rr_text_mark(const char *text, size_t length) {
    return length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

bool rr_text_is_utf8(const char *text, size_t length, size_t *chars) {
    size_t count = 0;
    for (size_t at = 0; at < length; count++) {
        utf8proc_int32_t code;
        utf8proc_ssize_t bytes =
            utf8proc_iterate((const utf8proc_uint8_t *)text + at, (utf8proc_ssize_t)(length - at), &code);
        if (bytes <= 0) return false;
        at += (size_t)bytes;
    }
    if (chars != NULL) *chars = count;
    return true;
}

void rr_tokenizer_start(rr_tokenizer *tokenizer, rr_unit unit, const char *name, const char *text, size_t length) {
    if (length == 0) text = "";
    *tokenizer = (rr_tokenizer){.unit = unit, .name = name, .text = text, .cursor = text, .end = text + length};
    if (unit != RR_UNIT_BYTE) tokenizer->cursor += rr_text_mark(text, length);
}

static rr_status fail_not_utf8(const rr_tokenizer *tokenizer) {
    const char *at = tokenizer->cursor, *line_start = tokenizer->text;
    size_t line = 1;
    for (const char *p = tokenizer->text; (p = memchr(p, '\n', (size_t)(at - p))) != NULL; line++) line_start = ++p;
    return rr_fail(
        RR_ERR_INPUT,
        "%s:%zu: not UTF-8: byte 0x%02X at byte %zu of the line; convert the text (iconv -t UTF-8), or read it as "
        "bytes",
        tokenizer->name, line, (unsigned char)*at, (size_t)(at - line_start) + 1);
}

static rr_status next_char(rr_tokenizer *tokenizer, rr_token *out) {
    const char *at = tokenizer->cursor;
    size_t left = (size_t)(tokenizer->end - at);
    if (left == 0) {
        *out = (rr_token){.kind = RR_TOKEN_STOP};
        return RR_OK;
    }
    utf8proc_ssize_t length = 1;
    if ((unsigned char)*at >= 0x80) {
        utf8proc_int32_t code;
        length = utf8proc_iterate((const utf8proc_uint8_t *)at, (utf8proc_ssize_t)left, &code);
        if (length <= 0) return fail_not_utf8(tokenizer);
    } else if (*at == '\r' && left >= 2 && at[1] == '\n') {
        at++;
    }
    *out = (rr_token){RR_TOKEN_TEXT, at, (size_t)length};
    tokenizer->cursor = at + length;
    return RR_OK;
}

static void next_word(rr_tokenizer *tokenizer, rr_token *out) {
    const char *at = tokenizer->cursor, *end = tokenizer->end;
    for (;;) {
        bool over = at == end;
        unsigned char class = over ? NEWLINE : classes[(unsigned char)*at];
        if (class == NEWLINE) {
            out->kind = over && !tokenizer->line_open ? RR_TOKEN_STOP : RR_TOKEN_LINE_END;
            tokenizer->line_open = false;
            tokenizer->cursor = over ? at : at + 1;
            return;
        }
        size_t blank = class == BLANK ? 1 : class == WIDE ? wide_blank(at, end) : 0;
        if (blank == 0) break;
        at += blank;
    }
    out->kind = RR_TOKEN_TEXT;
    out->bytes = at;
    do {
        at++;
        while (at < end && classes[(unsigned char)*at] == 0) at++;
    } while (at < end && classes[(unsigned char)*at] == WIDE && wide_blank(at, end) == 0);
    out->length = (size_t)(at - out->bytes);
    tokenizer->line_open = true;
    tokenizer->cursor = at;
}

rr_status rr_tokenizer_next(rr_tokenizer *tokenizer, rr_token *out) {
    switch (tokenizer->unit) {
    case RR_UNIT_BYTE:
        out->kind = tokenizer->cursor < tokenizer->end ? RR_TOKEN_TEXT : RR_TOKEN_STOP;
        out->bytes = tokenizer->cursor;
        out->length = 1;
        if (out->kind == RR_TOKEN_TEXT) tokenizer->cursor++;
        return RR_OK;
    case RR_UNIT_CHAR:
        return next_char(tokenizer, out);
    case RR_UNIT_WORD:
        next_word(tokenizer, out);
        return RR_OK;
    }
    return rr_fail(RR_ERR_INPUT, "%s: unknown unit %d", tokenizer->name, (int)tokenizer->unit);
}
