#include "log/terminal.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { MAX_ANCESTORS = 16 };

static int columns_of(int fd) {
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static bool link_target(const char *link, char target[PATH_MAX]) {
    ssize_t length = readlink(link, target, PATH_MAX - 1);
    if (length < 0) return false;
    target[length] = 0;
    return true;
}

/* The parent of a process, 0 if it cannot be found: field 4 of /proc/PID/stat, after the name in brackets. */
static long parent_of(long pid) {
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "r");
    if (file == NULL) return 0;
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = 0;
    const char *end_of_name = strrchr(text, ')');
    if (end_of_name == NULL || strlen(end_of_name) < 4) return 0;
    return strtol(end_of_name + 3, NULL, 10); /* ") S 123" */
}

/* Opens the output of the nearest ancestor that has another one than ours; -1 if that is no terminal, or nowhere. */
static int open_behind_relay(int fd) {
    char link[64], ours[PATH_MAX], theirs[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (!link_target(link, ours)) return -1;
    long pid = getppid();
    for (int i = 0; i < MAX_ANCESTORS && pid > 0; i++, pid = parent_of(pid)) {
        snprintf(link, sizeof link, "/proc/%ld/fd/1", pid);
        if (!link_target(link, theirs)) return -1;
        if (strcmp(ours, theirs) == 0) continue;
        int other = strncmp(theirs, "/dev/", 5) == 0 ? open(theirs, O_WRONLY | O_NOCTTY | O_CLOEXEC) : -1;
        if (other >= 0 && columns_of(other) > 0) return other;
        if (other >= 0) close(other);
        return -1;
    }
    return -1;
}

static bool is_set(const char *variable) {
    const char *value = getenv(variable);
    return value != NULL && value[0] != 0;
}

void rr_terminal_open(int fd, rr_terminal *out) {
    *out = (rr_terminal){.size_fd = -1};
    const char *type = getenv("TERM");
    if (!isatty(fd) || (type != NULL && strcmp(type, "dumb") == 0)) return;
    out->size_fd = columns_of(fd) > 0 ? dup(fd) : open_behind_relay(fd);
    out->interactive = out->size_fd >= 0;
    out->color = out->interactive && !is_set("NO_COLOR");
}

void rr_terminal_close(rr_terminal *terminal) {
    if (terminal->size_fd >= 0) close(terminal->size_fd);
    terminal->size_fd = -1;
}

int rr_terminal_columns(const rr_terminal *terminal) {
    int columns = terminal->size_fd >= 0 ? columns_of(terminal->size_fd) : 0;
    return columns > 0 ? columns : 80;
}
