#include "base/durable.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char temporary_mark[] = ".tmp.";

char *rr_temporary_name(const char *path) {
    char *name = NULL;
    if (asprintf(&name, "%s%s%ld", path, temporary_mark, (long)getpid()) < 0) return NULL;
    return name;
}

bool rr_is_temporary_name(const char *name, const char *suffix) {
    const char *mark = strstr(name, temporary_mark);
    if (mark == NULL || mark[sizeof temporary_mark - 1] == 0) return false;
    for (const char *p = mark + sizeof temporary_mark - 1; *p != 0; p++)
        if (!isdigit((unsigned char)*p)) return false;
    size_t target = (size_t)(mark - name), length = strlen(suffix);
    return target > length && memcmp(mark - length, suffix, length) == 0;
}

static rr_status file_fail(const rr_durable *file, const char *what) {
    return rr_fail(RR_ERR_RUNTIME, "%s: %s: %s", file->path, what, strerror(errno));
}

rr_status rr_durable_begin(const char *path, rr_durable *file) {
    *file = (rr_durable){.path = path, .temporary = rr_temporary_name(path), .fd = -1};
    if (file->temporary == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a path");
    /* What a dead process of this pid left may be a hard link to a checkpoint: unlinked, never truncated. */
    unlink(file->temporary);
    file->fd = open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file->fd >= 0) return RR_OK;
    rr_status status = file_fail(file, "cannot be made");
    free(file->temporary);
    file->temporary = NULL;
    return status;
}

/* write(2) of everything. @return 0, or -1 with errno */
static int write_all(int fd, const unsigned char *bytes, size_t length) {
    while (length > 0) {
        ssize_t put = write(fd, bytes, length);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return -1;
        bytes += put;
        length -= (size_t)put;
    }
    return 0;
}

rr_status rr_durable_write(rr_durable *file, const void *bytes, size_t length) {
    /* Beyond RLIMIT_FSIZE the system sends SIGXFSZ, which ends the program; held back, write fails with EFBIG. */
    sigset_t limit, before;
    sigemptyset(&limit);
    sigaddset(&limit, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &limit, &before);
    int failed = write_all(file->fd, bytes, length), error = errno;
    if (failed && error == EFBIG && !sigismember(&before, SIGXFSZ)) {
        const struct timespec at_once = {0};
        sigtimedwait(&limit, NULL, &at_once);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return failed ? file_fail(file, "cannot be written") : RR_OK;
}

rr_status rr_durable_commit(rr_durable *file) {
    rr_status status = RR_OK;
    if (fsync(file->fd) != 0) status = file_fail(file, "cannot be written (fsync)");
    int fd = file->fd;
    file->fd = -1;
    if (close(fd) != 0 && errno != EINTR && status == RR_OK) status = file_fail(file, "cannot be written (close)");
    if (status == RR_OK && rename(file->temporary, file->path) != 0) status = file_fail(file, "cannot be renamed");
    if (status != RR_OK) {
        rr_durable_abandon(file);
        return status;
    }
    free(file->temporary);
    file->temporary = NULL;
    return rr_parent_sync(file->path);
}

void rr_durable_abandon(rr_durable *file) {
    if (file->fd >= 0) close(file->fd);
    if (file->temporary != NULL) unlink(file->temporary);
    free(file->temporary);
    *file = (rr_durable){.fd = -1};
}

rr_status rr_folder_sync(const char *folder) {
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return rr_fail(RR_ERR_RUNTIME, "%s: cannot be opened: %s", folder, strerror(errno));
    /* File systems that have nothing to do for a folder say EINVAL or ENOTSUP. */
    bool failed = fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP;
    int error = errno;
    close(fd);
    return failed ? rr_fail(RR_ERR_RUNTIME, "%s: cannot be written (fsync): %s", folder, strerror(error)) : RR_OK;
}

rr_status rr_parent_sync(const char *path) {
    const char *slash = strrchr(path, '/');
    if (slash == NULL) return rr_folder_sync(".");
    char *folder = strndup(path, slash == path ? 1 : (size_t)(slash - path));
    if (folder == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a path");
    rr_status status = rr_folder_sync(folder);
    free(folder);
    return status;
}
