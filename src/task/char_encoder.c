#include "task/char_encoder.h"

#include <stdio.h>
#include <string.h>

#include "base/profile.h"
#include "math/pointwise.h"

const char *const rr_char_reader_names[] = {"none", "lstm", "cnn", NULL};

static rr_status create_lstm(const rr_char_spec *spec, rr_char_encoder *out) {
    rr_model_config model = {.embedding_size = spec->embedding_size,
                             .hidden_size = spec->hidden_size,
                             .num_layers = 1,
                             .bidirectional = true,
                             .bias = true};
    while (strcmp(rr_cells[model.cell]->name, "lstm") != 0) model.cell++;
    return rr_encoder_create(&model, 0, 0, spec->team, &out->encoder);
}

rr_status rr_char_encoder_create(const rr_char_spec *spec, rr_char_encoder *out) {
    bool lstm = spec->reader == RR_CHARS_LSTM;
    rr_pooling_spec pooling = {.kind = lstm ? RR_POOLING_LAST : RR_POOLING_MAX,
                               .hidden_size = spec->hidden_size,
                               .directions = lstm ? 2 : 1,
                               .team = spec->team};
    out->spec = *spec;
    out->width = pooling.directions * pooling.hidden_size;
    if (lstm) RR_TRY(create_lstm(spec, out));
    return rr_pooling_create(&pooling, &out->pooling);
}

void rr_char_encoder_free(rr_char_encoder *chars) {
    rr_encoder_free(&chars->encoder);
    rr_pooling_free(chars->pooling);
}

rr_status rr_char_encoder_declare(rr_char_encoder *chars, rr_params *params, const char *prefix, size_t characters) {
    const rr_char_spec *spec = &chars->spec;
    bool lstm = spec->reader == RR_CHARS_LSTM;
    rr_embedding *embedding = lstm ? &chars->encoder.embedding : &chars->embedding;
    char name[RR_PARAM_NAME];
    if (lstm) {
        RR_TRY(rr_encoder_declare(&chars->encoder, params, prefix, characters));
    } else {
        snprintf(name, sizeof name, "%sconv", prefix);
        RR_TRY(rr_conv_declare(&chars->conv, params, name, spec->embedding_size, spec->hidden_size, spec->kernel_size));
        snprintf(name, sizeof name, "%sembedding", prefix);
        RR_TRY(rr_embedding_declare(embedding, params, name, characters, spec->embedding_size));
    }
    params->items[embedding->weight].rowwise = false; /* a batch has most characters, and more of them than words */
    return RR_OK;
}

static void plan_cnn(rr_char_encoder *chars, rr_arena *arena, size_t total, bool training) {
    size_t E = chars->spec.embedding_size;
    chars->embedded = rr_arena_floats(arena, total * E);
    chars->dembedded = training ? rr_arena_floats(arena, total * E) : NULL;
    chars->found = rr_arena_floats(arena, total * chars->width);
    chars->dfound = training ? rr_arena_floats(arena, total * chars->width) : NULL;
    rr_conv_plan(&chars->conv, arena, chars->spec.team, total, training);
}

void rr_char_encoder_plan(rr_char_encoder *chars, rr_arena *arena, size_t max_words, rr_text_extent most,
                          size_t max_forms, bool training) {
    rr_text_batch_plan(&chars->batch, arena, most, max_words);
    chars->form_count = 0;
    chars->forms = rr_arena_take(arena, max_words * sizeof *chars->forms);
    chars->row = rr_arena_take(arena, max_words * sizeof *chars->row);
    chars->slot = rr_arena_take(arena, (max_forms + 1) * sizeof *chars->slot); /* zeros */
    if (chars->slot != NULL) memset(chars->slot, 0, (max_forms + 1) * sizeof *chars->slot);
    chars->vectors = rr_arena_floats(arena, max_words * chars->width);
    chars->dvectors = training ? rr_arena_floats(arena, max_words * chars->width) : NULL;
    rr_pooling_plan(chars->pooling, arena, most.total, max_words, training);
    if (chars->spec.reader == RR_CHARS_LSTM)
        rr_encoder_plan(&chars->encoder, arena, most.total, most.longest, max_words, training);
    else
        plan_cnn(chars, arena, most.total, training);
}

/* The packed characters' vectors, [characters, width]. */
static const float *read_characters(rr_char_encoder *chars, const rr_params *params, const rr_hooks *hooks) {
    const rr_sequence *sequence = &chars->sequence;
    if (chars->spec.reader == RR_CHARS_LSTM) {
        rr_encoder_forward(&chars->encoder, params, sequence, chars->batch.tokens, NULL, NULL, NULL, hooks);
        return chars->encoder.top;
    }
    rr_phase outer = rr_profile_enter(RR_PHASE_EMBEDDING);
    rr_embedding_forward(&chars->embedding, params, chars->batch.tokens, sequence->total, chars->embedded);
    rr_conv_forward(&chars->conv, params, sequence, chars->embedded, chars->found, hooks);
    rr_profile_enter(outer);
    return chars->found;
}

/* The mirror, from chars->dvectors. */
static void learn_characters(rr_char_encoder *chars, const rr_params *params, const rr_hooks *hooks) {
    const rr_sequence *sequence = &chars->sequence;
    if (chars->spec.reader == RR_CHARS_LSTM) {
        rr_pooling_backward(chars->pooling, params, sequence, chars->encoder.top, chars->dvectors, chars->encoder.dtop,
                            hooks);
        rr_encoder_backward(&chars->encoder, params, sequence, chars->batch.tokens, NULL, NULL, hooks);
        return;
    }
    rr_phase outer = rr_profile_enter(RR_PHASE_EMBEDDING);
    rr_pooling_backward(chars->pooling, params, sequence, chars->found, chars->dvectors, chars->dfound, hooks);
    rr_conv_backward(&chars->conv, params, sequence, chars->dfound, chars->dembedded, hooks);
    rr_embedding_backward(&chars->embedding, params, chars->batch.tokens, sequence->total, chars->dembedded);
    rr_profile_enter(outer);
}

/* Which forms there are, in the order in which they come. */
static void find_forms(rr_char_encoder *chars, const uint32_t *form, size_t count) {
    for (size_t i = 0; i < chars->form_count; i++) chars->slot[chars->forms[i]] = 0;
    chars->form_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (chars->slot[form[i]] > 0) continue;
        chars->forms[chars->form_count] = form[i];
        chars->slot[form[i]] = (uint32_t)++chars->form_count;
    }
}

void rr_char_encoder_forward(rr_char_encoder *chars, const rr_params *params, const rr_word_forms *forms,
                             const uint32_t *form, size_t count, float *out, const rr_hooks *hooks) {
    size_t W = chars->width;
    find_forms(chars, form, count);
    chars->sequence = rr_text_batch_fill(&chars->batch, &forms->texts, chars->forms, chars->form_count, 0);
    for (size_t row = 0; row < chars->form_count; row++) chars->row[chars->batch.order[row]] = row;
    const float *read = read_characters(chars, params, hooks);
    rr_pooling_forward(chars->pooling, params, &chars->sequence, read, chars->vectors, hooks);
    for (size_t i = 0; i < count; i++)
        memcpy(out + i * W, chars->vectors + chars->row[chars->slot[form[i]] - 1] * W, W * sizeof *out);
}

void rr_char_encoder_backward(rr_char_encoder *chars, const rr_params *params, const uint32_t *form, size_t count,
                              const float *dout, const rr_hooks *hooks) {
    size_t W = chars->width;
    memset(chars->dvectors, 0, chars->form_count * W * sizeof *chars->dvectors);
    for (size_t i = 0; i < count; i++)
        rr_axpy(W, 1, dout + i * W, chars->dvectors + chars->row[chars->slot[form[i]] - 1] * W);
    learn_characters(chars, params, hooks);
}
