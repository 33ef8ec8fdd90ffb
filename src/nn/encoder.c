#include "nn/encoder.h"

#include <stdio.h>
#include <string.h>

#include "base/profile.h"

static rr_rnn_spec rnn_spec(const rr_encoder *encoder) {
    const rr_model_config *model = &encoder->model;
    return (rr_rnn_spec){.cell = rr_cells[model->cell],
                         .input_size = encoder->input_size,
                         .hidden_size = model->hidden_size,
                         .num_layers = model->num_layers,
                         .bidirectional = model->bidirectional,
                         .bias = model->bias,
                         .dropout = (float)model->dropout,
                         .dropout_layer = encoder->spec.dropout_site + 1,
                         .team = encoder->spec.team};
}

rr_status rr_encoder_create(const rr_encoder_spec *spec, rr_encoder *out) {
    *out = (rr_encoder){.spec = *spec, .model = *spec->model};
    out->spec.model = NULL;
    out->input_size = (spec->vocab_size > 0 ? out->model.embedding_size : 0) + spec->features;
    out->width = (out->model.bidirectional ? 2 : 1) * out->model.hidden_size;
    rr_rnn_spec rnn = rnn_spec(out);
    return rr_rnn_create(&rnn, &out->rnn);
}

void rr_encoder_free(rr_encoder *encoder) { rr_rnn_free(encoder->rnn); }

rr_status rr_encoder_declare_rnn(rr_encoder *encoder, rr_params *params, const char *prefix) {
    char name[RR_PARAM_NAME];
    snprintf(name, sizeof name, "%srnn", prefix);
    return rr_rnn_declare(encoder->rnn, params, name);
}

rr_status rr_encoder_declare_embedding(rr_encoder *encoder, rr_params *params, const char *prefix) {
    char name[RR_PARAM_NAME];
    snprintf(name, sizeof name, "%sembedding", prefix);
    return rr_embedding_declare(&encoder->embedding, params, name, encoder->spec.vocab_size,
                                encoder->model.embedding_size);
}

void rr_encoder_plan(rr_encoder *encoder, rr_arena *arena, size_t max_total, size_t max_steps, size_t max_rows,
                     bool training) {
    bool both = encoder->spec.vocab_size > 0 && encoder->spec.features > 0;
    encoder->input = rr_arena_floats(arena, max_total * encoder->input_size);
    encoder->dinput = training ? rr_arena_floats(arena, max_total * encoder->input_size) : NULL;
    encoder->dembedded = training && both ? rr_arena_floats(arena, max_total * encoder->model.embedding_size) : NULL;
    encoder->top = rr_arena_floats(arena, max_total * encoder->width);
    encoder->dtop = training ? rr_arena_floats(arena, max_total * encoder->width) : NULL;
    rr_rnn_plan(encoder->rnn, arena, max_total, max_steps, max_rows, training);
}

/* Columns of the input: the embedded token, then the features. */
static void fill_input(const rr_encoder *encoder, const rr_params *params, size_t total, const int32_t *tokens,
                       const float *features) {
    size_t width = encoder->input_size, extra = encoder->spec.features, embedded = width - extra;
    if (extra == 0) {
        rr_embedding_forward(&encoder->embedding, params, tokens, total, encoder->input);
        return;
    }
    for (size_t i = 0; i < total; i++) {
        if (embedded > 0) rr_embedding_forward(&encoder->embedding, params, tokens + i, 1, encoder->input + i * width);
        memcpy(encoder->input + i * width + embedded, features + i * extra, extra * sizeof *features);
    }
}

const float *rr_encoder_forward(rr_encoder *encoder, const rr_params *params, const rr_sequence *sequence,
                                const int32_t *tokens, const float *features, const float *state, float *state_out,
                                const rr_dropout *dropout, const rr_hooks *hooks) {
    const rr_model_config *model = &encoder->model;
    uint32_t site = encoder->spec.dropout_site;
    rr_phase outer = rr_profile_enter(RR_PHASE_EMBEDDING);
    fill_input(encoder, params, sequence->total, tokens, features);
    rr_dropout_apply(dropout, site, (float)model->dropout_input, sequence, encoder->input_size, encoder->input,
                     encoder->input);
    rr_profile_enter(outer);
    const float *y = rr_rnn_forward(encoder->rnn, params, sequence, encoder->input, state, state_out, dropout, hooks);
    rr_profile_enter(RR_PHASE_EMBEDDING);
    rr_dropout_apply(dropout, site + (uint32_t)model->num_layers, (float)model->dropout_output, sequence,
                     encoder->width, y, encoder->top);
    rr_profile_enter(outer);
    return encoder->top;
}

static void embedding_backward(rr_encoder *encoder, const rr_params *params, size_t total, const int32_t *tokens) {
    size_t width = encoder->input_size, embedded = width - encoder->spec.features;
    const float *dy = encoder->dinput;
    if (params->items[encoder->embedding.weight].frozen) return;
    if (encoder->dembedded != NULL) {
        for (size_t i = 0; i < total; i++)
            memcpy(encoder->dembedded + i * embedded, encoder->dinput + i * width, embedded * sizeof *dy);
        dy = encoder->dembedded;
    }
    rr_embedding_backward(&encoder->embedding, params, tokens, total, dy);
}

void rr_encoder_backward(rr_encoder *encoder, const rr_params *params, const rr_sequence *sequence,
                         const int32_t *tokens, const float *dstate_out, float *dfeatures, float *dstate,
                         const rr_dropout *dropout, const rr_hooks *hooks) {
    const rr_model_config *model = &encoder->model;
    uint32_t site = encoder->spec.dropout_site;
    size_t width = encoder->input_size, extra = encoder->spec.features;
    bool wanted = encoder->spec.vocab_size > 0 || dfeatures != NULL;
    rr_dropout_apply(dropout, site + (uint32_t)model->num_layers, (float)model->dropout_output, sequence,
                     encoder->width, encoder->dtop, encoder->dtop);
    rr_rnn_backward(encoder->rnn, params, sequence, encoder->input, encoder->dtop, dstate_out,
                    wanted ? encoder->dinput : NULL, dstate, hooks);
    if (!wanted) return;
    rr_phase outer = rr_profile_enter(RR_PHASE_EMBEDDING);
    rr_dropout_apply(dropout, site, (float)model->dropout_input, sequence, width, encoder->dinput, encoder->dinput);
    for (size_t i = 0; i < sequence->total && dfeatures != NULL; i++)
        memcpy(dfeatures + i * extra, encoder->dinput + i * width + width - extra, extra * sizeof *dfeatures);
    if (encoder->spec.vocab_size > 0) embedding_backward(encoder, params, sequence->total, tokens);
    rr_profile_enter(outer);
}

double rr_encoder_macs(const rr_encoder *encoder) {
    rr_rnn_spec spec = rnn_spec(encoder);
    return rr_rnn_macs_per_token(&spec);
}
