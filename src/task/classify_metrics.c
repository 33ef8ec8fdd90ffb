/* Metrics of a classifier, and what counting alone reaches. */
#include <math.h>
#include <stdlib.h>

#include "task/class_report.h"
#include "task/classify_model.h"

enum { SHOWN_CLASSES = 20 }; /* of a confusion matrix */

/* What the outcomes say of all classes. Free with free_tally. */
typedef struct tally {
    double loss, weight;
    size_t right;                    /* examples without any mistake */
    size_t *hits, *gold, *predicted; /* [classes] */
    size_t *confusion;               /* [classes, classes], of one label */
    rr_class_score *scores;
} tally;

static void free_tally(tally *t) {
    free(t->hits);
    free(t->gold);
    free(t->predicted);
    free(t->confusion);
    free(t->scores);
}

static void add_one(tally *t, size_t classes, const double *outcome) {
    size_t gold = (size_t)outcome[2], predicted = (size_t)outcome[3];
    t->gold[gold]++;
    t->predicted[predicted]++;
    t->hits[gold] += gold == predicted;
    t->right += gold == predicted;
    t->confusion[gold * classes + predicted]++;
}

static void add_several(tally *t, size_t classes, const double *outcome) {
    bool right = true;
    for (size_t k = 0; k < classes; k++) {
        unsigned both = (unsigned)outcome[2 + k];
        t->gold[k] += both & 1;
        t->predicted[k] += both >> 1;
        t->hits[k] += both == 3;
        right = right && (both == 0 || both == 3);
    }
    t->right += right;
}

/* In order of the units: the result does not depend on the number of ranks. False where memory is out. */
static bool count(const rr_classify *c, const double *outcomes, size_t units, tally *t) {
    size_t classes = rr_classify_classes(c), width = rr_classify_outcome_size(&c->base);
    bool several = c->config.multi_label;
    *t = (tally){.hits = calloc(classes + 1, sizeof(size_t)),
                 .gold = calloc(classes + 1, sizeof(size_t)),
                 .predicted = calloc(classes + 1, sizeof(size_t)),
                 .confusion = calloc(several ? 1 : classes * classes + 1, sizeof(size_t)),
                 .scores = calloc(classes + 1, sizeof(rr_class_score))};
    if (t->hits == NULL || t->gold == NULL || t->predicted == NULL || t->confusion == NULL || t->scores == NULL)
        return false;
    for (size_t unit = 0; unit < units; unit++) {
        const double *outcome = outcomes + unit * width;
        t->loss += outcome[0];
        t->weight += outcome[1];
        if (several)
            add_several(t, classes, outcome);
        else
            add_one(t, classes, outcome);
    }
    for (size_t k = 0; k < classes; k++) t->scores[k] = rr_class_score_of(t->hits[k], t->gold[k], t->predicted[k]);
    return true;
}

static double micro_f1(const tally *t, size_t classes) {
    size_t hits = 0, gold = 0, predicted = 0;
    for (size_t k = 0; k < classes; k++) {
        hits += t->hits[k];
        gold += t->gold[k];
        predicted += t->predicted[k];
    }
    return rr_class_score_of(hits, gold, predicted).f1;
}

size_t rr_classify_metrics(const rr_task *task, const double *outcomes, size_t units, rr_metric out[RR_TASK_METRICS]) {
    const rr_classify *c = (const rr_classify *)task;
    tally t;
    size_t used = 0;
    bool counted = count(c, outcomes, units, &t);
    out[used++] = (rr_metric){"loss", counted ? t.loss / t.weight : NAN};
    out[used++] = (rr_metric){"accuracy", counted ? (double)t.right / (double)units : NAN};
    out[used++] = (rr_metric){"macro_f1", counted ? rr_class_macro_f1(t.scores, rr_classify_classes(c)) : NAN};
    if (c->config.multi_label)
        out[used++] = (rr_metric){"micro_f1", counted ? micro_f1(&t, rr_classify_classes(c)) : NAN};
    free_tally(&t);
    return used;
}

void rr_classify_report(const rr_task *task, const double *outcomes, size_t units, rr_buffer *out) {
    const rr_classify *c = (const rr_classify *)task;
    tally t;
    if (count(c, outcomes, units, &t)) {
        rr_class_table(&c->labels, t.scores, out);
        if (!c->config.multi_label && rr_classify_classes(c) <= SHOWN_CLASSES)
            rr_class_confusion(&c->labels, t.confusion, out);
    }
    free_tally(&t);
}

/*
 * What is reached by saying the same of every text: `said` [classes], and p [classes] as probabilities. Counted like
 * what the network says.
 */
static size_t constant_metrics(const rr_classify *c, const rr_classify_set *set, const bool *said, const double *p,
                               rr_metric *out) {
    size_t classes = rr_classify_classes(c), width = rr_classify_outcome_size(&c->base), units = set->texts.count;
    double *outcomes = calloc(units * width + 1, sizeof *outcomes);
    for (size_t i = 0; i < units && outcomes != NULL; i++) {
        double *o = outcomes + i * width;
        if (set->labels != NULL) {
            o[1] = (double)rr_classify_weight(c, set->labels[i]);
            o[0] = -o[1] * log(p[set->labels[i]]);
            o[2] = (double)set->labels[i];
        } else {
            o[1] = (double)classes;
        }
        for (size_t k = 0; k < classes; k++) {
            bool gold = set->multi != NULL && set->multi[i * classes + k] != 0;
            if (set->labels != NULL && said[k]) o[3] = (double)k;
            if (set->labels != NULL) continue;
            o[0] -= log(gold ? p[k] : 1 - p[k]);
            o[2 + k] = (gold ? 1 : 0) + (said[k] ? 2 : 0);
        }
    }
    size_t count = outcomes != NULL ? rr_classify_metrics(&c->base, outcomes, units, out) : 0;
    free(outcomes);
    return count;
}

static size_t put_floors(const char *name, const rr_metric *metrics, size_t first, size_t end, rr_floor *out) {
    for (size_t i = first; i < end; i++) out[i - first] = (rr_floor){name, metrics[i].name, metrics[i].value};
    return end > first ? end - first : 0;
}

/* The class that training has most often; with several labels those that most texts have, and all of them (which is the
 * best constant for F1). Probabilities are frequencies in training, each counted once more (Laplace), so that none is
 * 0. */
static size_t find_floors(const rr_classify *c, const rr_classify_set *set, bool *said, double *p, rr_floor *out) {
    enum { LOSS, ACCURACY, MACRO_F1 };
    rr_metric metrics[RR_TASK_METRICS];
    bool several = set->multi != NULL;
    size_t classes = rr_classify_classes(c), majority = rr_labels_majority(&c->labels);
    double all = several ? (double)c->labels.examples + 2 : 0;
    for (size_t k = 0; k < classes && !several; k++) all += (double)c->labels.counts[k] + 1;
    for (size_t k = 0; k < classes; k++) {
        p[k] = ((double)c->labels.counts[k] + 1) / all;
        said[k] = several ? 2 * c->labels.counts[k] > c->labels.examples : k == majority;
    }
    size_t count = constant_metrics(c, set, said, p, metrics);
    size_t used =
        put_floors(several ? "frequencies of labels" : "frequencies of classes", metrics, LOSS, ACCURACY, out);
    used += put_floors(several ? "labels of most texts" : "majority class", metrics, ACCURACY,
                       several ? MACRO_F1 : count, out + used);
    if (!several) return used;
    for (size_t k = 0; k < classes; k++) said[k] = true;
    count = constant_metrics(c, set, said, p, metrics);
    return used + put_floors("all labels", metrics, MACRO_F1, count, out + used);
}

size_t rr_classify_floors(const rr_task *task, rr_split split, rr_floor out[RR_TASK_METRICS]) {
    const rr_classify *c = (const rr_classify *)task;
    const rr_classify_set *set = &c->sets[split];
    size_t classes = rr_classify_classes(c), used = 0;
    bool *said = calloc(classes + 1, sizeof *said);
    double *p = calloc(classes + 1, sizeof *p);
    bool known = set->multi == NULL || c->labels.examples > 0; /* checkpoints of earlier versions do not say it */
    if (set->texts.count > 0 && known && said != NULL && p != NULL) used = find_floors(c, set, said, p, out);
    free(said);
    free(p);
    return used;
}
