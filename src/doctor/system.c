#include "doctor/system.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

const char *rr_system_read(const char *path, rr_buffer *out) {
    char block[4096];
    rr_buffer_clear(out);
    FILE *file = fopen(path, "r");
    if (file == NULL) return rr_buffer_text(out);
    for (size_t got = 1; got > 0;) { /* their size is not known before */
        got = fread(block, 1, sizeof block, file);
        rr_buffer_append(out, block, got);
    }
    fclose(file);
    return rr_buffer_text(out);
}

static const char *after(const char *text, const char *key) {
    size_t length = strlen(key);
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        if (strncmp(line, key, length) == 0) return line + length;
    }
    return NULL;
}

double rr_system_number(const char *text, const char *key) {
    const char *at = after(text, key);
    char *end;
    if (at == NULL) return NAN;
    at += strspn(at, " \t:");
    if (strncmp(at, "max", 3) == 0) return INFINITY;
    double value = strtod(at, &end);
    return end != at ? value : NAN;
}

double rr_system_file_number(const char *folder, const char *name) {
    char path[4200];
    rr_buffer text = {0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    double value = rr_system_number(rr_system_read(path, &text), "");
    rr_buffer_free(&text);
    return value;
}

void rr_system_line(const char *text, const char *key, char *out, size_t size) {
    const char *at = after(text, key);
    out[0] = 0;
    if (at == NULL) return;
    at += strspn(at, " \t:");
    size_t length = strcspn(at, "\n");
    while (length > 0 && (at[length - 1] == ' ' || at[length - 1] == '\t')) length--;
    snprintf(out, size, "%.*s", (int)length, at);
}

double rr_system_limit(int resource) {
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0) return NAN;
    return limit.rlim_cur == RLIM_INFINITY ? INFINITY : (double)limit.rlim_cur;
}

/* The folder of this process's group: of the unified hierarchy, whose line in /proc/self/cgroup begins with "0::", or
 * of a controller ("4:memory:/path"). */
static void find_group(const char *groups, const char *controller, char *folder, size_t size) {
    folder[0] = 0;
    for (const char *line = groups; *line != 0; line += strcspn(line, "\n"), line += *line == '\n') {
        size_t length = strcspn(line, "\n");
        const char *first = memchr(line, ':', length), *second = first != NULL ? strchr(first + 1, ':') : NULL;
        if (second == NULL || second > line + length) continue;
        int path = (int)(line + length - second - 1), names = (int)(second - first - 1);
        if (names == 0 && folder[0] == 0) snprintf(folder, size, "/sys/fs/cgroup%.*s", path, second + 1);
        char list[128];
        snprintf(list, sizeof list, ",%.*s,", names, first + 1);
        char wanted[64];
        snprintf(wanted, sizeof wanted, ",%s,", controller);
        if (strstr(list, wanted) != NULL) snprintf(folder, size, "/sys/fs/cgroup/%s%.*s", controller, path, second + 1);
    }
}

double rr_system_group_limit(const char *controller, double (*value)(const char *folder)) {
    static const char root[] = "/sys/fs/cgroup";
    rr_buffer groups = {0};
    char folder[4096];
    double least = INFINITY;
    find_group(rr_system_read("/proc/self/cgroup", &groups), controller, folder, sizeof folder);
    rr_buffer_free(&groups);
    /* In a container the path may be that of the host, and the group is mounted at the root. */
    while (strlen(folder) >= strlen(root)) {
        double limit = value(folder);
        if (limit < least) least = limit;
        char *slash = strrchr(folder, '/');
        if (slash == NULL) break;
        *slash = 0;
    }
    return least;
}
