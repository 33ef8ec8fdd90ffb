/* Text for viewers that take it as Markdown. */
#ifndef RR_LOG_MARKDOWN_H
#define RR_LOG_MARKDOWN_H

#include "base/buffer.h"

/**
 * Appends text as a block of code: every line behind four blanks, so that it is shown as it stands. What is not UTF-8
 * (a byte model's text may hold anything) becomes U+FFFD, since TensorBoard refuses a page with it.
 */
void rr_markdown_code(const char *text, rr_buffer *out);

#endif
