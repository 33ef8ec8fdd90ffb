/* The parts of a tagger, shared by its files. */
#ifndef RR_TASK_TAG_MODEL_H
#define RR_TASK_TAG_MODEL_H

#include "data/labels.h"
#include "data/text_set.h"
#include "nn/crf.h"
#include "nn/encoder.h"
#include "nn/pooling.h"
#include "nn/softmax_head.h"
#include "task/char_encoder.h"
#include "task/examples.h"
#include "task/spans.h"
#include "task/text_batch.h"
#include "task/text_data.h"

/** The task's own rows of the `task` section. */
typedef struct rr_tag_config {
    int head;          /* 0 softmax, 1 crf */
    int char_features; /* rr_char_reader */
    size_t char_embedding_size, char_hidden_size, char_kernel_size;
    bool sentence_label;
    int pooling; /* rr_pooling_kind, for sentence_label */
} rr_tag_config;

/** The sentences of one part. */
typedef struct rr_tag_set {
    rr_text_set texts;
    int32_t *tags;       /* of all tokens, where they stand in texts.tokens */
    rr_word_forms forms; /* of the same tokens, with task.char_features */
    int32_t *classes;    /* [sentences] with task.sentence_label */
    rr_left_out left_out;
} rr_tag_set;

/** What gives a whole sentence a class, beside the tags of its words (tag_sentence.c). */
typedef struct rr_sentence_label {
    rr_labels labels;
    rr_pooling *pooling;
    rr_softmax_head head;
    float *pooled, *dpooled;      /* [rows, width] */
    float *dx;                    /* [N, width] gradients of the encoder's outputs */
    int32_t *targets, *predicted; /* [rows] in the order of the packed sentences */
    double *nll;                  /* [rows] */
} rr_sentence_label;

typedef struct rr_tagger {
    rr_task base;
    rr_tag_config config;
    rr_model_config model;
    rr_text_rules rules;
    rr_team *team;
    size_t global_batch_size;

    rr_vocab *vocab;
    rr_labels labels;
    rr_span_tags spans;
    int32_t *frequent;               /* [vocabulary] the tag that training has most often for a token */
    rr_tag_set sets[RR_SPLIT_COUNT]; /* texts.count 0: no such data */
    rr_tag_set taken;                /* sentences to predict of, without tags */
    rr_vocab *characters;            /* with task.char_features */

    rr_encoder encoder;
    rr_char_encoder chars;
    rr_softmax_head head;
    rr_crf crf;
    rr_sentence_label sentence;

    /* What plan took; N packed tokens at most. */
    size_t micro_rows;
    rr_text_batch texts;
    int32_t *targets, *predicted; /* [N] */
    int32_t *row_gold, *row_said; /* [longest] of one sentence */
    double *nll;                  /* [N]; with a crf the first word of a sentence has that of all */
    uint32_t *forms;              /* [N] of each packed token */
    float *emissions;             /* [N, tags], with a crf */
    double *row_nll;              /* [rows] */
    float *marginals;             /* [N] */
} rr_tagger;

/** What metrics count: types of spans where tags are those of spans, else tags. */
static inline size_t rr_tag_kinds(const rr_tagger *tagger) {
    return tagger->spans.any ? tagger->spans.types.count : tagger->labels.count;
}

/** tag_data.c */
rr_status rr_tag_read(rr_tagger *tagger, const rr_task_setup *setup);
void rr_tag_free_data(rr_tagger *tagger);
/** The forms of the last sentence of a set, whose words are this list; nothing without task.char_features. */
rr_status rr_tag_add_forms(const rr_tagger *tagger, rr_tag_set *set, const char *name, const char *list, size_t length);
rr_status rr_tag_vocab_json(const rr_task *task, rr_buffer *out);

/** Forward over examples: tagger->encoder.top, packed as *sequence says. */
void rr_tag_forward(rr_tagger *tagger, const rr_tag_set *set, const uint32_t *examples, size_t rows, size_t first,
                    const rr_dropout *dropout, const rr_hooks *hooks, rr_sequence *sequence);

/** The tags of examples as tagger->targets, packed as their forward pass was. */
void rr_tag_targets(rr_tagger *tagger, const rr_tag_set *set, const uint32_t *examples, const rr_sequence *sequence);

/**
 * tag_head.c: tagger->nll of tagger->targets. With scale not 0 also the gradients of the head, and
 * tagger->encoder.dtop. predict: tagger->predicted, too.
 */
void rr_tag_loss(rr_tagger *tagger, const rr_sequence *sequence, float scale, bool predict, const rr_hooks *hooks);

/** tagger->predicted, and how likely each of them is: tagger->marginals. */
void rr_tag_decide(rr_tagger *tagger, const rr_sequence *sequence);

/**
 * tag_sentence.c, all for task.sentence_label. loss: what rr_tag_loss is for the tags; it comes behind that, adds to
 * tagger->encoder.dtop, and fills nll, targets and predicted.
 */
rr_status rr_tag_sentence_declare(rr_tagger *tagger);
void rr_tag_sentence_plan(rr_tagger *tagger, rr_arena *arena, size_t total, size_t rows, bool training);
void rr_tag_sentence_loss(rr_tagger *tagger, const rr_tag_set *set, const uint32_t *examples,
                          const rr_sequence *sequence, float scale, const rr_hooks *hooks);
/** The most likely class of every row, and how likely it is: sentence.predicted, .nll. */
void rr_tag_sentence_decide(rr_tagger *tagger, const rr_sequence *sequence);

/** tag_metrics.c */
size_t rr_tag_outcome_size(const rr_task *task);
rr_status rr_tag_evaluate(rr_task *task, rr_split split, size_t begin, size_t end, const rr_hooks *hooks,
                          double *outcomes);
size_t rr_tag_metrics(const rr_task *task, const double *outcomes, size_t units, rr_metric out[RR_TASK_METRICS]);
void rr_tag_report(const rr_task *task, const double *outcomes, size_t units, rr_buffer *out);
size_t rr_tag_floors(const rr_task *task, rr_split split, rr_floor out[RR_TASK_METRICS]);

/** tag_predict.c */
rr_status rr_tag_take(rr_task *task, const rr_text *texts, size_t count);
rr_status rr_tag_predict(rr_task *task, const rr_text *texts, size_t count, rr_buffer *out);

#endif
