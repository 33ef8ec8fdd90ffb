#include "nn/encoder.h"

#include <stdio.h>
#include <string.h>

#include "base/profile.h"

static size_t input_size(const rr_encoder *e) { return e->model.embedding_size + e->feature_size; }

static rr_rnn_spec rnn_spec(const rr_encoder *encoder) {
    const rr_model_config *model = &encoder->model;
    return (rr_rnn_spec){.cell = rr_cells[model->cell],
                         .input_size = input_size(encoder),
                         .hidden_size = model->hidden_size,
                         .num_layers = model->num_layers,
                         .bidirectional = model->bidirectional,
                         .bias = model->bias,
                         .dropout = (float)model->dropout,
                         .dropout_layer = encoder->first_site + 1,
                         .team = encoder->team};
}

rr_status rr_encoder_create(const rr_model_config *model, size_t features, uint32_t first_site, rr_team *team,
                            rr_encoder *out) {
    *out = (rr_encoder){.model = *model, .feature_size = features, .first_site = first_site, .team = team};
    out->width = (model->bidirectional ? 2 : 1) * model->hidden_size;
    rr_rnn_spec rnn = rnn_spec(out);
    return rr_rnn_create(&rnn, &out->rnn);
}

void rr_encoder_free(rr_encoder *encoder) { rr_rnn_free(encoder->rnn); }

rr_status rr_encoder_declare(rr_encoder *encoder, rr_params *params, const char *prefix, size_t vocab_size) {
    char name[RR_PARAM_NAME];
    snprintf(name, sizeof name, "%srnn", prefix);
    RR_TRY(rr_rnn_declare(encoder->rnn, params, name));
    snprintf(name, sizeof name, "%sembedding", prefix);
    return rr_embedding_declare(&encoder->embedding, params, name, vocab_size, encoder->model.embedding_size);
}

void rr_encoder_by_shards(rr_encoder *encoder, size_t max_shards) {
    encoder->max_shards = max_shards;
    rr_rnn_by_shards(encoder->rnn, max_shards);
}

void rr_encoder_plan(rr_encoder *encoder, rr_arena *arena, size_t max_total, size_t max_steps, size_t max_rows,
                     bool training) {
    size_t F = encoder->feature_size;
    encoder->embedded = rr_arena_floats(arena, max_total * input_size(encoder));
    encoder->dembedded = training ? rr_arena_floats(arena, max_total * input_size(encoder)) : NULL;
    encoder->features = F > 0 ? rr_arena_floats(arena, max_total * F) : NULL;
    encoder->dfeatures = F > 0 && training ? rr_arena_floats(arena, max_total * F) : NULL;
    encoder->words = F > 0 ? rr_arena_floats(arena, max_total * encoder->model.embedding_size) : NULL;
    encoder->top = rr_arena_floats(arena, max_total * encoder->width);
    encoder->dtop = training ? rr_arena_floats(arena, max_total * encoder->width) : NULL;
    if (encoder->max_shards > 0 && training)
        rr_embedding_plan_shards(&encoder->embedding, arena, max_total, encoder->max_shards);
    rr_rnn_plan(encoder->rnn, arena, max_total, max_steps, max_rows, training);
}

static void join(rr_encoder *e, size_t count) {
    size_t E = e->model.embedding_size, F = e->feature_size;
    for (size_t i = 0; i < count; i++) {
        memcpy(e->embedded + i * (E + F), e->words + i * E, E * sizeof *e->words);
        memcpy(e->embedded + i * (E + F) + E, e->features + i * F, F * sizeof *e->words);
    }
}

static void part(rr_encoder *e, size_t count) {
    size_t E = e->model.embedding_size, F = e->feature_size;
    for (size_t i = 0; i < count; i++) {
        memcpy(e->words + i * E, e->dembedded + i * (E + F), E * sizeof *e->words);
        memcpy(e->dfeatures + i * F, e->dembedded + i * (E + F) + E, F * sizeof *e->words);
    }
}

void rr_encoder_forward(rr_encoder *encoder, const rr_params *params, const rr_sequence *sequence,
                        const int32_t *tokens, const float *state, float *state_out, const rr_dropout *dropout,
                        const rr_hooks *hooks) {
    const rr_model_config *model = &encoder->model;
    rr_phase outer = rr_profile_enter(RR_PHASE_EMBEDDING);
    float *words = encoder->feature_size > 0 ? encoder->words : encoder->embedded;
    rr_embedding_forward(&encoder->embedding, params, tokens, sequence->total, words);
    if (encoder->feature_size > 0) join(encoder, sequence->total);
    rr_dropout_apply(dropout, encoder->first_site, (float)model->dropout_input, sequence, input_size(encoder),
                     encoder->embedded, encoder->embedded);
    rr_profile_enter(outer);
    const float *y =
        rr_rnn_forward(encoder->rnn, params, sequence, encoder->embedded, state, state_out, dropout, hooks);
    rr_profile_enter(RR_PHASE_EMBEDDING);
    rr_dropout_apply(dropout, encoder->first_site + (uint32_t)model->num_layers, (float)model->dropout_output, sequence,
                     encoder->width, y, encoder->top);
    rr_profile_enter(outer);
}

void rr_encoder_backward(rr_encoder *encoder, const rr_params *params, const rr_sequence *sequence,
                         const int32_t *tokens, const float *dstate_out, const rr_dropout *dropout,
                         const rr_hooks *hooks) {
    const rr_model_config *model = &encoder->model;
    rr_dropout_apply(dropout, encoder->first_site + (uint32_t)model->num_layers, (float)model->dropout_output, sequence,
                     encoder->width, encoder->dtop, encoder->dtop);
    rr_rnn_backward_input(encoder->rnn, params, sequence, encoder->embedded, encoder->dtop, dstate_out,
                          encoder->dembedded, NULL, hooks);
    rr_phase outer = rr_profile_enter(RR_PHASE_EMBEDDING);
    rr_dropout_apply(dropout, encoder->first_site, (float)model->dropout_input, sequence, input_size(encoder),
                     encoder->dembedded, encoder->dembedded);
    float *dwords = encoder->feature_size > 0 ? encoder->words : encoder->dembedded;
    if (encoder->feature_size > 0) part(encoder, sequence->total);
    if (sequence->shards != NULL)
        rr_embedding_backward_shards(&encoder->embedding, params, tokens, sequence->total, sequence->shards, dwords);
    else
        rr_embedding_backward(&encoder->embedding, params, tokens, sequence->total, dwords);
    rr_profile_enter(outer);
    size_t weight = encoder->embedding.weight;
    if (rr_param_end(params, weight) == params->total) rr_hooks_tail(hooks, params->items[weight].offset);
    rr_rnn_backward_rest(encoder->rnn, params, sequence, hooks);
}

double rr_encoder_macs(const rr_encoder *encoder) {
    rr_rnn_spec spec = rnn_spec(encoder);
    return rr_rnn_macs_per_token(&spec);
}
