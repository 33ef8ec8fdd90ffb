#include "task/char_encoder.h"

#include <string.h>

#include "math/pointwise.h"

rr_status rr_char_encoder_create(size_t embedding_size, size_t hidden_size, rr_team *team, rr_char_encoder *out) {
    rr_model_config model = {.embedding_size = embedding_size,
                             .hidden_size = hidden_size,
                             .num_layers = 1,
                             .bidirectional = true,
                             .bias = true};
    while (strcmp(rr_cells[model.cell]->name, "lstm") != 0) model.cell++;
    rr_pooling_spec last = {.kind = RR_POOLING_LAST, .hidden_size = hidden_size, .directions = 2, .team = team};
    RR_TRY(rr_encoder_create(&model, 0, 0, team, &out->encoder));
    out->width = out->encoder.width;
    return rr_pooling_create(&last, &out->last);
}

void rr_char_encoder_free(rr_char_encoder *chars) {
    rr_encoder_free(&chars->encoder);
    rr_pooling_free(chars->last);
}

rr_status rr_char_encoder_declare(rr_char_encoder *chars, rr_params *params, const char *prefix, size_t characters) {
    return rr_encoder_declare(&chars->encoder, params, prefix, characters);
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
    rr_pooling_plan(chars->last, arena, most.total, max_words, training);
    rr_encoder_plan(&chars->encoder, arena, most.total, most.longest, max_words, training);
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
    rr_encoder_forward(&chars->encoder, params, &chars->sequence, chars->batch.tokens, NULL, NULL, NULL, hooks);
    rr_pooling_forward(chars->last, params, &chars->sequence, chars->encoder.top, chars->vectors, hooks);
    for (size_t i = 0; i < count; i++)
        memcpy(out + i * W, chars->vectors + chars->row[chars->slot[form[i]] - 1] * W, W * sizeof *out);
}

void rr_char_encoder_backward(rr_char_encoder *chars, const rr_params *params, const uint32_t *form, size_t count,
                              const float *dout, const rr_hooks *hooks) {
    size_t W = chars->width;
    memset(chars->dvectors, 0, chars->form_count * W * sizeof *chars->dvectors);
    for (size_t i = 0; i < count; i++)
        rr_axpy(W, 1, dout + i * W, chars->dvectors + chars->row[chars->slot[form[i]] - 1] * W);
    rr_pooling_backward(chars->last, params, &chars->sequence, chars->encoder.top, chars->dvectors, chars->encoder.dtop,
                        hooks);
    rr_encoder_backward(&chars->encoder, params, &chars->sequence, chars->batch.tokens, NULL, NULL, hooks);
}
