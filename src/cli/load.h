/* A configuration file with its task, for commands that do not train. No MPI. */
#ifndef RR_CLI_LOAD_H
#define RR_CLI_LOAD_H

#include "cli/cli.h"
#include "train/train_config.h"

typedef struct rr_loaded {
    rr_config *config;
    rr_settings settings;
    rr_task *task; /* NULL if it was not asked for */
} rr_loaded;

/** Reads operands[0] with the overrides; with_task also reads the data and declares the model. Free also after failure.
 */
rr_status rr_load(const rr_cli_arguments *arguments, bool with_task, rr_loaded *out);
void rr_load_free(rr_loaded *loaded);

#endif
