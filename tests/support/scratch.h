/* A folder of its own for a test. */
#ifndef RR_TESTS_SCRATCH_H
#define RR_TESTS_SCRATCH_H

#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct scratch {
    char folder[256];
    char *paths[8]; /* what scratch_path gave last, in turns */
    unsigned next;
} scratch;

static inline int scratch_open(void **state) {
    scratch *s = calloc(1, sizeof *s);
    const char *temporary = getenv("TMPDIR");
    if (s == NULL) return -1;
    snprintf(s->folder, sizeof s->folder, "%s/ringrnn-test-XXXXXX", temporary != NULL ? temporary : "/tmp");
    *state = s;
    return mkdtemp(s->folder) == NULL ? -1 : 0;
}

static inline int scratch_remove_entry(const char *path, const struct stat *info, int type, struct FTW *where) {
    (void)info, (void)type, (void)where;
    return remove(path);
}

static inline int scratch_close(void **state) {
    scratch *s = *state;
    nftw(s->folder, scratch_remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    for (int i = 0; i < 8; i++) free(s->paths[i]);
    free(s);
    return 0;
}

/* "<folder>/<name>"; good until eight others were asked for. */
static inline const char *scratch_path(scratch *s, const char *name) {
    char **path = &s->paths[s->next++ % 8];
    free(*path);
    if (asprintf(path, "%s/%s", s->folder, name) < 0) abort();
    return *path;
}

static inline bool scratch_has(scratch *s, const char *name) { return access(scratch_path(s, name), F_OK) == 0; }

#endif
