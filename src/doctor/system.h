/* What Linux writes into small files. */
#ifndef RR_DOCTOR_SYSTEM_H
#define RR_DOCTOR_SYSTEM_H

#include <stddef.h>

#include "base/buffer.h"

/** The whole of a file of /proc or /sys; "" where it cannot be read. Returns out's text. */
const char *rr_system_read(const char *path, rr_buffer *out);

/** The number after `key` at the beginning of a line of text ("MemTotal:", ""), NAN without one; "max" is INFINITY. */
double rr_system_number(const char *text, const char *key);

/** The number that the file of that name in a folder begins with. */
double rr_system_file_number(const char *folder, const char *name);

/** The rest of the line after `key`, without blanks around it; "" if there is none. */
void rr_system_line(const char *text, const char *key, char *out, size_t size);

/** A resource limit, INFINITY where there is none. */
double rr_system_limit(int resource);

/**
 * The least of a limit over this process's control group and those above it, of the unified hierarchy or of the
 * controller named. INFINITY without a limit, or without control groups.
 * @param[in] value  of the folder of one group; NAN or INFINITY: it sets no limit
 */
double rr_system_group_limit(const char *controller, double (*value)(const char *folder));

#endif
