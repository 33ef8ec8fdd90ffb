#include "log/markdown.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Bytes of the well-formed UTF-8 character at p (Unicode, table 3-7), 0 if there is none. p ends with a NUL. */
static size_t character(const unsigned char *p) {
    if (p[0] < 0x80) return 1;
    size_t length = p[0] >= 0xC2 && p[0] <= 0xDF ? 2 : (p[0] & 0xF0) == 0xE0 ? 3 : p[0] >= 0xF0 && p[0] <= 0xF4 ? 4 : 0;
    if (length == 0) return 0;
    unsigned char low = p[0] == 0xE0 ? 0xA0 : p[0] == 0xF0 ? 0x90 : 0x80;
    unsigned char high = p[0] == 0xED ? 0x9F : p[0] == 0xF4 ? 0x8F : 0xBF;
    if (p[1] < low || p[1] > high) return 0;
    for (size_t i = 2; i < length; i++)
        if ((p[i] & 0xC0) != 0x80) return 0;
    return length;
}

void rr_markdown_code(const char *text, rr_buffer *out) {
    const unsigned char *p = (const unsigned char *)text;
    bool line_begins = true;
    while (*p != 0) {
        if (line_begins) rr_buffer_puts(out, "    ");
        line_begins = *p == '\n';
        size_t length = character(p);
        if (length > 0)
            rr_buffer_append(out, p, length);
        else
            rr_buffer_puts(out, "\xEF\xBF\xBD");
        p += length > 0 ? length : 1;
    }
}
