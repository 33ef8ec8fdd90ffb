#include "nn/decoder.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/profile.h"
#include "math/pointwise.h"

static size_t input_size(const rr_decoder *d) {
    return d->spec.model.embedding_size + (d->spec.input_feeding ? d->width : 0);
}

static rr_rnn_spec rnn_spec(const rr_decoder *d) {
    const rr_model_config *model = &d->spec.model;
    return (rr_rnn_spec){.cell = rr_cells[model->cell],
                         .input_size = input_size(d),
                         .hidden_size = model->hidden_size,
                         .num_layers = model->num_layers,
                         .bias = model->bias,
                         .dropout = (float)model->dropout,
                         .dropout_layer = d->spec.first_site + 1,
                         .team = d->spec.team};
}

rr_status rr_decoder_create(const rr_decoder_spec *spec, rr_decoder *out) {
    *out = (rr_decoder){.spec = *spec, .width = spec->model.hidden_size};
    rr_rnn_spec rnn = rnn_spec(out);
    RR_TRY(rr_rnn_create(&rnn, &out->rnn));
    out->state_size = rr_rnn_state_size(out->rnn);
    if (!spec->attends) return RR_OK;
    rr_attention_spec attention = {.kind = spec->attention,
                                   .scaled = spec->scaled,
                                   .query_size = out->width,
                                   .memory_size = spec->memory_size,
                                   .size = out->width,
                                   .team = spec->team};
    return rr_attention_create(&attention, &out->attention);
}

void rr_decoder_free(rr_decoder *decoder) {
    rr_rnn_free(decoder->rnn);
    rr_attention_free(decoder->attention);
}

rr_status rr_decoder_declare(rr_decoder *decoder, rr_params *params, const char *prefix, size_t vocab_size) {
    char name[RR_PARAM_NAME];
    size_t H = decoder->width;
    if (decoder->spec.attends) {
        snprintf(name, sizeof name, "%scombine", prefix);
        RR_TRY(rr_linear_declare(&decoder->combine, params, name, decoder->spec.memory_size + H, H, true, (size_t)-1));
        snprintf(name, sizeof name, "%sattention", prefix);
        RR_TRY(rr_attention_declare(decoder->attention, params, name));
    }
    snprintf(name, sizeof name, "%srnn", prefix);
    RR_TRY(rr_rnn_declare(decoder->rnn, params, name));
    snprintf(name, sizeof name, "%sembedding", prefix);
    return rr_embedding_declare(&decoder->embedding, params, name, vocab_size, decoder->spec.model.embedding_size);
}

void rr_decoder_plan(rr_decoder *decoder, rr_arena *arena, const rr_decoder_room *room, bool training) {
    size_t H = decoder->width, E = decoder->spec.model.embedding_size, M = decoder->spec.memory_size, N = room->total;
    bool feeds = decoder->spec.input_feeding;
    decoder->embedded = rr_arena_floats(arena, N * E);
    decoder->dembedded = training ? rr_arena_floats(arena, N * E) : NULL;
    decoder->inputs = feeds ? rr_arena_floats(arena, N * (E + H)) : decoder->embedded;
    decoder->dinputs = feeds && training ? rr_arena_floats(arena, N * (E + H)) : decoder->dembedded;
    decoder->out = rr_arena_floats(arena, N * H);
    decoder->dout = training ? rr_arena_floats(arena, N * H) : NULL;
    decoder->dy = training && decoder->spec.attends ? rr_arena_floats(arena, N * H) : decoder->dout;
    decoder->state = feeds ? rr_arena_floats(arena, decoder->state_size * room->rows) : NULL;
    rr_rnn_plan(decoder->rnn, arena, N, room->steps, room->rows, training);
    if (!decoder->spec.attends) return;
    size_t part = feeds ? room->rows : N;
    decoder->context = rr_arena_floats(arena, N * M);
    decoder->joined = rr_arena_floats(arena, N * (M + H));
    decoder->vector = rr_arena_floats(arena, N * H);
    decoder->dcontext = training ? rr_arena_floats(arena, part * M) : NULL;
    decoder->djoined = training ? rr_arena_floats(arena, part * (M + H)) : NULL;
    rr_linear_plan(&decoder->combine, arena, decoder->spec.team, part, training);
    rr_attention_plan(decoder->attention, arena,
                      &(rr_attention_room){.rows = room->memory_rows,
                                           .vectors = room->memory_vectors,
                                           .longest = room->memory_longest,
                                           .queries = N,
                                           .part = part,
                                           .pairs = N * room->memory_longest},
                      training);
}

/* Number of the dropout site of the outputs. */
static uint32_t output_site(const rr_decoder *d) { return d->spec.first_site + (uint32_t)d->spec.model.num_layers; }

static void embed(rr_decoder *d, const rr_params *params, const rr_decoding *call) {
    size_t E = d->spec.model.embedding_size, width = input_size(d);
    rr_phase outer = rr_profile_enter(RR_PHASE_EMBEDDING);
    rr_embedding_forward(&d->embedding, params, call->tokens, call->sequence->total, d->embedded);
    rr_dropout_apply(call->dropout, d->spec.first_site, (float)d->spec.model.dropout_input, call->sequence, E,
                     d->embedded, d->embedded);
    for (size_t i = 0; i < call->sequence->total && d->spec.input_feeding; i++)
        memcpy(d->inputs + i * width, d->embedded + i * E, E * sizeof *d->inputs);
    rr_profile_enter(outer);
}

/* The vector that a row gets from the step before, or zeros. */
static void feed(rr_decoder *d, size_t to, const float *from) {
    size_t E = d->spec.model.embedding_size;
    float *input = d->inputs + to * (E + d->width) + E;
    if (from != NULL)
        memcpy(input, from, d->width * sizeof *input);
    else
        memset(input, 0, d->width * sizeof *input);
}

/* All steps of `part`, whose inputs are there, at once. */
static void run(rr_decoder *d, const rr_params *params, const rr_decoding *call, const rr_sequence *part,
                const float *state, float *state_out) {
    size_t first = part->offset[0], count = part->total, H = d->width, M = d->spec.memory_size;
    float dropout = (float)d->spec.model.dropout_output;
    d->y = rr_rnn_forward(d->rnn, params, part, d->inputs, state, state_out, call->dropout, call->hooks);
    if (!d->spec.attends) {
        rr_dropout_apply(call->dropout, output_site(d), dropout, part, H, d->y, d->out);
        return;
    }
    rr_phase outer = rr_profile_enter(RR_PHASE_POINTWISE);
    rr_attention_forward(d->attention, params, first, count, call->row + first, d->y + first * H,
                         d->context + first * M, call->hooks);
    for (size_t i = first; i < first + count; i++) {
        memcpy(d->joined + i * (M + H), d->context + i * M, M * sizeof *d->joined);
        memcpy(d->joined + i * (M + H) + M, d->y + i * H, H * sizeof *d->joined);
    }
    rr_profile_enter(RR_PHASE_INPUT_GEMM);
    rr_linear_forward(&d->combine, params, count, d->joined + first * (M + H), d->vector + first * H, call->hooks);
    rr_profile_enter(RR_PHASE_POINTWISE);
    rr_tanh(count * H, d->vector + first * H, d->vector + first * H);
    rr_dropout_apply(call->dropout, output_site(d), dropout, part, H, d->vector, d->out);
    rr_profile_enter(outer);
}

/* The state of fewer rows, from that of `rows` rows, in place: blocks of [rows, H] move together. */
static void narrow(const rr_decoder *d, size_t rows, size_t fewer, float *state) {
    size_t H = d->width;
    for (size_t block = 1; block < d->state_size / H && fewer < rows; block++)
        memmove(state + block * fewer * H, state + block * rows * H, fewer * H * sizeof *state);
}

/* The mirror: the rows that come in addition get zeros. */
static void widen(const rr_decoder *d, size_t rows, size_t more, float *state) {
    size_t H = d->width;
    for (size_t block = d->state_size / H; block-- > 0;) {
        memmove(state + block * more * H, state + block * rows * H, rows * H * sizeof *state);
        memset(state + (block * more + rows) * H, 0, (more - rows) * H * sizeof *state);
    }
}

void rr_decoder_forward(rr_decoder *decoder, const rr_params *params, const rr_decoding *call) {
    const rr_sequence *s = call->sequence;
    embed(decoder, params, call);
    if (decoder->spec.attends) rr_attention_begin(decoder->attention, params, call->memory, call->hooks);
    if (!decoder->spec.input_feeding) {
        run(decoder, params, call, s, call->state, NULL);
        return;
    }
    memcpy(decoder->state, call->state, s->rows * decoder->state_size * sizeof *decoder->state);
    for (size_t t = 0; t < s->steps; t++) {
        rr_sequence part = rr_sequence_part(s, t, t + 1);
        if (t > 0) narrow(decoder, s->active[t - 1], s->active[t], decoder->state);
        for (size_t i = 0; i < s->active[t]; i++)
            feed(decoder, s->offset[t] + i, t > 0 ? decoder->out + (s->offset[t - 1] + i) * decoder->width : NULL);
        run(decoder, params, call, &part, decoder->state, decoder->state);
    }
}

/* From dout to dy, through attention. last: nothing is added to the gradients of `combine` after this. */
static void back_to_layers(rr_decoder *d, const rr_params *params, const rr_decoding *call, const rr_sequence *part,
                           bool last) {
    size_t first = part->offset[0], count = part->total, H = d->width, M = d->spec.memory_size;
    rr_dropout_apply(call->dropout, output_site(d), (float)d->spec.model.dropout_output, part, H, d->dout, d->dout);
    if (!d->spec.attends) return; /* dy is dout */
    rr_phase outer = rr_profile_enter(RR_PHASE_POINTWISE);
    for (size_t i = first * H; i < (first + count) * H; i++) d->dout[i] *= fmaf(-d->vector[i], d->vector[i], 1);
    rr_profile_enter(RR_PHASE_WEIGHT_GRADIENT);
    rr_linear_backward(&d->combine, params, count, d->joined + first * (M + H), d->dout + first * H, false, d->djoined,
                       last, call->hooks);
    rr_profile_enter(RR_PHASE_POINTWISE);
    for (size_t i = 0; i < count; i++) {
        memcpy(d->dcontext + i * M, d->djoined + i * (M + H), M * sizeof *d->dcontext);
        memcpy(d->dy + (first + i) * H, d->djoined + i * (M + H) + M, H * sizeof *d->dy);
    }
    rr_attention_backward(d->attention, params, first, count, call->row + first, d->y + first * H, d->dcontext, true,
                          d->dy + first * H, call->hooks);
    rr_profile_enter(outer);
}

static void nothing_ready(void *ctx, size_t end) { (void)ctx, (void)end; }

/* Step by step: what a step was fed goes to the output of the step before. */
static void back_through_feeding(rr_decoder *d, const rr_params *params, const rr_decoding *call, float *dstate) {
    const rr_sequence *s = call->sequence;
    size_t H = d->width, width = input_size(d), E = d->spec.model.embedding_size;
    rr_hooks quiet = call->hooks != NULL ? *call->hooks : (rr_hooks){.ready = NULL};
    quiet.ready = nothing_ready;
    for (size_t t = s->steps; t-- > 0;) {
        rr_sequence part = rr_sequence_part(s, t, t + 1);
        size_t running = t + 1 < s->steps ? s->active[t + 1] : 0;
        for (size_t i = 0; i < running; i++)
            rr_axpy(H, 1, d->dinputs + (s->offset[t + 1] + i) * width + E, d->dout + (s->offset[t] + i) * H);
        back_to_layers(d, params, call, &part, false);
        widen(d, running, s->active[t], dstate);
        rr_rnn_backward(d->rnn, params, &part, d->inputs, d->dy, dstate, d->dinputs, dstate,
                        call->hooks != NULL ? &quiet : NULL);
    }
    for (size_t i = 0; i < s->total; i++)
        memcpy(d->dembedded + i * E, d->dinputs + i * width, E * sizeof *d->dembedded);
}

void rr_decoder_backward(rr_decoder *decoder, const rr_params *params, const rr_decoding *call, float *dmemory,
                         float *dstate) {
    const rr_sequence *s = call->sequence;
    if (decoder->spec.input_feeding) {
        back_through_feeding(decoder, params, call, dstate);
        rr_attention_end(decoder->attention, params, dmemory, call->hooks);
    } else {
        back_to_layers(decoder, params, call, s, true);
        if (decoder->spec.attends) rr_attention_end(decoder->attention, params, dmemory, call->hooks);
        rr_rnn_backward(decoder->rnn, params, s, decoder->inputs, decoder->dy, NULL, decoder->dinputs, dstate,
                        call->hooks);
    }
    rr_hooks_ready(call->hooks, params->items[decoder->embedding.weight].offset);
    rr_phase outer = rr_profile_enter(RR_PHASE_EMBEDDING);
    rr_dropout_apply(call->dropout, decoder->spec.first_site, (float)decoder->spec.model.dropout_input, s,
                     decoder->spec.model.embedding_size, decoder->dembedded, decoder->dembedded);
    rr_embedding_backward(&decoder->embedding, params, call->tokens, s->total, decoder->dembedded);
    rr_profile_enter(outer);
}

void rr_decoder_step(rr_decoder *decoder, const rr_params *params, size_t rows, const int32_t *tokens,
                     const size_t *row, float *state, float *feed_in) {
    const size_t active[1] = {rows}, offset[2] = {0, rows};
    rr_sequence step = {.steps = 1, .rows = rows, .total = rows, .active = active, .offset = offset};
    rr_decoding call = {.sequence = &step, .tokens = tokens, .row = row};
    embed(decoder, params, &call);
    for (size_t i = 0; i < rows && decoder->spec.input_feeding; i++) feed(decoder, i, feed_in + i * decoder->width);
    run(decoder, params, &call, &step, state, state);
    memcpy(feed_in, decoder->out, rows * decoder->width * sizeof *feed_in);
}

double rr_decoder_macs(const rr_decoder *decoder, double memory_length) {
    rr_rnn_spec spec = rnn_spec(decoder);
    double H = (double)decoder->width, M = (double)decoder->spec.memory_size, macs = rr_rnn_macs_per_token(&spec);
    if (!decoder->spec.attends) return macs;
    if (decoder->spec.attention == RR_ATTENTION_ADDITIVE) macs += H * H;
    return macs + (M + H) * H + memory_length * (M + H);
}
