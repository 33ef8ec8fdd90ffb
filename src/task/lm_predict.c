/* How likely texts are: many at a time, each by itself. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "task/lm_model.h"

typedef struct line {
    size_t index; /* of the texts */
    rr_tokens tokens;
    double nll;
} line;

static int by_length(const void *a, const void *b) {
    const line *x = a, *y = b;
    if (x->tokens.count != y->tokens.count) return x->tokens.count < y->tokens.count ? 1 : -1;
    return (x->index > y->index) - (x->index < y->index);
}

/* Tokens [begin, begin + bptt) of the rows that have some; what is read is the token before each. */
static size_t fill(rr_lm *lm, const line *lines, size_t rows, size_t begin, rr_sequence *sequence) {
    size_t running = 0;
    for (; running < rows && lines[running].tokens.count > begin; running++) {
        size_t left = lines[running].tokens.count - begin;
        lm->room.lengths[running] = left < lm->bptt ? left : lm->bptt;
        lm->room.row_id[running] = running;
    }
    *sequence = rr_sequence_of(&lm->room, running);
    for (size_t t = 0; running > 0 && t < sequence->steps; t++)
        for (size_t row = 0; row < sequence->active[t]; row++) {
            const int32_t *ids = lines[row].tokens.ids;
            size_t at = begin + t, to = sequence->offset[t] + row;
            lm->inputs[to] = at > 0 ? ids[at - 1] : rr_lm_start_token(lm);
            lm->targets[to] = ids[at];
        }
    return running;
}

/* Rows, longest first, window after window. */
static void score(rr_lm *lm, line *lines, size_t rows) {
    memset(lm->eval_carry, 0, rows * lm->state_size * sizeof *lm->eval_carry);
    rr_sequence sequence;
    for (size_t begin = 0; fill(lm, lines, rows, begin, &sequence) > 0; begin += lm->bptt) {
        rr_lm_forward(lm, &sequence, lm->eval_carry, lm->eval_carry, NULL, NULL);
        rr_lm_head(lm, sequence.total, 0, NULL, NULL);
        for (size_t t = 0; t < sequence.steps; t++)
            for (size_t row = 0; row < sequence.active[t]; row++) lines[row].nll += lm->nll[sequence.offset[t] + row];
    }
}

static void put(rr_buffer *out, const char *name, double value) {
    if (isfinite(value))
        rr_buffer_printf(out, "\"%s\": %.9g, ", name, value);
    else
        rr_buffer_printf(out, "\"%s\": null, ", name);
}

rr_status rr_lm_predict(rr_task *task, const rr_text *texts, size_t count, rr_buffer *out) {
    rr_lm *lm = (rr_lm *)task;
    rr_status status = RR_OK;
    line *lines = calloc(count + 1, sizeof *lines);
    if (lines == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for %zu texts", count);
    for (size_t i = 0; i < count && status == RR_OK; i++) {
        lines[i].index = i;
        status =
            rr_vocab_encode(lm->corpus.vocab, texts[i].name, texts[i].text, texts[i].length, true, &lines[i].tokens);
    }
    if (status == RR_OK) qsort(lines, count, sizeof *lines, by_length);
    for (size_t first = 0; first < count && status == RR_OK; first += lm->micro_rows)
        score(lm, lines + first, count - first < lm->micro_rows ? count - first : lm->micro_rows);
    for (size_t i = 0; i < count; i++) {
        rr_buffer *text = &out[lines[i].index];
        double tokens = (double)lines[i].tokens.count, loss = lines[i].nll / tokens;
        if (status == RR_OK) {
            put(text, "nll", lines[i].nll);
            put(text, "loss", loss);
            put(text, "ppl", exp(loss));
            rr_buffer_printf(text, "\"tokens\": %zu", lines[i].tokens.count);
        }
        rr_tokens_free(&lines[i].tokens);
    }
    free(lines);
    return status;
}
