#include "data/normalise.h"

#include <utf8proc.h>

static bool is_punctuation(utf8proc_int32_t code) {
    switch (utf8proc_category(code)) {
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
        return true;
    default:
        return false;
    }
}

void rr_normalise_text(rr_normalise rules, const char *text, size_t length, rr_buffer *out) {
    if (!rules.lowercase && !rules.split_punctuation) {
        rr_buffer_append(out, text, length);
        return;
    }
    for (size_t at = 0; at < length;) {
        utf8proc_int32_t code;
        utf8proc_ssize_t size =
            utf8proc_iterate((const utf8proc_uint8_t *)text + at, (utf8proc_ssize_t)(length - at), &code);
        if (size <= 0) { /* no UTF-8: as it is */
            rr_buffer_append(out, text + at++, 1);
            continue;
        }
        bool apart = rules.split_punctuation && is_punctuation(code);
        utf8proc_uint8_t bytes[4];
        utf8proc_ssize_t written = utf8proc_encode_char(rules.lowercase ? utf8proc_tolower(code) : code, bytes);
        if (apart) rr_buffer_puts(out, " ");
        rr_buffer_append(out, bytes, (size_t)written);
        if (apart) rr_buffer_puts(out, " ");
        at += (size_t)size;
    }
}
