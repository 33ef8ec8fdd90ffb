#include "ckpt/step_files.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_FORMAT "step-%08" PRIu64 RR_CHECKPOINT_SUFFIX

void rr_step_path(const char *run_folder, uint64_t step, rr_buffer *out) {
    rr_buffer_printf(out, "%s/" RR_CHECKPOINT_FOLDER "/" NAME_FORMAT, run_folder, step);
}

bool rr_step_parse(const char *name, uint64_t *step) {
    if (strncmp(name, "step-", 5) != 0) return false;
    uint64_t value = 0;
    for (const char *p = name + 5; *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
            return false;
    char again[64]; /* digits short, too many zeros, or something behind: not ours */
    snprintf(again, sizeof again, NAME_FORMAT, value);
    if (strcmp(again, name) != 0) return false;
    *step = value;
    return true;
}

static int compare_falling(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x < y) - (x > y);
}

static rr_status add(rr_step_files *files, uint64_t step) {
    if (files->count == files->capacity) {
        size_t capacity = files->capacity > 0 ? files->capacity * 2 : 16;
        uint64_t *steps = realloc(files->steps, capacity * sizeof *steps);
        if (steps == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for %zu names of checkpoints", capacity);
        files->steps = steps;
        files->capacity = capacity;
    }
    files->steps[files->count++] = step;
    return RR_OK;
}

rr_status rr_step_files_list(const char *run_folder, rr_step_files *out) {
    rr_buffer folder = {0};
    rr_status status = RR_OK;
    rr_buffer_printf(&folder, "%s/" RR_CHECKPOINT_FOLDER, run_folder);
    out->count = 0;
    DIR *entries = opendir(rr_buffer_text(&folder));
    if (entries == NULL) {
        if (errno != ENOENT)
            status = rr_fail(RR_ERR_RUNTIME, "%s: cannot be read: %s", rr_buffer_text(&folder), strerror(errno));
        goto free_folder;
    }
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(entries);
        if (entry == NULL) break;
        uint64_t step;
        if (rr_step_parse(entry->d_name, &step)) status = add(out, step);
        if (status != RR_OK) goto close_folder;
    }
    if (errno != 0)
        status = rr_fail(RR_ERR_RUNTIME, "%s: cannot be read: %s", rr_buffer_text(&folder), strerror(errno));
    if (out->count > 0) qsort(out->steps, out->count, sizeof *out->steps, compare_falling);
close_folder:
    closedir(entries);
free_folder:
    rr_buffer_free(&folder);
    return status;
}
