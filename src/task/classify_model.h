/* The parts of a text classifier, shared by its files. */
#ifndef RR_TASK_CLASSIFY_MODEL_H
#define RR_TASK_CLASSIFY_MODEL_H

#include "data/labels.h"
#include "data/text_set.h"
#include "nn/encoder.h"
#include "nn/pooling.h"
#include "nn/softmax_head.h"
#include "task/examples.h"
#include "task/text_batch.h"
#include "task/text_data.h"

/** The classifier's own rows of the `task` section. */
typedef struct rr_classify_config {
    int unit;    /* rr_unit */
    int pooling; /* rr_pooling_kind */
    bool multi_label;
    const char *label_separator; /* with multi_label */
    bool balance_classes;
    rr_floats class_weights; /* in order of the classes; absent: 1 */
} rr_classify_config;

/** The examples of one part. */
typedef struct rr_classify_set {
    rr_text_set texts;
    int32_t *labels; /* [count] */
    float *multi;    /* [count, classes] of 0 and 1, with multi_label instead of labels */
    rr_left_out left_out;
} rr_classify_set;

typedef struct rr_classify {
    rr_task base;
    rr_classify_config config;
    rr_model_config model;
    rr_text_rules rules;
    rr_team *team;
    size_t global_batch_size;

    rr_vocab *vocab;
    rr_labels labels;
    float *class_weights;                 /* [classes], NULL: all 1 */
    rr_classify_set sets[RR_SPLIT_COUNT]; /* texts.count 0: no such data */
    rr_text_set taken;                    /* texts to predict of */

    rr_encoder encoder;
    rr_pooling *pooling;
    rr_softmax_head head; /* with multi_label its linear layer serves sigmoids */

    /* What plan took. */
    size_t micro_rows;
    rr_text_batch texts;
    int32_t *targets;        /* [micro_rows] */
    int32_t *predicted;      /* [micro_rows] */
    float *multi;            /* [micro_rows, classes] */
    float *pooled, *dpooled; /* [micro_rows, width] */
    float *probabilities;    /* [micro_rows, classes] without training */
    double *nll;             /* [micro_rows] */
} rr_classify;

static inline size_t rr_classify_classes(const rr_classify *c) { return c->labels.count; }

/** The weight of a class in the loss. */
static inline float rr_classify_weight(const rr_classify *c, int32_t label) {
    return c->class_weights != NULL ? c->class_weights[label] : 1;
}

/** classify_data.c: reads what setup asks for. */
rr_status rr_classify_read(rr_classify *c, const rr_task_setup *setup);
void rr_classify_free_data(rr_classify *c);
rr_status rr_classify_vocab_json(const rr_task *task, rr_buffer *out);

/**
 * Texts of a set to pooled vectors, c->pooled [rows, width], in the order of c->texts.order: examples[order[i]] is row
 * i. first: the number of the first row in the global batch.
 */
void rr_classify_forward(rr_classify *c, const rr_text_set *texts, const uint32_t *examples, size_t rows, size_t first,
                         const rr_dropout *dropout, const rr_hooks *hooks, rr_sequence *sequence);

/** classify_metrics.c. Outcome of a unit: see there. */
size_t rr_classify_outcome_size(const rr_task *task);
rr_status rr_classify_evaluate(rr_task *task, rr_split split, size_t begin, size_t end, const rr_hooks *hooks,
                               double *outcomes);
size_t rr_classify_metrics(const rr_task *task, const double *outcomes, size_t units, rr_metric out[RR_TASK_METRICS]);
void rr_classify_report(const rr_task *task, const double *outcomes, size_t units, rr_buffer *out);
size_t rr_classify_floors(const rr_task *task, rr_split split, rr_floor out[RR_TASK_METRICS]);

/** classify_predict.c */
rr_status rr_classify_take(rr_task *task, const rr_text *texts, size_t count);
rr_status rr_classify_predict(rr_task *task, const rr_text *texts, size_t count, rr_buffer *out);

#endif
