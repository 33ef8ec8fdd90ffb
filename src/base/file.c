#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
    char *part = strdup(path);
    if (part == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a path");
    rr_status status = RR_OK;
    for (char *p = part + 1;; p++) {
        if (*p != '/' && *p != 0) continue;
        char end = *p;
        *p = 0;
        if (mkdir(part, 0777) != 0 && errno != EEXIST) {
            status = rr_fail(RR_ERR_RUNTIME, "%s: folder cannot be made: %s", part, strerror(errno));
            break;
        }
        *p = end;
        if (end == 0) break;
    }
    free(part);
    return status;
}

/* Makes a rename in the folder of path durable. */
static rr_status sync_folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
    if (folder == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a path");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    rr_status status = RR_OK;
    if (fd < 0 || fsync(fd) != 0) status = rr_fail(RR_ERR_RUNTIME, "%s: %s", folder, strerror(errno));
    if (fd >= 0) close(fd);
    free(folder);
    return status;
}

rr_status rr_file_write(const char *path, const void *data, size_t length) {
    rr_buffer temporary = {0};
    rr_buffer_printf(&temporary, "%s.tmp.%ld", path, (long)getpid());
    if (temporary.failed) return rr_fail(RR_ERR_NOMEM, "no memory for a path");
    rr_status status = RR_OK;
    int fd = open(temporary.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        status = rr_fail(RR_ERR_RUNTIME, "%s: %s", temporary.data, strerror(errno));
        goto free_path;
    }
    for (size_t done = 0; done < length;) {
        ssize_t put = write(fd, (const char *)data + done, length - done);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) {
            status = rr_fail(RR_ERR_RUNTIME, "%s: cannot be written: %s", path, strerror(errno));
            break;
        }
        done += (size_t)put;
    }
    if (status == RR_OK && fsync(fd) != 0)
        status = rr_fail(RR_ERR_RUNTIME, "%s: cannot be written: %s", path, strerror(errno));
    if (close(fd) != 0 && status == RR_OK)
        status = rr_fail(RR_ERR_RUNTIME, "%s: cannot be written: %s", path, strerror(errno));
    if (status == RR_OK && rename(temporary.data, path) != 0)
        status = rr_fail(RR_ERR_RUNTIME, "%s: cannot be put in place: %s", path, strerror(errno));
    if (status == RR_OK)
        status = sync_folder_of(path);
    else
        unlink(temporary.data);
free_path:
    rr_buffer_free(&temporary);
    return status;
}

bool rr_file_exists(const char *path) { return access(path, F_OK) == 0; }
