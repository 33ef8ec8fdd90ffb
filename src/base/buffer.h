/* A growable string of bytes, always followed by a NUL. */
#ifndef RR_BASE_BUFFER_H
#define RR_BASE_BUFFER_H

#include <stddef.h>

/** Zero-initialise; free with rr_buffer_free. When memory runs out it becomes `failed` and ignores what is appended. */
typedef struct rr_buffer {
    char *data;      /* NULL while empty; else data[length] == 0 */
    size_t length;   /* bytes */
    size_t capacity; /* bytes */
    int failed;
} rr_buffer;

void rr_buffer_append(rr_buffer *buffer, const void *data, size_t length);
void rr_buffer_puts(rr_buffer *buffer, const char *text);
void rr_buffer_printf(rr_buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void rr_buffer_clear(rr_buffer *buffer);
void rr_buffer_free(rr_buffer *buffer);

/** The text, "" while empty. Borrowed until the next change. */
const char *rr_buffer_text(const rr_buffer *buffer);

#endif
