/*
 * The parts of a reader, shared by its files. The question is read first; its vector stands beside every word of the
 * story (so that the story is read for the question), and attention of it over the story's words or sentences gives
 * what is answered from, together with the question.
 */
#ifndef RR_TASK_QA_MODEL_H
#define RR_TASK_QA_MODEL_H

#include "data/labels.h"
#include "data/text_set.h"
#include "nn/attention.h"
#include "nn/encoder.h"
#include "nn/pooling.h"
#include "nn/softmax_head.h"
#include "task/examples.h"
#include "task/text_batch.h"
#include "task/text_data.h"

/** The task's own rows of the `task` section. */
typedef struct rr_qa_config {
    int attention; /* 0: none, else 1 + rr_attention_kind */
    bool attention_scaled;
    int attend; /* 0: words, 1: sentences */
    bool condition;
} rr_qa_config;

/** The questions of one part. */
typedef struct rr_qa_set {
    rr_text_set stories, questions; /* as many of both, none without tokens */
    int32_t *answers;               /* [count]; RR_NO_TARGET: not among those of training */
    size_t unseen;                  /* so many are not */
    rr_buffer first_unseen;         /* `file:line: "answer"` of the first of them */
    rr_left_out left_out;
} rr_qa_set;

typedef struct rr_qa {
    rr_task base;
    rr_qa_config config;
    rr_model_config model;
    rr_text_rules rules;
    rr_team *team;
    size_t global_batch_size;

    rr_vocab *vocab; /* of stories and questions */
    rr_labels answers;
    rr_qa_set sets[RR_SPLIT_COUNT];
    rr_text_set taken_stories, taken_questions;
    size_t *lengths; /* [train] words of story and question */
    bool *ends;      /* [vocabulary] words that end a sentence, where attention is over sentences; else NULL */

    rr_encoder question; /* its embedding is the story's, too */
    rr_pooling *last;    /* of the question; of the story without attention */
    rr_rnn *story;
    rr_attention *attention;
    rr_softmax_head head;
    size_t width, input_size; /* of a question or story vector; of a word of the story */

    /* What plan took. */
    size_t micro_rows;
    rr_text_batch stories, questions;
    size_t *question_row, *own_row; /* [rows] of each packed story: its question's packed row; 0, 1, 2 ... */
    float *asked, *dasked;          /* [rows, width] in the order of the packed questions */
    float *query, *dquery;          /* [rows, width] in that of the stories */
    float *x, *dx;                  /* [story words, input_size] */
    float *dtop;                    /* [story words, width] */
    float *embedded;                /* [story words, embedding_size]; then their gradients */
    float *values, *dvalues;        /* the same by rows */
    size_t *sentence;               /* [sentences + 1] where the words of each begin there; with `ends` */
    float *sentences, *dsentences;  /* [sentences, width] */
    size_t *begin;                  /* [rows + 1] where the words or sentences of a row begin */
    rr_memory memory;               /* what attention reads */
    float *read, *dread;            /* [rows, width] what was read in the story */
    float *features, *dfeatures;    /* [rows, 2 width] */
    int32_t *targets, *predicted;   /* [rows] */
    double *nll;                    /* [rows] */
} rr_qa;

/** qa_data.c */
rr_status rr_qa_read(rr_qa *qa, const rr_task_setup *setup);
void rr_qa_free_data(rr_qa *qa);
rr_status rr_qa_vocab_json(const rr_task *task, rr_buffer *out);
/** qa->ends, where attention is over sentences. */
rr_status rr_qa_find_ends(rr_qa *qa);

/** The packed sequences of a batch. */
typedef struct rr_qa_batch {
    rr_sequence stories, questions;
} rr_qa_batch;

/** qa_pass.c: forward over examples up to qa->features, in the order of the packed stories. */
void rr_qa_forward(rr_qa *qa, const rr_text_set *stories, const rr_text_set *questions, const uint32_t *examples,
                   size_t rows, size_t first, const rr_dropout *dropout, const rr_hooks *hooks, rr_qa_batch *batch);

/**
 * The story's first dropout site. The question's encoder has num_layers + 1 before it, the story as many from it on,
 * the last of them for what the answer is made from.
 */
uint32_t rr_qa_story_site(const rr_qa *qa);

/** From qa->dfeatures to all gradients but the head's. */
void rr_qa_backward(rr_qa *qa, const rr_qa_batch *batch, const rr_dropout *dropout, const rr_hooks *hooks);

/** qa_metrics.c */
size_t rr_qa_outcome_size(const rr_task *task);
rr_status rr_qa_evaluate(rr_task *task, rr_split split, size_t begin, size_t end, const rr_hooks *hooks,
                         double *outcomes);
size_t rr_qa_metrics(const rr_task *task, const double *outcomes, size_t units, rr_metric out[RR_TASK_METRICS]);
size_t rr_qa_floors(const rr_task *task, rr_split split, rr_floor out[RR_TASK_METRICS]);

/** qa_predict.c */
rr_status rr_qa_take(rr_task *task, const rr_text *texts, size_t count);
rr_status rr_qa_predict(rr_task *task, const rr_text *texts, size_t count, rr_buffer *out);

#endif
