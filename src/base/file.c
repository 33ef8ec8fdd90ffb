#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/durable.h"

rr_status rr_file_read(const char *path, rr_buffer *out) {
    rr_status status = RR_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return rr_fail(RR_ERR_INPUT, "%s: %s", path, strerror(errno));
    struct stat info;
    if (fstat(fd, &info) != 0) {
        status = rr_fail(RR_ERR_INPUT, "%s: %s", path, strerror(errno));
        goto close_file;
    }
    if (S_ISDIR(info.st_mode)) {
        status = rr_fail(RR_ERR_INPUT, "%s: is a folder, a file is wanted", path);
        goto close_file;
    }
    char *block = malloc(1 << 20);
    if (block == NULL) {
        status = rr_fail(RR_ERR_NOMEM, "%s: no memory to read it", path);
        goto close_file;
    }
    rr_buffer_clear(out);
    for (;;) {
        ssize_t got = read(fd, block, 1 << 20);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) status = rr_fail(RR_ERR_INPUT, "%s: %s", path, strerror(errno));
        if (got <= 0) break;
        rr_buffer_append(out, block, (size_t)got);
    }
    if (status == RR_OK && out->failed) status = rr_fail(RR_ERR_NOMEM, "%s: no memory to hold it", path);
    free(block);
close_file:
    close(fd);
    return status;
}

rr_status rr_folder_make(const char *path) {
    if (*path == 0) return rr_fail(RR_ERR_RUNTIME, "a folder needs a name");
    char *part = strdup(path);
    if (part == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a path");
    rr_status status = RR_OK;
    for (char *p = part + 1; status == RR_OK; p++) {
        if (*p != '/' && *p != 0) continue;
        char end = *p;
        *p = 0;
        struct stat info;
        if (mkdir(part, 0777) != 0 && (errno != EEXIST || stat(part, &info) != 0 || !S_ISDIR(info.st_mode)))
            status = rr_fail(RR_ERR_RUNTIME, "%s: folder cannot be made: %s", part,
                             errno == EEXIST ? "there is a file of that name" : strerror(errno));
        *p = end;
        if (end == 0) break;
    }
    free(part);
    return status;
}

rr_status rr_file_write(const char *path, const void *data, size_t length) {
    rr_durable file;
    RR_TRY(rr_durable_begin(path, &file));
    rr_status status = rr_durable_write(&file, data, length);
    if (status == RR_OK) return rr_durable_commit(&file);
    rr_durable_abandon(&file);
    return status;
}

bool rr_file_exists(const char *path) { return access(path, F_OK) == 0; }

bool rr_folder_exists(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}
