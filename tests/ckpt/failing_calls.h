/* System calls that fail on demand. Linked with -Wl,--wrap=write -Wl,--wrap=fsync -Wl,--wrap=link. */
#ifndef RR_TESTS_FAILING_CALLS_H
#define RR_TESTS_FAILING_CALLS_H

#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

static atomic_int link_error, fsync_error; /* 0: the call works */
static atomic_int fsync_countdown;         /* that many fsyncs work before fsync_error counts */
static atomic_int write_limit;             /* bytes at a time; every third call is interrupted. 0: no limit */
static atomic_int write_calls;

ssize_t __real_write(int fd, const void *bytes, size_t length);
int __real_fsync(int fd);
int __real_link(const char *from, const char *to);
ssize_t __wrap_write(int fd, const void *bytes, size_t length);
int __wrap_fsync(int fd);
int __wrap_link(const char *from, const char *to);

ssize_t __wrap_write(int fd, const void *bytes, size_t length) {
    if (write_limit == 0) return __real_write(fd, bytes, length);
    if (write_calls++ % 3 == 2) {
        errno = EINTR;
        return -1;
    }
    return __real_write(fd, bytes, length < (size_t)write_limit ? length : (size_t)write_limit);
}

int __wrap_fsync(int fd) {
    if (fsync_error == 0 || fsync_countdown-- > 0) return __real_fsync(fd);
    errno = fsync_error;
    return -1;
}

int __wrap_link(const char *from, const char *to) {
    if (link_error == 0) return __real_link(from, to);
    errno = link_error;
    return -1;
}

#endif
