/* One training run: everything that the loop knows. Files of this room and of `bench` see the struct. */
#ifndef RR_TRAIN_RUN_H
#define RR_TRAIN_RUN_H

#include "base/profile.h"
#include "ckpt/store.h"
#include "dist/control.h"
#include "dist/reducer.h"
#include "dist/shared_memory.h"
#include "ringrnn/trainer.h"
#include "train/gradients.h"
#include "train/train_config.h"

/** What resume needs beside the arrays; saved as one JSON object. */
typedef struct rr_progress {
    rr_position position;
    rr_schedule_state schedule; /* its plateau_* fields alone are state, the others follow from position */
    double best_value;          /* of eval.metric, negative where more is better; NAN before the first */
    uint64_t best_step;
    uint64_t bad_evaluations; /* in a row without a better value */
    bool finished;            /* the training came to its end (and was tested) */
} rr_progress;

typedef struct rr_run {
    const rr_train_options *options;
    rr_comm *comm; /* borrowed */
    rr_config *config;
    rr_settings settings;
    rr_buffer folder; /* run.dir/run.name */

    rr_team *team; /* threads of this rank */
    rr_task *task;
    size_t begin, end; /* rows of the global batch that are this rank's */
    rr_gradients sums; /* how their gradients are added */
    double *gflops;    /* [ranks] measured for dist.shards_per_rank auto, by which shards were shared out; else NULL */
    uint64_t steps_per_epoch, total_steps;

    rr_shared *gradients; /* where the ranks of a node can sum them in place */
    rr_shared *weights;   /* with a sharded optimiser, in place of values: ranks write their parts to each other */
    rr_arena values, optim_states, activations;
    rr_optim optim;
    double *squares;                            /* [rr_clip_pieces] of the gradients, for their norm */
    rr_sum_rows *row_sums[RR_REDUCER_ROW_SUMS]; /* of embeddings whose gradient goes as rows */
    size_t row_sum_count;
    rr_reducer *reducer;
    rr_control_exchange *control;
    rr_progress progress;
    double start_s; /* clock at start, for train.max_minutes */
    size_t watched; /* of the task's metrics, that which eval.metric names */
    bool more_is_better;

    /* rank 0 alone */
    rr_run_lock *lock;
    rr_store *store;
    rr_logger *log;
    float *carry;         /* [global_batch_size, carry_size], gathered to save */
    size_t vectors_found; /* words of the vocabulary that model.vectors has */

    /* since the last line of metrics */
    double interval_start_s, interval_tokens, interval_exposed_s, interval_hidden_s;
    uint64_t interval_steps;
    double last_loss; /* of the last line of metrics; NAN before the first */

    /* with options->profile, on rank 0 */
    double phase_s[RR_PHASE_COUNT];
    uint64_t profiled_steps;
} rr_run;

/** Why the run leaves its loop early. */
typedef enum rr_stop { RR_GO_ON, RR_STOP_SIGNAL, RR_STOP_TIME, RR_STOP_TAKEN_OVER } rr_stop;

/* open.c: collective; all ranks leave with the same status. After a failure rr_run_end still must be called. */
rr_status rr_run_open(const rr_train_options *options, rr_comm *comm, rr_run *run);
/** Collective: a run on text without meaning, for `steps` steps an epoch; no files are read or written. */
rr_status rr_run_open_synthetic(const rr_train_options *options, rr_comm *comm, size_t steps, rr_run *run);
/**
 * Collective. After a failure of this rank alone (status) the job is ended, as the others wait for it.
 * @return status, or if that is RR_OK what became of the last checkpoint
 */
rr_status rr_run_end(rr_run *run, rr_status status);

/* shares.c */
/** Collective: whose shards are whose, by dist.shards_per_rank. *out: zeroes before, to be freed in any case. */
rr_status rr_run_share_shards(rr_run *run, rr_shard_parts *out);
void rr_run_describe_shares(const rr_run *run, rr_buffer *out); /* for the banner */

/* vectors.c: model.vectors and freeze_vectors make sense for this task. */
rr_status rr_run_check_vectors(const rr_run *run);
rr_status rr_run_read_vectors(rr_run *run); /* collective */

/* resume.c: a checkpoint to go on from, as all ranks see it. */
typedef struct rr_resume {
    bool found;
    rr_safetensors *file; /* rank 0 alone */
    rr_buffer path, config, vocab, state, placement, level, fingerprint;
} rr_resume;
/* Collective; takes the lock of the run folder, but with --resume never. */
rr_status rr_resume_find(rr_run *run, rr_resume *out);
rr_status rr_resume_start_over(rr_run *run); /* --resume never, rank 0: moves an older run aside, takes the lock */
rr_status rr_resume_read(rr_comm *comm, const char *path, rr_resume *out); /* collective: one file */
rr_status rr_resume_check_config(const rr_run *run, const rr_resume *resume);
rr_status rr_resume_restore(rr_run *run, const rr_resume *resume); /* collective */
rr_status rr_resume_weights(rr_run *run, const rr_resume *resume); /* collective: weights alone */
void rr_resume_free(rr_resume *resume);

/* save.c: collective; the file is written in the background by rank 0. */
/** What bits depend on beside the configuration: ranks, nodes, MPI, and with three ranks and more the order of sums. */
void rr_run_placement(const rr_run *run, rr_buffer *out);
rr_status rr_run_save(rr_run *run, bool is_best);
rr_status rr_run_read_weights(rr_run *run, const char *name); /* "best" or "last" take the place of the current ones */

/* progress.c: rr_progress as JSON. */
rr_status rr_progress_to_json(const rr_progress *progress, rr_buffer *out);
rr_status rr_progress_from_json(const char *text, rr_progress *out);

/* step.c */
typedef struct rr_step_report {
    rr_stop stop; /* not RR_GO_ON: no step was done */
    double lr, grad_norm, targets, tokens;
    double padded;              /* tokens if all rows of a rank were padded to its longest */
    double exposed_s, hidden_s; /* communication */
    double loss;                /* mean over the targets of the global batch; set only if want_loss */
} rr_step_report;
rr_status rr_run_step(rr_run *run, bool want_loss, rr_step_report *report);

/* update.c: collective. */
/** Clamps gradients to max_value (NAN: none) and finds their norm and the factor that clips it; see optim/clip.h. */
rr_status rr_run_clip(rr_run *run, double max_value, double max_norm, double *grad_norm, float *scale, bool *finite);
/** The optimiser's step; all ranks have all the new weights then. times: of exchanging them, if ranks do. */
rr_status rr_run_update(rr_run *run, double lr, float grad_scale, rr_reducer_times *times);
/** With a sharded optimiser: what the ranks own of an arena of the parameters' layout comes to all. */
rr_status rr_run_gather(rr_run *run, float *arena);
/** What this rank owns, between its place in an arena and in a state of the optimiser. Not collective. */
void rr_run_state_to_arena(const rr_run *run, const float *state, float *arena);
void rr_run_arena_to_state(const rr_run *run, const float *arena, float *state);

/* diagnose.c: collective; words which rank, layer, step and row made the gradient non-finite. Always RR_ERR_NUMERIC. */
rr_status rr_run_diagnose(rr_run *run, float scale, const rr_dropout *dropout, double grad_norm);

/**
 * evaluate.c: collective; shares the units of a split over ranks. The values of the metrics are the same on all ranks,
 * their names and the report (NULL: not wanted) are on rank 0.
 */
rr_status rr_run_evaluate(rr_task *task, rr_comm *comm, rr_split split, const rr_hooks *hooks,
                          rr_metric metrics[RR_TASK_METRICS], size_t *count, rr_buffer *report);

/* report.c: rank 0 tells. */
rr_status rr_run_banner(rr_run *run, const rr_resume *resume); /* collective */
rr_status rr_run_report_step(rr_run *run, const rr_step_report *step);
rr_status rr_run_report_progress(rr_run *run); /* between two lines of metrics, for the progress line alone */
rr_status rr_run_report_eval(rr_run *run, rr_split split, const rr_metric *metrics, size_t count);
/* So that nobody takes noise for learning: `test accuracy 0.981; simple rules reach majority class 0.866`. */
void rr_run_report_floors(rr_run *run, rr_split split, const rr_metric *metrics, size_t count);

/* roofline.c */
typedef struct rr_roofline {
    double gflop, gbytes;          /* of a step of one rank: 6 x multiply-adds of the matrices; what memory must move */
    double peak_gflops, copy_gb_s; /* of a rank */
    double bound_s;                /* one after the other */
} rr_roofline;
rr_roofline rr_run_roofline(const rr_run *run, double core_gflops, double copy_gb_s);
void rr_run_report_profile(rr_run *run); /* the table at the end of a run with options->profile */

rr_status rr_run_report_histograms(rr_run *run);
rr_status rr_run_report_sample(rr_run *run);

#endif
