/* Metrics of an encoder and decoder: of its true targets, and of what it says by itself. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "task/bleu.h"
#include "task/chrf.h"
#include "task/seq2seq_model.h"

/* Of a pair: loss, tokens with the end, tokens that are right after the true ones, whether the search found the target,
 * and what BLEU and chrF count. */
enum { LOSS, TOKENS, RIGHT, EXACT, BLEU, CHRF = BLEU + RR_BLEU_COUNTS, OUTCOMES = CHRF + RR_CHRF_COUNTS };

size_t rr_seq2seq_outcome_size(const rr_task *task) {
    (void)task;
    return OUTCOMES;
}

/* out: [rows, OUTCOMES] in the order of the examples */
static void teach(rr_seq2seq *s, const rr_seq2seq_set *set, const uint32_t *examples, size_t rows,
                  const rr_hooks *hooks, double *out) {
    rr_sequence sequence;
    rr_decoding call;
    rr_seq2seq_teach(s, &set->targets, examples, rows, 0, NULL, hooks, &sequence, &call);
    rr_softmax_head_run(&s->head, &s->base.params,
                        &(rr_softmax_rows){.count = sequence.total,
                                           .x = s->decoder.out,
                                           .targets = s->targets,
                                           .nll = s->nll,
                                           .predicted = s->predicted},
                        hooks);
    for (size_t i = 0; i < rows; i++) {
        double *outcome = out + s->target_order[i] * OUTCOMES;
        outcome[TOKENS] = (double)sequence.lengths[i];
        for (size_t t = 0; t < sequence.lengths[i]; t++) {
            size_t at = sequence.offset[t] + i;
            outcome[LOSS] += s->nll[at];
            outcome[RIGHT] += s->predicted[at] == s->targets[at];
        }
    }
}

static rr_status compare(const rr_seq2seq *s, const rr_seq2seq_set *set, size_t example, const rr_beam_found *found,
                         double *outcome) {
    rr_buffer text = {0};
    const char *reference = rr_buffer_text(&set->references) + set->reference_begin[example];
    size_t length = set->reference_begin[example + 1] - set->reference_begin[example];
    const int32_t *target = rr_text_set_at(&set->targets, example);
    rr_seq2seq_text(s, found->tokens, found->count, &text);
    rr_status status =
        text.failed ? rr_fail(RR_ERR_NOMEM, "no memory for the text of %zu tokens", found->count) : RR_OK;
    bool same = found->ended && found->count == set->targets.lengths[example];
    for (size_t i = 0; i < found->count && same; i++) same = found->tokens[i] == target[i];
    outcome[EXACT] = same;
    if (status == RR_OK) status = rr_bleu_count(rr_buffer_text(&text), text.length, reference, length, outcome + BLEU);
    if (status == RR_OK) status = rr_chrf_count(rr_buffer_text(&text), text.length, reference, length, outcome + CHRF);
    rr_buffer_free(&text);
    return status;
}

static rr_status evaluate(rr_task *task, rr_split split, const uint32_t *examples, size_t rows, const rr_hooks *hooks,
                          double *out) {
    rr_seq2seq *s = (rr_seq2seq *)task;
    const rr_seq2seq_set *set = &s->sets[split];
    rr_sequence sequence;
    rr_beam_found *found = calloc(rows + 1, sizeof *found);
    if (found == NULL) return rr_fail(RR_ERR_NOMEM, "no memory to search for %zu texts", rows);
    rr_seq2seq_encode(s, &set->sources, examples, rows, 0, NULL, hooks, &sequence);
    teach(s, set, examples, rows, hooks, out);
    rr_status status = rr_seq2seq_search(s, rows, found);
    for (size_t i = 0; i < rows; i++) {
        size_t which = s->sources.order[i];
        if (status == RR_OK) status = compare(s, set, examples[which], &found[i], out + which * OUTCOMES);
        free(found[i].tokens);
    }
    free(found);
    return status;
}

rr_status rr_seq2seq_evaluate(rr_task *task, rr_split split, size_t begin, size_t end, const rr_hooks *hooks,
                              double *outcomes) {
    return rr_examples_evaluate(task, split, begin, end, ((rr_seq2seq *)task)->micro_rows, hooks, outcomes, evaluate);
}

size_t rr_seq2seq_metrics(const rr_task *task, const double *outcomes, size_t units, rr_metric out[RR_TASK_METRICS]) {
    (void)task;
    double sums[OUTCOMES] = {0};
    for (size_t unit = 0; unit < units; unit++)
        for (size_t k = 0; k < OUTCOMES; k++) sums[k] += outcomes[unit * OUTCOMES + k];
    double loss = sums[LOSS] / sums[TOKENS];
    out[0] = (rr_metric){"loss", loss};
    out[1] = (rr_metric){"ppl", exp(loss)};
    out[2] = (rr_metric){"accuracy", sums[RIGHT] / sums[TOKENS]};
    out[3] = (rr_metric){"exact", sums[EXACT] / (double)units};
    out[4] = (rr_metric){"bleu", rr_bleu_score(sums + BLEU)};
    out[5] = (rr_metric){"chrf", rr_chrf_score(sums + CHRF)};
    return 6;
}

/* What the source itself reaches as a translation. */
size_t rr_seq2seq_floors(const rr_task *task, rr_split split, rr_floor out[RR_TASK_METRICS]) {
    const rr_seq2seq *s = (const rr_seq2seq *)task;
    const rr_seq2seq_set *set = &s->sets[split];
    double bleu[RR_BLEU_COUNTS] = {0}, chrf[RR_CHRF_COUNTS] = {0};
    rr_buffer text = {0};
    rr_status status = RR_OK;
    if (set->sources.count == 0 || split == RR_SPLIT_TRAIN) return 0;
    for (size_t i = 0; i < set->sources.count && status == RR_OK; i++) {
        const char *reference = rr_buffer_text(&set->references) + set->reference_begin[i];
        size_t length = set->reference_begin[i + 1] - set->reference_begin[i];
        const int32_t *source = rr_text_set_at(&set->sources, i);
        rr_buffer_clear(&text);
        for (size_t k = 0; k < set->sources.lengths[i]; k++) rr_vocab_decode(s->source_vocab, source[k], &text);
        status = rr_bleu_count(rr_buffer_text(&text), text.length, reference, length, bleu);
        if (status == RR_OK) status = rr_chrf_count(rr_buffer_text(&text), text.length, reference, length, chrf);
    }
    rr_buffer_free(&text);
    if (status != RR_OK) return 0;
    out[0] = (rr_floor){"a copy of the source", "bleu", rr_bleu_score(bleu)};
    out[1] = (rr_floor){"a copy of the source", "chrf", rr_chrf_score(chrf)};
    return 2;
}
