/* Metrics of a tagger, and what the most frequent tag of each word reaches. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "task/class_report.h"
#include "task/tag_model.h"

/*
 * Of a sentence: loss, words, words that are right, whether its label is, whether all is; and of every kind (of span,
 * or tag) right, true, predicted.
 */
enum { LOSS, WORDS, RIGHT, LABEL_RIGHT, ALL_RIGHT, COUNTS };

size_t rr_tag_outcome_size(const rr_task *task) { return COUNTS + 3 * rr_tag_kinds((const rr_tagger *)task); }

static void count_sentence(const rr_tagger *tagger, size_t length, double *counts) {
    size_t kinds = rr_tag_kinds(tagger);
    const int32_t *gold = tagger->row_gold, *said = tagger->row_said;
    if (tagger->spans.any) {
        rr_spans_count(&tagger->spans, gold, said, length, counts);
        return;
    }
    for (size_t t = 0; t < length; t++) {
        counts[gold[t]] += gold[t] == said[t];
        counts[kinds + (size_t)gold[t]]++;
        counts[2 * kinds + (size_t)said[t]]++;
    }
}

static void put_outcome(rr_tagger *tagger, const rr_sequence *sequence, size_t row, const int32_t *tags, double *out) {
    for (size_t t = 0; t < sequence->lengths[row]; t++) {
        size_t at = sequence->offset[t] + row;
        tagger->row_gold[t] = tags[t];
        tagger->row_said[t] = tagger->predicted[at];
        out[LOSS] += tagger->nll[at];
        out[RIGHT] += tags[t] == tagger->predicted[at];
    }
    out[WORDS] = (double)sequence->lengths[row];
    if (tagger->config.sentence_label) {
        const rr_sentence_label *sentence = &tagger->sentence;
        out[LOSS] += sentence->nll[row];
        out[LABEL_RIGHT] = sentence->predicted[row] == sentence->targets[row];
        out[ALL_RIGHT] = out[LABEL_RIGHT] > 0 && out[RIGHT] == out[WORDS];
    }
    count_sentence(tagger, sequence->lengths[row], out + COUNTS);
}

static rr_status evaluate(rr_task *task, rr_split split, const uint32_t *examples, size_t rows, const rr_hooks *hooks,
                          double *outcomes) {
    rr_tagger *tagger = (rr_tagger *)task;
    const rr_tag_set *set = &tagger->sets[split];
    rr_sequence sequence;
    rr_tag_forward(tagger, set, examples, rows, 0, NULL, hooks, &sequence);
    rr_tag_targets(tagger, set, examples, &sequence);
    rr_tag_loss(tagger, &sequence, 0, true, hooks);
    if (tagger->config.sentence_label) rr_tag_sentence_loss(tagger, set, examples, &sequence, 0, hooks);
    for (size_t i = 0; i < rows; i++) {
        size_t which = tagger->texts.order[i];
        put_outcome(tagger, &sequence, i, set->tags + set->texts.begin[examples[which]],
                    outcomes + which * rr_tag_outcome_size(task));
    }
    return RR_OK;
}

rr_status rr_tag_evaluate(rr_task *task, rr_split split, size_t begin, size_t end, const rr_hooks *hooks,
                          double *outcomes) {
    return rr_examples_evaluate(task, split, begin, end, ((rr_tagger *)task)->micro_rows, hooks, outcomes, evaluate);
}

/* Sums over all sentences [outcome_size], in their order; NULL where memory is out. */
static double *add_up(const rr_task *task, const double *outcomes, size_t units) {
    size_t width = rr_tag_outcome_size(task);
    double *sums = calloc(width, sizeof *sums);
    for (size_t unit = 0; unit < units && sums != NULL; unit++)
        for (size_t k = 0; k < width; k++) sums[k] += outcomes[unit * width + k];
    return sums;
}

static rr_class_score score_of(const double *counts, size_t kinds, size_t kind) {
    return rr_class_score_of((size_t)counts[kind], (size_t)counts[kinds + kind], (size_t)counts[2 * kinds + kind]);
}

/* Precision, recall and F1 over all spans together. */
static size_t span_metrics(const double *counts, size_t kinds, rr_metric *out) {
    double all[3] = {0};
    for (size_t part = 0; part < 3; part++)
        for (size_t kind = 0; kind < kinds; kind++) all[part] += counts[part * kinds + kind];
    rr_class_score score = rr_class_score_of((size_t)all[0], (size_t)all[1], (size_t)all[2]);
    out[0] = (rr_metric){"f1", score.f1};
    out[1] = (rr_metric){"precision", score.precision};
    out[2] = (rr_metric){"recall", score.recall};
    return 3;
}

size_t rr_tag_metrics(const rr_task *task, const double *outcomes, size_t units, rr_metric out[RR_TASK_METRICS]) {
    const rr_tagger *tagger = (const rr_tagger *)task;
    double *sums = add_up(task, outcomes, units);
    out[0] = (rr_metric){"loss", sums != NULL ? sums[LOSS] / sums[WORDS] : NAN};
    out[1] = (rr_metric){"accuracy", sums != NULL ? sums[RIGHT] / sums[WORDS] : NAN};
    size_t count = 2;
    if (sums != NULL && tagger->spans.any) count += span_metrics(sums + COUNTS, rr_tag_kinds(tagger), out + count);
    if (tagger->config.sentence_label) {
        double sentences = (double)units;
        out[count++] = (rr_metric){"label_accuracy", sums != NULL ? sums[LABEL_RIGHT] / sentences : NAN};
        out[count++] = (rr_metric){"sentence_accuracy", sums != NULL ? sums[ALL_RIGHT] / sentences : NAN};
    }
    free(sums);
    return count;
}

void rr_tag_report(const rr_task *task, const double *outcomes, size_t units, rr_buffer *out) {
    const rr_tagger *tagger = (const rr_tagger *)task;
    size_t kinds = rr_tag_kinds(tagger);
    double *sums = add_up(task, outcomes, units);
    rr_class_score *scores = calloc(kinds + 1, sizeof *scores);
    if (sums != NULL && scores != NULL) {
        for (size_t kind = 0; kind < kinds; kind++) scores[kind] = score_of(sums + COUNTS, kinds, kind);
        rr_class_table(tagger->spans.any ? &tagger->spans.types : &tagger->labels, scores, out);
    }
    free(scores);
    free(sums);
}

size_t rr_tag_floors(const rr_task *task, rr_split split, rr_floor out[RR_TASK_METRICS]) {
    const rr_tagger *tagger = (const rr_tagger *)task;
    const rr_tag_set *set = &tagger->sets[split];
    size_t words = set->texts.tokens.count, right = 0, kinds = rr_tag_kinds(tagger), used = 0;
    if (set->texts.count == 0 || tagger->frequent == NULL) return 0;
    for (size_t i = 0; i < words; i++) right += tagger->frequent[set->texts.tokens.ids[i]] == set->tags[i];
    out[used++] = (rr_floor){"most frequent tag of each word", "accuracy", (double)right / (double)words};
    if (tagger->config.sentence_label) {
        int32_t majority = (int32_t)rr_labels_majority(&tagger->sentence.labels);
        size_t hits = 0;
        for (size_t i = 0; i < set->texts.count; i++) hits += set->classes[i] == majority;
        out[used++] = (rr_floor){"most frequent label", "label_accuracy", (double)hits / (double)set->texts.count};
    }
    if (!tagger->spans.any) return used;
    double *counts = calloc(3 * kinds, sizeof *counts);
    int32_t *said = malloc((words + 1) * sizeof *said);
    if (counts != NULL && said != NULL) {
        rr_metric spans[3];
        for (size_t i = 0; i < words; i++) said[i] = tagger->frequent[set->texts.tokens.ids[i]];
        for (size_t i = 0; i < set->texts.count; i++)
            rr_spans_count(&tagger->spans, set->tags + set->texts.begin[i], said + set->texts.begin[i],
                           set->texts.lengths[i], counts);
        span_metrics(counts, kinds, spans);
        out[used++] = (rr_floor){"most frequent tag of each word", "f1", spans[0].value};
    }
    free(counts);
    free(said);
    return used;
}
