/* The files checkpoints/step-00001234.safetensors of a run. */
#ifndef RR_CKPT_STEP_FILES_H
#define RR_CKPT_STEP_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

#define RR_CHECKPOINT_FOLDER "checkpoints"
#define RR_CHECKPOINT_SUFFIX ".safetensors"

/** Steps in falling order. Zero-initialise; free steps. */
typedef struct rr_step_files {
    uint64_t *steps;
    size_t count, capacity;
} rr_step_files;

/** Appends "<run_folder>/checkpoints/step-<step, at least 8 digits>.safetensors". */
void rr_step_path(const char *run_folder, uint64_t step, rr_buffer *out);

/** The step of a file name, if rr_step_path makes such names. */
bool rr_step_parse(const char *name, uint64_t *step);

/** All step files of a run; a missing folder has none. @return RR_ERR_RUNTIME, RR_ERR_NOMEM */
rr_status rr_step_files_list(const char *run_folder, rr_step_files *out);

#endif
