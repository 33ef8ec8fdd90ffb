/*
 * Tokens to vectors: embedding, dropout_input, recurrent layers, dropout_output, as the `model` section says. Beside or
 * instead of tokens each step may have a vector of features.
 */
#ifndef RR_NN_ENCODER_H
#define RR_NN_ENCODER_H

#include "nn/embedding.h"
#include "nn/model_config.h"
#include "nn/rnn.h"

typedef struct rr_encoder_spec {
    const rr_model_config *model; /* copied */
    size_t vocab_size;            /* 0: no tokens */
    size_t features;              /* floats a step beside the embedded token; 0: none */
    uint32_t dropout_site;        /* number of its first dropout site; it has num_layers + 1 */
    rr_team *team;                /* borrowed */
} rr_encoder_spec;

typedef struct rr_encoder {
    rr_encoder_spec spec;
    rr_model_config model;
    rr_embedding embedding;
    rr_rnn *rnn;
    size_t width;          /* of the output: directions * hidden_size */
    size_t input_size;     /* embedding_size (with tokens) + features */
    float *input, *dinput; /* [N, input_size]; dinput in training */
    float *dembedded;      /* [N, embedding_size], where there are features beside it */
    float *top, *dtop;     /* [N, width], after dropout; dtop in training */
} rr_encoder;

rr_status rr_encoder_create(const rr_encoder_spec *spec, rr_encoder *out);
void rr_encoder_free(rr_encoder *encoder);

/** "<prefix>rnn.*", then, where there are tokens and the embedding is not declared by the caller,
 * "<prefix>embedding.weight". */
rr_status rr_encoder_declare_rnn(rr_encoder *encoder, rr_params *params, const char *prefix);
rr_status rr_encoder_declare_embedding(rr_encoder *encoder, rr_params *params, const char *prefix);

void rr_encoder_plan(rr_encoder *encoder, rr_arena *arena, size_t max_total, size_t max_steps, size_t max_rows,
                     bool training);

/**
 * @param[in] tokens    [total] packed; must live until backward; NULL without tokens
 * @param[in] features  [total, features] packed, or NULL without
 * @param[in] state, state_out  as in rr_rnn_forward
 * @return encoder->top [total, width]
 */
const float *rr_encoder_forward(rr_encoder *encoder, const rr_params *params, const rr_sequence *sequence,
                                const int32_t *tokens, const float *features, const float *state, float *state_out,
                                const rr_dropout *dropout, const rr_hooks *hooks);

/**
 * The mirror, from encoder->dtop [total, width], which is overwritten. Says ready of the recurrent layers; the
 * embedding's gradient is added to unless it is frozen.
 * @param[out] dfeatures [total, features], or NULL
 */
void rr_encoder_backward(rr_encoder *encoder, const rr_params *params, const rr_sequence *sequence,
                         const int32_t *tokens, const float *dstate_out, float *dfeatures, float *dstate,
                         const rr_dropout *dropout, const rr_hooks *hooks);

/** Multiply-adds of the matrices for a step, forward. */
double rr_encoder_macs(const rr_encoder *encoder);

#endif
