/*
 * Tokens to vectors, given what an encoder has read: embedding, recurrent layers that start from a given state,
 * attention over the encoder's outputs. The vector of a step is tanh(W [context; h] + b), as Luong et al. (2015) have
 * it, with additive scores (Bahdanau et al. 2015) if so chosen; without attention it is h. With input feeding the
 * vector of a step is also an input of the next.
 */
#ifndef RR_NN_DECODER_H
#define RR_NN_DECODER_H

#include "nn/attention.h"
#include "nn/embedding.h"
#include "nn/linear.h"
#include "nn/model_config.h"
#include "nn/rnn.h"

typedef struct rr_decoder_spec {
    rr_model_config model; /* sizes, layers and dropout; never bidirectional */
    bool attends;
    rr_attention_kind attention;
    bool scaled;         /* its scores, see rr_attention_spec */
    bool input_feeding;  /* with attention alone */
    size_t memory_size;  /* of the encoder's outputs */
    uint32_t first_site; /* of dropout: first_site + num_layers + 1 are taken */
    rr_team *team;       /* borrowed */
} rr_decoder_spec;

typedef struct rr_decoder {
    rr_decoder_spec spec;
    rr_embedding embedding;
    rr_rnn *rnn;
    rr_attention *attention; /* NULL without */
    rr_linear combine;
    size_t width;      /* of the output: hidden_size */
    size_t state_size; /* floats of a row's state */
    /* What plan took, for N packed rows. */
    float *embedded, *dembedded; /* [N, embedding_size] */
    float *inputs, *dinputs;     /* [N, input size]: with input feeding; else the embedded tokens */
    const float *y;              /* [N, H] of the recurrent layers */
    float *dy;                   /* [N, H] */
    float *context, *dcontext;   /* [N, memory_size] */
    float *joined, *djoined;     /* [N, memory_size + H] */
    float *vector;               /* [N, H] before dropout */
    float *out, *dout;           /* [N, H]; dout in training */
    float *state;                /* [state_size, rows] with input feeding */
} rr_decoder;

rr_status rr_decoder_create(const rr_decoder_spec *spec, rr_decoder *out);
void rr_decoder_free(rr_decoder *decoder);

/** "<prefix>combine.*", "<prefix>attention.*", "<prefix>rnn.*", "<prefix>embedding.weight", finished in that order. */
rr_status rr_decoder_declare(rr_decoder *decoder, rr_params *params, const char *prefix, size_t vocab_size);

typedef struct rr_decoder_room {
    size_t total, steps, rows; /* of the decoder's own sequences */
    size_t memory_rows, memory_vectors, memory_longest;
} rr_decoder_room;
void rr_decoder_plan(rr_decoder *decoder, rr_arena *arena, const rr_decoder_room *room, bool training);

/** One call. */
typedef struct rr_decoding {
    const rr_sequence *sequence;
    const int32_t *tokens;   /* [total] packed, must live until backward */
    const rr_memory *memory; /* NULL without attention */
    const size_t *row;       /* [total] packed: which row of the memory a row reads */
    const float *state;      /* [states, L, rows, H] that it starts from */
    const rr_dropout *dropout;
    const rr_hooks *hooks;
} rr_decoding;

/** On return decoder->out holds [total, width]. */
void rr_decoder_forward(rr_decoder *decoder, const rr_params *params, const rr_decoding *call);

/** The mirror, from decoder->dout, which is overwritten: the gradients of the memory (as rr_attention_end) and of the
 * first state, overwritten. Says ready of all but the embedding. */
void rr_decoder_backward(rr_decoder *decoder, const rr_params *params, const rr_decoding *call, float *dmemory,
                         float *dstate);

/**
 * One step of `rows` rows, without training, after rr_attention_begin. state [states, L, rows, H] and feed [rows,
 * width] (the output of the step before; zeros at first) are read and replaced.
 */
void rr_decoder_step(rr_decoder *decoder, const rr_params *params, size_t rows, const int32_t *tokens,
                     const size_t *row, float *state, float *feed);

/** Multiply-adds for a token, forward, with memory rows of so many vectors. */
double rr_decoder_macs(const rr_decoder *decoder, double memory_length);

#endif
