/* Tokens to vectors: embedding, dropout_input, recurrent layers, dropout_output, as the `model` section says. */
#ifndef RR_NN_ENCODER_H
#define RR_NN_ENCODER_H

#include "nn/embedding.h"
#include "nn/model_config.h"
#include "nn/rnn.h"

typedef struct rr_encoder {
    rr_model_config model;
    size_t feature_size;
    uint32_t first_site; /* of dropout */
    rr_team *team;       /* borrowed */
    rr_embedding embedding;
    rr_rnn *rnn;
    size_t max_shards;           /* 0: never by shards */
    size_t width;                /* of the output: directions * hidden_size */
    float *embedded, *dembedded; /* [N, embedding_size + feature_size]; dembedded in training */
    float *features, *dfeatures; /* [N, feature_size] the caller fills before forward; NULL without */
    float *words;                /* [N, embedding_size] then, before they are joined, and their gradients */
    float *top, *dtop;           /* [N, width], after dropout; dtop in training */
} rr_encoder;

/**
 * model is copied. features: size of a vector that stands beside each embedded token, or 0. Dropout sites are numbered
 * from the bottom: embedding first_site, recurrent layers one to L - 1 more, output L more.
 */
rr_status rr_encoder_create(const rr_model_config *model, size_t features, uint32_t first_site, rr_team *team,
                            rr_encoder *out);
void rr_encoder_free(rr_encoder *encoder);

/** "<prefix>rnn.*", then "<prefix>embedding.weight". prefix: "" or "encoder." */
rr_status rr_encoder_declare(rr_encoder *encoder, rr_params *params, const char *prefix, size_t vocab_size);

void rr_encoder_plan(rr_encoder *encoder, rr_arena *arena, size_t max_total, size_t max_steps, size_t max_rows,
                     bool training);

/** Before plan: backward may be by shards (sequence->shards), of at most max_shards. Without features. */
void rr_encoder_by_shards(rr_encoder *encoder, size_t max_shards);

/**
 * @param[in] tokens            [total] packed; must live until backward
 * @param[in] state, state_out  as in rr_rnn_forward
 * @param[in] dropout           NULL: none (evaluation)
 *
 * On return encoder->top holds [total, width].
 */
void rr_encoder_forward(rr_encoder *encoder, const rr_params *params, const rr_sequence *sequence,
                        const int32_t *tokens, const float *state, float *state_out, const rr_dropout *dropout,
                        const rr_hooks *hooks);

/**
 * The mirror, from encoder->dtop [total, width], which is overwritten, and the gradient of state_out (or NULL). Says
 * ready of the recurrent layers, and before the last of them that the tail is, where the embedding is the last
 * parameter: nothing may be added to it after this.
 */
void rr_encoder_backward(rr_encoder *encoder, const rr_params *params, const rr_sequence *sequence,
                         const int32_t *tokens, const float *dstate_out, const rr_dropout *dropout,
                         const rr_hooks *hooks);

/** Multiply-adds of the matrices for a token, forward. */
double rr_encoder_macs(const rr_encoder *encoder);

#endif
