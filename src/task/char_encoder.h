/*
 * Vectors of words from their characters: the last states of both directions of an LSTM (Lample et al. 2016), or the
 * maximum over a word of what each filter of a convolution finds (Ma and Hovy 2016). Each form that a batch has is read
 * once.
 */
#ifndef RR_TASK_CHAR_ENCODER_H
#define RR_TASK_CHAR_ENCODER_H

#include "nn/conv.h"
#include "nn/encoder.h"
#include "nn/pooling.h"
#include "task/text_batch.h"
#include "task/word_forms.h"

typedef enum rr_char_reader { RR_CHARS_NONE, RR_CHARS_LSTM, RR_CHARS_CNN } rr_char_reader;
extern const char *const rr_char_reader_names[]; /* "none", "lstm", "cnn", NULL */

typedef struct rr_char_spec {
    rr_char_reader reader; /* not RR_CHARS_NONE */
    size_t embedding_size;
    size_t hidden_size; /* units in each direction, or filters */
    size_t kernel_size; /* characters that a filter sees */
    rr_team *team;
} rr_char_spec;

typedef struct rr_char_encoder {
    rr_char_spec spec;
    rr_encoder encoder;     /* lstm */
    rr_embedding embedding; /* cnn, as is conv */
    rr_conv conv;
    rr_pooling *pooling; /* of the characters' vectors [characters, width] to one for a form: last, or max */
    size_t width;        /* of a vector: both directions, or the filters */
    /* What plan took. */
    rr_text_batch batch;
    uint32_t *forms; /* [words] the forms of a batch, each once */
    size_t form_count;
    size_t *row;                 /* [words] the packed row of each of them */
    uint32_t *slot;              /* [most forms of a set] 1 + where a form stands in `forms`; 0: not in this batch */
    float *vectors, *dvectors;   /* [words, width] */
    float *embedded, *dembedded; /* cnn: [characters, embedding_size] */
    float *found, *dfound;       /* cnn: [characters, width] by the filters */
    rr_sequence sequence;
} rr_char_encoder;

rr_status rr_char_encoder_create(const rr_char_spec *spec, rr_char_encoder *out);
void rr_char_encoder_free(rr_char_encoder *chars);

/** "<prefix>rnn.*" or "<prefix>conv.*", then "<prefix>embedding.weight" */
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
