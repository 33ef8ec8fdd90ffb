/* The parts of an encoder and decoder, shared by their files. */
#ifndef RR_TASK_SEQ2SEQ_MODEL_H
#define RR_TASK_SEQ2SEQ_MODEL_H

#include "data/text_set.h"
#include "nn/bridge.h"
#include "nn/decoder.h"
#include "nn/encoder.h"
#include "nn/softmax_head.h"
#include "task/beam_search.h"
#include "task/examples.h"
#include "task/text_batch.h"
#include "task/text_data.h"

/** The task's own rows of the `task` section. */
typedef struct rr_seq2seq_config {
    int unit;      /* rr_unit */
    int attention; /* 0: none, else 1 + rr_attention_kind */
    bool attention_scaled;
    bool input_feeding;
    bool share_vocab;
    rr_paths bpe; /* codes of source and target, or of both */
    double label_smoothing;
    size_t beam_size;
    double length_penalty;
    size_t max_output; /* tokens; 0: 2 * source + 20 */
} rr_seq2seq_config;

/** The pairs of one part. */
typedef struct rr_seq2seq_set {
    rr_text_set sources, targets; /* as many of both; a source has tokens, a target may have none */
    rr_buffer references;         /* targets in their normal form, where they are held out */
    size_t *reference_begin;      /* [count + 1] */
    rr_left_out left_out;
} rr_seq2seq_set;

typedef struct rr_seq2seq {
    rr_task base;
    rr_seq2seq_config config;
    rr_model_config model;
    rr_text_rules rules, target_rules; /* targets are never cut */
    rr_team *team;
    size_t global_batch_size;

    rr_vocab *source_vocab, *target_vocab; /* may be one */
    rr_bpe *bpe[2];                        /* of sources and targets, may be one; NULL: words stay whole */
    rr_seq2seq_set sets[RR_SPLIT_COUNT];
    rr_text_set taken; /* sources to translate */
    bool columns;      /* examples stand in columns between tabs: a source ends at one */
    size_t *lengths;   /* [pairs] tokens of source and target */

    rr_encoder encoder;
    rr_bridge bridge;
    rr_decoder decoder;
    rr_softmax_head head;

    /* What plan took. */
    size_t micro_rows;
    rr_text_batch sources;
    rr_sequence_room room;                 /* of the targets, with their end */
    size_t *target_order;                  /* [rows] which example each packed row of the targets is */
    size_t *source_row;                    /* [rows] the source's packed row of each of them */
    size_t *packed_row;                    /* [N] the same of each packed token */
    int32_t *inputs, *targets, *predicted; /* [N] */
    double *nll;                           /* [N] */
    float *state, *dstate;                 /* [state, rows] of the encoder, at its end */
    float *start, *dstart;                 /* [state, rows] of the decoder, at its begin */
    float *values, *dvalues;               /* [source tokens, width] the encoder's outputs by rows */
    size_t *begin;                         /* [rows + 1] where those of a row begin */
    rr_memory memory;
    float *live, *live_next; /* [state, rows * beams] while searching */
    float *fed, *fed_next;   /* [rows * beams, H] */
    size_t live_rows;        /* of the step before */
    size_t beams;            /* greedy while training */
} rr_seq2seq;

/** The token that ends a target, and that the decoder reads first: <eos>, or one behind the vocabulary. */
int32_t rr_seq2seq_end(const rr_seq2seq *s);
size_t rr_seq2seq_classes(const rr_seq2seq *s);

/** seq2seq_data.c */
rr_status rr_seq2seq_read(rr_seq2seq *s, const rr_task_setup *setup);
void rr_seq2seq_free_data(rr_seq2seq *s);
rr_status rr_seq2seq_vocab_json(const rr_task *task, rr_buffer *out);

/** Encoder over examples: s->memory and s->state, in the order of the packed sources. */
void rr_seq2seq_encode(rr_seq2seq *s, const rr_text_set *sources, const uint32_t *examples, size_t rows, size_t first,
                       const rr_dropout *dropout, const rr_hooks *hooks, rr_sequence *sequence);

/** Decoder over the examples' true targets: s->decoder.out, packed as *sequence says; s->inputs, s->targets. */
void rr_seq2seq_teach(rr_seq2seq *s, const rr_text_set *targets, const uint32_t *examples, size_t rows, size_t first,
                      const rr_dropout *dropout, const rr_hooks *hooks, rr_sequence *sequence, rr_decoding *call);

/**
 * seq2seq_search.c: what the model says of the `rows` sources just encoded; found [rows] in the order of the packed
 * sources. The tokens of each are to be freed.
 */
rr_status rr_seq2seq_search(rr_seq2seq *s, size_t rows, rr_beam_found *found);

/** The text of tokens; out is empty before. */
void rr_seq2seq_text(const rr_seq2seq *s, const int32_t *tokens, size_t count, rr_buffer *out);

/** seq2seq_metrics.c */
size_t rr_seq2seq_outcome_size(const rr_task *task);
rr_status rr_seq2seq_evaluate(rr_task *task, rr_split split, size_t begin, size_t end, const rr_hooks *hooks,
                              double *outcomes);
size_t rr_seq2seq_metrics(const rr_task *task, const double *outcomes, size_t units, rr_metric out[RR_TASK_METRICS]);
size_t rr_seq2seq_floors(const rr_task *task, rr_split split, rr_floor out[RR_TASK_METRICS]);

/** seq2seq_search.c */
rr_status rr_seq2seq_take(rr_task *task, const rr_text *texts, size_t count);
rr_status rr_seq2seq_predict(rr_task *task, const rr_text *texts, size_t count, rr_buffer *out);

#endif
