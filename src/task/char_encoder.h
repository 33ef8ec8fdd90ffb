/*
 * Vectors of words from their characters: the last states of both directions of an LSTM (Lample et al. 2016). Each form
 * that a batch has is read once.
 */
#ifndef RR_TASK_CHAR_ENCODER_H
#define RR_TASK_CHAR_ENCODER_H

#include "nn/encoder.h"
#include "nn/pooling.h"
#include "task/text_batch.h"
#include "task/word_forms.h"

typedef struct rr_char_encoder {
    rr_encoder encoder;
    rr_pooling *last;
    size_t width; /* of a vector: both directions */
    /* What plan took. */
    rr_text_batch batch;
    uint32_t *forms; /* [words] the forms of a batch, each once */
    size_t form_count;
    size_t *row;               /* [words] the packed row of each of them */
    uint32_t *slot;            /* [most forms of a set] 1 + where a form stands in `forms`; 0: not in this batch */
    float *vectors, *dvectors; /* [words, width] */
    rr_sequence sequence;
} rr_char_encoder;

rr_status rr_char_encoder_create(size_t embedding_size, size_t hidden_size, rr_team *team, rr_char_encoder *out);
void rr_char_encoder_free(rr_char_encoder *chars);

/** "<prefix>rnn.*", "<prefix>embedding.weight" */
rr_status rr_char_encoder_declare(rr_char_encoder *chars, rr_params *params, const char *prefix, size_t characters);

/** For up to max_words words, with as many characters as `most` says. max_forms: the most that a set of forms has. */
void rr_char_encoder_plan(rr_char_encoder *chars, rr_arena *arena, size_t max_words, rr_text_extent most,
                          size_t max_forms, bool training);

/** form [count]: of each packed word; out [count, width]. */
void rr_char_encoder_forward(rr_char_encoder *chars, const rr_params *params, const rr_word_forms *forms,
                             const uint32_t *form, size_t count, float *out, const rr_hooks *hooks);

/** The mirror, from dout [count, width]. */
void rr_char_encoder_backward(rr_char_encoder *chars, const rr_params *params, const uint32_t *form, size_t count,
                              const float *dout, const rr_hooks *hooks);

#endif
