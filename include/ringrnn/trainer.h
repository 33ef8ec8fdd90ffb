/* Training, evaluation and prediction under MPI. */
#ifndef RINGRNN_TRAINER_H
#define RINGRNN_TRAINER_H

#include <stddef.h>

#include "ringrnn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rr_train_options {
    const char *config_path;      /* YAML file; read by rank 0 alone */
    const char *const *overrides; /* [override_count] "section.key=value" */
    size_t override_count;
    const char *resume;    /* "auto", "never" or the path of a checkpoint; NULL: "auto" */
    const char *init_from; /* checkpoint that gives the weights of a new run, or NULL */
    int profile;           /* not 0: the phases of a step go to the metrics, and a table ends the run */
} rr_train_options;

/**
 * Trains a model as the configuration says. Collective: every rank calls it with the same options; starts and ends MPI.
 * @return RR_OK (also on nothing left to do), RR_STOPPED (signal or time limit, saved), RR_ERR_INPUT, RR_ERR_NUMERIC,
 *         RR_ERR_RUNTIME, the same on all ranks. The message has then been printed by one of them.
 */
rr_status rr_train(const rr_train_options *options, int *argc, char ***argv);

typedef struct rr_eval_options {
    const char *checkpoint;       /* a file, or a run folder (its best checkpoint, else its last) */
    const char *const *overrides; /* of its configuration: "data.test=..." */
    size_t override_count;
    const char *split; /* "valid", "test"; NULL: test if there is one, else valid */
    int json;          /* print one JSON object instead of a table */
} rr_eval_options;

/** Evaluates a checkpoint; collective like rr_train. Prints on rank 0. */
rr_status rr_evaluate(const rr_eval_options *options, int *argc, char ***argv);

typedef struct rr_predict_options {
    const char *checkpoint; /* a file, or a run folder, that every rank can read */
    const char *file;       /* lines of text, or a whole file where the task reads one; "-": standard input of rank 0 */
    const char *format;     /* "json", "text" or "csv"; NULL: json, of forecasts csv */
} rr_predict_options;

/** What a model says of each line; collective like rr_train. Rank 0 prints it in the order of the lines. */
rr_status rr_predict(const rr_predict_options *options, int *argc, char ***argv);

#ifdef __cplusplus
}
#endif
#endif
