/* Tasks: layers composed in plain code, a loss, metrics, a decoder. A new one is one file and one line in task.c. */
#ifndef RR_TASK_TASK_H
#define RR_TASK_TASK_H

#include "base/arena.h"
#include "base/hooks.h"
#include "config/config.h"
#include "data/batches.h"
#include "data/corpus.h"
#include "data/data_config.h"
#include "math/team.h"
#include "nn/dropout.h"
#include "nn/embedding.h"
#include "nn/model_config.h"
#include "nn/params.h"
#include "ringrnn/model.h"

enum { RR_TASK_METRICS = 16 };

/** The `task` section. */
typedef struct rr_task_config {
    size_t type; /* index in rr_tasks */
    rr_variant_config own;
} rr_task_config;

extern const rr_section rr_task_section;

/** What a task is made from. The structs pointed to must live as long as the task. */
typedef struct rr_task_setup {
    const rr_config *config; /* for the places of keys in errors */
    const rr_task_config *task;
    const rr_data_config *data;
    const rr_model_config *model;
    size_t global_batch_size;   /* rows */
    uint64_t seed;              /* of the order of examples */
    size_t bptt;                /* time steps a window, tasks with running text */
    size_t eval_streams;        /* 0: as many as global_batch_size */
    const char *vocab_json;     /* vocabulary of a checkpoint, or NULL */
    bool need_train, need_eval; /* which data is read */
    rr_team *team;              /* threads that compute, borrowed */
    size_t synthetic_steps;     /* not 0: no files, but text without meaning for that many steps, for benchmarks */
} rr_task_setup;

/** How losses become gradients: each row's or target's loss is multiplied by it. */
typedef struct rr_loss_count {
    double targets; /* of the loss, summed over ranks before use */
    double rows;
    double tokens; /* time steps that are computed */
    double padded; /* as many as there would be if all rows of a rank were padded to its longest */
} rr_loss_count;

/** Where training stands. */
typedef struct rr_position {
    uint64_t step;          /* optimiser steps done */
    uint64_t epoch;         /* epochs done */
    uint64_t step_in_epoch; /* steps done in this epoch */
} rr_position;

typedef struct rr_metric {
    const char *name; /* "loss", "ppl", "bpc" */
    double value;
} rr_metric;

/** Whether a metric of this name is better when it is higher ("accuracy"), not lower ("loss"). */
bool rr_metric_more_is_better(const char *name);

/** What predictors reach that have learned nothing but counts. */
typedef struct rr_floor {
    const char *name;   /* "majority class" */
    const char *metric; /* "accuracy" */
    double value;
} rr_floor;

/** A text to say something of, and what it is called in errors. */
typedef struct rr_text {
    const char *text;
    size_t length;
    const char *name;
} rr_text;

/** Size of the work, for info and bench. */
typedef struct rr_task_cost {
    double macs_per_target; /* multiply-adds of the matrices, forward; training is 3 times that, 2 FLOP each */
    double targets_per_step;
    double tokens_per_step; /* time steps */
} rr_task_cost;

/** Which examples make up the batch of the current step; see task/examples.h. */
typedef struct rr_examples {
    rr_batches *order;     /* NULL: nothing to train on */
    const uint32_t *batch; /* [rows] */
    size_t rows;
} rr_examples;

typedef struct rr_task_ops rr_task_ops;

/** Every task's struct begins with this. */
typedef struct rr_task {
    const rr_task_ops *ops;
    rr_params params; /* declared by create; arenas set by the owner before forward */
    uint64_t data_fingerprint;
    const rr_vocab *words; /* of the embedding that model.vectors may fill; NULL: there is none */
    const rr_embedding *embedding;
    rr_examples examples; /* of tasks whose rows are examples */
    size_t tokens_a_row;  /* inputs of a row of the batch, at most */
    size_t shards; /* dist.logical_shards, set by the owner before plan: shard i begins at row rows * i / shards */
} rr_task;

struct rr_task_ops {
    const char *name, *help;
    const rr_key *keys;

    /** Reads what is needed, builds the vocabulary, declares the parameters; no activation memory. */
    rr_status (*create)(const rr_task_setup *setup, rr_task **out);
    void (*free)(rr_task *task);

    /** Takes activation memory for micro batches of up to micro_rows rows and the carried state of rows [begin, end).
     */
    void (*plan)(rr_task *task, rr_arena *arena, size_t micro_rows, size_t begin, size_t end, bool training);

    uint64_t (*steps_per_epoch)(const rr_task *task);

    /** Makes rows [begin, end) of the global batch at this position current; counts their targets and rows. */
    rr_status (*load)(rr_task *task, const rr_position *position, size_t begin, size_t end, rr_loss_count *count);

    /**
     * Forward and backward of rows [begin, end) of the batch (global numbers, within those loaded). Gradients of the
     * summed loss times scale are added to params.grads; *loss gets the sum of the loss over targets, unscaled.
     */
    rr_status (*train)(rr_task *task, size_t begin, size_t end, float scale, const rr_dropout *dropout,
                       const rr_hooks *hooks, double *loss);

    /**
     * The most rows of several shards of the global batch that one call of train may have: it then adds parameters'
     * gradients in the order of the tree over shards (task->shards). NULL, or 0: the rows of one shard in a call.
     */
    size_t (*rows_together)(const rr_task *task);

    /** The step just trained counts: the state it carried out becomes the state that the next step starts from. */
    void (*commit)(rr_task *task);

    /** Carried state of a row (hidden state of a stream), floats; 0: none. Read and written row by row for checkpoints.
     */
    size_t (*carry_size)(const rr_task *task);
    void (*carry_read)(const rr_task *task, size_t row, float *out);
    void (*carry_write)(rr_task *task, size_t row, const float *values);

    /** Evaluation is cut into units (streams, examples) that ranks share. 0: no such data. */
    size_t (*eval_units)(const rr_task *task, rr_split split);
    /** What is kept of each unit, doubles. */
    size_t (*outcome_size)(const rr_task *task);
    /** outcomes: [end - begin, outcome_size] */
    rr_status (*evaluate)(rr_task *task, rr_split split, size_t begin, size_t end, const rr_hooks *hooks,
                          double *outcomes);
    /** Metrics from the outcomes [units, outcome_size] of all units; the first is "loss" (mean, nats). Returns their
     * number. */
    size_t (*metrics)(const rr_task *task, const double *outcomes, size_t units, rr_metric out[RR_TASK_METRICS]);
    /** More than metrics, as text for people (a table of classes); NULL: nothing. */
    void (*report)(const rr_task *task, const double *outcomes, size_t units, rr_buffer *out);
    /** What predictors reach on a split that have learned nothing but counts; returns their number (0: not known). */
    size_t (*floors)(const rr_task *task, rr_split split, rr_floor out[RR_TASK_METRICS]);
    /** Metrics that follow from the mean training loss alone ("ppl", "bpc"), without "loss". */
    size_t (*train_metrics)(const rr_task *task, double loss, rr_metric *out); /* at most RR_TASK_METRICS - 1 */

    /** Text from a trained model; NULL where a task generates nothing. Plan for one row, not training, comes first. */
    rr_status (*generate)(rr_task *task, const rr_generate_options *options);
    /** Total negative log-likelihood of a text, nats, and the tokens scored. */
    rr_status (*score)(rr_task *task, const char *text, size_t length, double *nll, size_t *tokens);

    /** What is predicted of is a whole file, one text, and so is what is said of it; else texts, and a JSON object
     * each. */
    bool whole_file;

    /** Reads texts before memory is planned, so that they fit; NULL: their length does not matter. */
    rr_status (*take)(rr_task *task, const rr_text *texts, size_t count);

    /**
     * What the model says of each text: out[count] gets a JSON object each, without the braces, to which the caller may
     * add (whole_file: a file, as it is). Plan, not training, comes first: its rows are computed together.
     */
    rr_status (*predict)(rr_task *task, const rr_text *texts, size_t count, rr_buffer *out);

    /** What a checkpoint must know of the data (vocabulary, labels, means ...), as JSON. */
    rr_status (*vocab_json)(const rr_task *task, rr_buffer *out);
    rr_task_cost (*cost)(const rr_task *task);
    /** Lines for banner and info: vocabulary, tokens of each split, floors. */
    void (*describe)(const rr_task *task, rr_buffer *out);
};

/** For tasks whose rows carry nothing from step to step. */
size_t rr_task_no_carry_size(const rr_task *task);
void rr_task_no_carry_read(const rr_task *task, size_t row, float *out);
void rr_task_no_carry_write(rr_task *task, size_t row, const float *values);
void rr_task_no_commit(rr_task *task);

/** Each metric that has floors, beside them: "loss 1.434; simple rules reach unigram counts 3.347, ..."; "" if
 * none. */
void rr_task_floors_text(const rr_task *task, rr_split split, const rr_metric *metrics, size_t count, rr_buffer *out);

extern const rr_task_ops *const rr_tasks[];
extern const size_t rr_task_count;

#endif
