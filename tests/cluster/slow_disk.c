/* Preloaded: every fsync takes SLOW_DISK_S seconds, as on a disk, or a network file system, with too much to do. */
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int fsync(int fd) {
    const char *seconds = getenv("SLOW_DISK_S");
    if (seconds != NULL) usleep((useconds_t)(1e6 * atof(seconds)));
    return (int)syscall(SYS_fsync, fd);
}
