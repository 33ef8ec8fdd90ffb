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

typedef enum rr_load_what {
    RR_LOAD_CONFIG, /* no task */
    RR_LOAD_DATA,   /* the task with its data */
    RR_LOAD_SIZES   /* the task, on text without meaning where the configuration names no data */
} rr_load_what;

/** Reads operands[0] with the overrides. Free also after failure. */
rr_status rr_load(const rr_cli_arguments *arguments, rr_load_what what, rr_loaded *out);
void rr_load_free(rr_loaded *loaded);

#endif
