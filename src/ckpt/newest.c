/* Finding the checkpoint that a run goes on from, or that a user means. */
#include <stdlib.h>

#include "base/file.h"
#include "ckpt/step_files.h"
#include "ckpt/store.h"

/* Tries one file. Damage is noted in warnings and is no failure; *file stays NULL then. */
static rr_status try_file(const char *path, rr_safetensors **file, rr_buffer *found, rr_buffer *warnings,
                          size_t *damaged) {
    rr_status status = rr_safetensors_read(path, file);
    if (status == RR_OK) {
        if (*damaged > 0) rr_buffer_printf(warnings, "%s is used instead\n", path);
        rr_buffer_clear(found);
        rr_buffer_puts(found, path);
    } else if (status == RR_ERR_INPUT) {
        rr_buffer_printf(warnings, "%s\n", rr_last_error());
        ++*damaged;
        status = RR_OK;
    }
    return status;
}

rr_status rr_store_newest(const char *run_folder, rr_safetensors **file, rr_buffer *path, rr_buffer *warnings) {
    static const char *const links[] = {"last", "best"}; /* copies of their own where there are no hard links */
    rr_step_files files = {0};
    rr_buffer candidate = {0};
    size_t damaged = 0;
    *file = NULL;
    rr_status status = rr_step_files_list(run_folder, &files);
    for (size_t i = 0; i < files.count && status == RR_OK && *file == NULL; i++) {
        rr_buffer_clear(&candidate);
        rr_step_path(run_folder, files.steps[i], &candidate);
        status = try_file(rr_buffer_text(&candidate), file, path, warnings, &damaged);
    }
    for (size_t i = 0; i < sizeof links / sizeof *links && status == RR_OK && *file == NULL; i++) {
        rr_buffer_clear(&candidate);
        rr_buffer_printf(&candidate, "%s/%s" RR_CHECKPOINT_SUFFIX, run_folder, links[i]);
        if (rr_file_exists(rr_buffer_text(&candidate)))
            status = try_file(rr_buffer_text(&candidate), file, path, warnings, &damaged);
    }
    if (status == RR_OK && *file == NULL && damaged > 0)
        status = rr_fail(RR_ERR_INPUT, "%s: none of its %zu checkpoints can be read; the last one: %s", run_folder,
                         damaged, rr_last_error());
    rr_buffer_free(&candidate);
    free(files.steps);
    return status;
}

void rr_store_meant(const char *given, rr_buffer *path) {
    rr_buffer best = {0};
    rr_buffer_printf(&best, "%s/best" RR_CHECKPOINT_SUFFIX, given);
    if (!rr_folder_exists(given))
        rr_buffer_puts(path, given);
    else if (rr_file_exists(rr_buffer_text(&best)))
        rr_buffer_puts(path, rr_buffer_text(&best));
    else
        rr_buffer_printf(path, "%s/last" RR_CHECKPOINT_SUFFIX, given);
    rr_buffer_free(&best);
}
