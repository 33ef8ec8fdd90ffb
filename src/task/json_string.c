#include "task/json_string.h"

void rr_json_string(rr_buffer *out, const char *text) {
    rr_buffer_puts(out, "\"");
    for (const char *at = text; *at != 0; at++) {
        unsigned char byte = (unsigned char)*at;
        if (byte == '"' || byte == '\\')
            rr_buffer_printf(out, "\\%c", byte);
        else if (byte < 0x20)
            rr_buffer_printf(out, "\\u%04x", byte);
        else
            rr_buffer_append(out, at, 1);
    }
    rr_buffer_puts(out, "\"");
}
