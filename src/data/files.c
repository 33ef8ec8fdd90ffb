#include "data/files.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

static rr_status append(rr_file_list *list, const char *path) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity > 0 ? list->capacity * 2 : 16;
        char **paths = realloc(list->paths, capacity * sizeof *paths);
        if (paths == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for %zu file names", capacity);
        list->paths = paths;
        list->capacity = capacity;
    }
    char *copy = strdup(path);
    if (copy == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a file name");
    list->paths[list->count++] = copy;
    return RR_OK;
}

/* glob's own order follows the locale; this one is the same everywhere. */
static int by_bytes(const void *left, const void *right) { return strcmp(*(char *const *)left, *(char *const *)right); }

static rr_status expand_pattern(const rr_config *config, const char *key, const char *pattern, rr_file_list *out) {
    glob_t found = {0};
    rr_status status = RR_OK;
    int code = glob(pattern, GLOB_NOSORT, NULL, &found);
    if (code != 0 && code != GLOB_NOMATCH) {
        status = rr_fail(RR_ERR_NOMEM, "%s: no memory to expand it", pattern);
        goto free_found;
    }
    if (found.gl_pathc > 0) qsort(found.gl_pathv, found.gl_pathc, sizeof *found.gl_pathv, by_bytes);
    size_t before = out->count;
    for (size_t i = 0; i < found.gl_pathc && status == RR_OK; i++)
        if (!rr_folder_exists(found.gl_pathv[i])) status = append(out, found.gl_pathv[i]);
    if (status == RR_OK && out->count == before) status = rr_config_fail(config, key, "no file matches %s", pattern);
free_found:
    globfree(&found);
    return status;
}

rr_status rr_file_list_expand(const rr_config *config, const char *key, const rr_paths *items, rr_file_list *out) {
    for (size_t i = 0; i < items->count; i++) {
        const char *item = items->items[i];
        if (strpbrk(item, "*?[") == NULL || rr_file_exists(item))
            RR_TRY(append(out, item));
        else
            RR_TRY(expand_pattern(config, key, item, out));
    }
    return RR_OK;
}

void rr_file_list_free(rr_file_list *list) {
    for (size_t i = 0; i < list->count; i++) free(list->paths[i]);
    free(list->paths);
    *list = (rr_file_list){0};
}
