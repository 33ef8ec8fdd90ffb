#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int grow(rr_buffer *buffer, size_t extra) {
    if (buffer->failed) return 0;
    size_t need = buffer->length + extra + 1;
    if (need <= buffer->capacity) return 1;
    size_t capacity = buffer->capacity > 0 ? buffer->capacity * 2 : 256;
    if (capacity < need) capacity = need;
    char *data = realloc(buffer->data, capacity);
    if (data == NULL) {
        buffer->failed = 1;
        return 0;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return 1;
}

void rr_buffer_append(rr_buffer *buffer, const void *data, size_t length) {
    if (!grow(buffer, length)) return;
    if (length > 0) memcpy(buffer->data + buffer->length, data, length);
    buffer->length += length;
    buffer->data[buffer->length] = 0;
}

void rr_buffer_puts(rr_buffer *buffer, const char *text) { rr_buffer_append(buffer, text, strlen(text)); }

void rr_buffer_printf(rr_buffer *buffer, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0 || !grow(buffer, (size_t)length)) return;
    va_start(args, format);
    vsnprintf(buffer->data + buffer->length, (size_t)length + 1, format, args);
    va_end(args);
    buffer->length += (size_t)length;
}

void rr_buffer_clear(rr_buffer *buffer) {
    buffer->length = 0;
    if (buffer->data != NULL) buffer->data[0] = 0;
}

void rr_buffer_free(rr_buffer *buffer) {
    free(buffer->data);
    *buffer = (rr_buffer){0};
}

const char *rr_buffer_text(const rr_buffer *buffer) { return buffer->data != NULL ? buffer->data : ""; }
