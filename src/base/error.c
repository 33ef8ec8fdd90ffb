#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char message[8192];

const char *rr_last_error(void) { return message; }

int rr_status_exit_code(rr_status status) { return status == RR_ERR_NOMEM ? 1 : (int)status; }

rr_status rr_fail(rr_status status, const char *format, ...) {
    char text[sizeof message]; /* an argument may be rr_last_error() itself */
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    memcpy(message, text, sizeof message);
    return status;
}

rr_status rr_fail_within(rr_status status, const char *format, ...) {
    char text[sizeof message];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (length < 0) length = 0;
    if ((size_t)length < sizeof text) snprintf(text + length, sizeof text - (size_t)length, "%s", message);
    memcpy(message, text, sizeof message);
    return status;
}
