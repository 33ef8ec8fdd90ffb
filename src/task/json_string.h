/* Text as a JSON string. */
#ifndef RR_TASK_JSON_STRING_H
#define RR_TASK_JSON_STRING_H

#include "base/buffer.h"

/** Appends text (UTF-8, ended by a NUL) in quotes, escaped. */
void rr_json_string(rr_buffer *out, const char *text);

#endif
