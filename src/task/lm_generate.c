#include <string.h>

#include "math/pointwise.h"
#include "task/lm_model.h"
#include "task/sampling.h"

int32_t rr_lm_start_token(const rr_lm *lm) {
    const rr_vocab *vocab = lm->corpus.vocab;
    int32_t eos = rr_vocab_eos(vocab);
    return eos >= 0 ? eos : rr_vocab_id(vocab, "\n", 1);
}

/* Line ends in a prompt are <eos>, but its last line goes on. */
static rr_status encode_prompt(const rr_lm *lm, const char *text, size_t length, rr_tokens *out) {
    RR_TRY(rr_vocab_encode(lm->corpus.vocab, "--prompt", text, length, true, out));
    bool open_line = length > 0 && text[length - 1] != '\n';
    if (lm->unit == RR_UNIT_WORD && open_line && out->count > 0 &&
        out->ids[out->count - 1] == rr_vocab_eos(lm->corpus.vocab))
        out->count--;
    return RR_OK;
}

static void emit_token(const rr_lm *lm, int32_t token, rr_buffer *text, const rr_generate_options *options) {
    size_t shown = text->length;
    rr_vocab_decode(lm->corpus.vocab, token, text);
    options->emit(options->ctx, text->data + shown, text->length - shown);
    if (text->length > 4096) { /* the buffer only has to tell whether a line or a text begins */
        char last = text->data[text->length - 1];
        rr_buffer_clear(text);
        rr_buffer_append(text, &last, 1);
    }
}

rr_status rr_lm_generate(rr_task *task, const rr_generate_options *options) {
    rr_lm *lm = (rr_lm *)task;
    RR_TRY(rr_sampling_check(options));
    rr_status status = RR_OK;
    rr_tokens prompt = {0};
    rr_sampler sampler = {0};
    rr_buffer text = {0};
    const char *words = options->prompt != NULL ? options->prompt : "";
    status = encode_prompt(lm, words, strlen(words), &prompt);
    if (status == RR_OK) status = rr_sampler_create(lm->head.linear.out_size, &sampler);
    if (status != RR_OK) goto free_all;

    /* The prompt is echoed as it was given; unknown tokens are fed as <unk>. */
    rr_buffer_puts(&text, words);
    if (text.length > 0) options->emit(options->ctx, text.data, text.length);

    float *state = lm->eval_carry;
    memset(state, 0, lm->state_size * sizeof *state);
    rr_lm_next(lm, rr_lm_start_token(lm), state, lm->head.logits);
    for (size_t i = 0; i < prompt.count; i++) rr_lm_next(lm, prompt.ids[i], state, lm->head.logits);
    for (size_t i = 0; i < options->max_tokens; i++) {
        int32_t token = rr_sample(&sampler, lm->head.logits, options, i, rr_vocab_unk(lm->corpus.vocab));
        emit_token(lm, token, &text, options);
        if (i + 1 < options->max_tokens) rr_lm_next(lm, token, state, lm->head.logits);
    }
free_all:
    rr_tokens_free(&prompt);
    rr_sampler_free(&sampler);
    rr_buffer_free(&text);
    return status;
}

rr_status rr_lm_score(rr_task *task, const char *text, size_t length, double *nll, size_t *tokens) {
    rr_lm *lm = (rr_lm *)task;
    rr_tokens ids = {0};
    rr_status status = rr_vocab_encode(lm->corpus.vocab, "text", text, length, true, &ids);
    if (status == RR_OK) {
        double sum = 0;
        float *state = lm->eval_carry;
        memset(state, 0, lm->state_size * sizeof *state);
        for (size_t i = 0; i + 1 < ids.count; i++) {
            double token_nll;
            rr_lm_next(lm, ids.ids[i], state, lm->head.logits);
            rr_softmax_nll(1, lm->head.linear.out_size, lm->head.logits, lm->head.linear.out_size, &ids.ids[i + 1], 0,
                           &token_nll);
            sum += token_nll;
        }
        *nll = sum;
        *tokens = ids.count > 0 ? ids.count - 1 : 0;
    }
    rr_tokens_free(&ids);
    return status;
}
