/* What a trained encoder and decoder says of sources. */
#include <stdlib.h>
#include <string.h>

#include "task/json_string.h"
#include "task/seq2seq_model.h"

/* Rows of a state [blocks, rows, H] in another order, of another number. */
static void gather(size_t blocks, size_t H, size_t from_rows, const float *from, size_t rows, const size_t *parent,
                   float *to) {
    for (size_t block = 0; block < blocks; block++)
        for (size_t i = 0; i < rows; i++)
            memcpy(to + (block * rows + i) * H, from + (block * from_rows + parent[i]) * H, H * sizeof *to);
}

static void swap(float **a, float **b) {
    float *kept = *a;
    *a = *b;
    *b = kept;
}

static void step(void *ctx, size_t rows, const size_t *parent, const size_t *source, const int32_t *tokens,
                 float *probabilities) {
    rr_seq2seq *s = ctx;
    size_t H = s->model.hidden_size, classes = rr_seq2seq_classes(s), block = s->head.block_rows;
    gather(s->decoder.state_size / H, H, s->live_rows, s->live, rows, parent, s->live_next);
    gather(1, H, s->live_rows, s->fed, rows, parent, s->fed_next);
    swap(&s->live, &s->live_next);
    swap(&s->fed, &s->fed_next);
    s->live_rows = rows;
    rr_decoder_step(&s->decoder, &s->base.params, rows, tokens, source, s->live, s->fed);
    for (size_t first = 0; first < rows; first += block)
        rr_softmax_head_probabilities(&s->head, &s->base.params, rows - first < block ? rows - first : block,
                                      s->fed + first * H, probabilities + first * classes);
}

rr_status rr_seq2seq_search(rr_seq2seq *s, size_t rows, rr_beam_found *found) {
    const rr_params *params = &s->base.params;
    size_t *limits = malloc((rows + 1) * sizeof *limits);
    if (limits == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a search over %zu sources", rows);
    for (size_t i = 0; i < rows; i++) {
        limits[i] = s->config.max_output > 0 ? s->config.max_output : 2 * s->sources.room.lengths[i] + 20;
        s->source_row[i] = i;
    }
    rr_bridge_forward(&s->bridge, params, rows, s->state, s->source_row, s->live, NULL);
    if (s->config.attention > 0) rr_attention_begin(s->decoder.attention, params, &s->memory, NULL);
    memset(s->fed, 0, rows * s->model.hidden_size * sizeof *s->fed);
    s->live_rows = rows;
    rr_beam_spec spec = {.beams = s->beams,
                         .classes = rr_seq2seq_classes(s),
                         .end = rr_seq2seq_end(s),
                         .length_penalty = s->config.length_penalty,
                         .step = step,
                         .ctx = s};
    rr_status status = rr_beam_search(&spec, rows, limits, found);
    free(limits);
    return status;
}

void rr_seq2seq_text(const rr_seq2seq *s, const int32_t *tokens, size_t count, rr_buffer *out) {
    for (size_t i = 0; i < count; i++) rr_vocab_decode(s->target_vocab, tokens[i], out);
    if (s->bpe[1] != NULL) rr_bpe_join(out);
}

rr_status rr_seq2seq_take(rr_task *task, const rr_text *texts, size_t count) {
    rr_seq2seq *s = (rr_seq2seq *)task;
    rr_text_set_clear(&s->taken);
    for (size_t i = 0; i < count; i++) {
        const char *tab = s->columns && texts[i].length > 0 ? memchr(texts[i].text, '\t', texts[i].length) : NULL;
        size_t length = tab != NULL ? (size_t)(tab - texts[i].text) : texts[i].length;
        RR_TRY(rr_text_set_add(&s->taken, s->source_vocab, &s->rules, texts[i].name, texts[i].text, length));
    }
    return RR_OK;
}

static rr_status predict(rr_task *task, const uint32_t *examples, size_t rows, rr_buffer *out) {
    rr_seq2seq *s = (rr_seq2seq *)task;
    rr_sequence sequence;
    rr_beam_found *found = calloc(rows + 1, sizeof *found);
    if (found == NULL) return rr_fail(RR_ERR_NOMEM, "no memory to search for %zu texts", rows);
    rr_seq2seq_encode(s, &s->taken, examples, rows, 0, NULL, NULL, &sequence);
    rr_status status = rr_seq2seq_search(s, rows, found);
    for (size_t i = 0; i < rows; i++) {
        rr_buffer *line = &out[examples[s->sources.order[i]]], text = {0};
        if (status == RR_OK) {
            rr_seq2seq_text(s, found[i].tokens, found[i].count, &text);
            rr_buffer_puts(line, "\"text\": ");
            rr_json_string(line, rr_buffer_text(&text));
            rr_buffer_printf(line, ", \"log_probability\": %.6g, \"tokens\": %zu, \"ended\": %s",
                             found[i].log_probability, found[i].count, found[i].ended ? "true" : "false");
        }
        rr_buffer_free(&text);
        free(found[i].tokens);
    }
    free(found);
    return status;
}

rr_status rr_seq2seq_predict(rr_task *task, const rr_text *texts, size_t count, rr_buffer *out) {
    (void)texts; /* taken */
    const rr_seq2seq *s = (const rr_seq2seq *)task;
    return rr_examples_predict(task, s->taken.lengths, count, s->micro_rows, "\"text\": \"\"", predict, out);
}
