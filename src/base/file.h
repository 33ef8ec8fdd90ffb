/* Files: whole reads, folders. Errors name the path and what the system said. */
#ifndef RR_BASE_FILE_H
#define RR_BASE_FILE_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/error.h"

/** Reads a regular file whole. @return RR_ERR_INPUT if it cannot be opened or read, RR_ERR_NOMEM */
rr_status rr_file_read(const char *path, rr_buffer *out);

/** Makes a folder and its parents; an existing one is fine. @return RR_ERR_RUNTIME */
rr_status rr_folder_make(const char *path);

/**
 * Writes a file atomically: beside the target, fsynced, renamed, the folder fsynced. A failure leaves an old file
 * alone.
 * @return RR_ERR_RUNTIME
 */
rr_status rr_file_write(const char *path, const void *data, size_t length);

bool rr_file_exists(const char *path);
bool rr_folder_exists(const char *path);

#endif
