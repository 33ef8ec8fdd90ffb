/* How well classes are told apart, from pairs of true and predicted class. */
#ifndef RR_TASK_CLASS_REPORT_H
#define RR_TASK_CLASS_REPORT_H

#include "data/labels.h"

/** Precision, recall and F1 of a class; those without a denominator are 0, as in scikit-learn. */
typedef struct rr_class_score {
    double precision, recall, f1;
    size_t support, predicted; /* how often it is the truth; how often it was said */
} rr_class_score;

rr_class_score rr_class_score_of(size_t hits, size_t support, size_t predicted);

/** Mean F1 of the classes [count] that are true or were predicted somewhere. */
double rr_class_macro_f1(const rr_class_score *scores, size_t count);

/** A table of the classes. */
void rr_class_table(const rr_labels *labels, const rr_class_score *scores, rr_buffer *out);

/** Rows: the truth; columns: what was predicted. confusion [labels->count, labels->count] */
void rr_class_confusion(const rr_labels *labels, const size_t *confusion, rr_buffer *out);

#endif
