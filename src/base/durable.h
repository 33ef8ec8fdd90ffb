/* Files that are there whole or not at all, whenever the machine stops. */
#ifndef RR_BASE_DURABLE_H
#define RR_BASE_DURABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/** A new file beside its target, under the target's name + ".tmp.<pid>". */
typedef struct rr_durable {
    const char *path; /* of the target; borrowed */
    char *temporary;
    int fd;
} rr_durable;

rr_status rr_durable_begin(const char *path, rr_durable *file);

/** Writes all bytes, or fails; the system's limit of file size is reported like a full disk. */
rr_status rr_durable_write(rr_durable *file, const void *bytes, size_t length);

/** fsync, rename over the target, fsync of the folder. On failure the target is as it was before. */
rr_status rr_durable_commit(rr_durable *file);

/** After a failed write: removes the temporary file. The message of the failure stays. */
void rr_durable_abandon(rr_durable *file);

/** Makes names that were added to or removed from a folder survive a power failure. */
rr_status rr_folder_sync(const char *folder);

/** The same for the folder that holds path. */
rr_status rr_parent_sync(const char *path);

/** "<path>.tmp.<pid>", to be freed; NULL without memory. */
char *rr_temporary_name(const char *path);

/** True for a name that rr_temporary_name made for a target name that ends with `suffix`. */
bool rr_is_temporary_name(const char *name, const char *suffix);

#endif
