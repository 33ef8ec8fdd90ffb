#include "task/class_report.h"

enum { NAME = 24 }; /* columns of a name in a table */

rr_class_score rr_class_score_of(size_t hits, size_t support, size_t predicted) {
    double h = (double)hits;
    return (rr_class_score){.precision = predicted > 0 ? h / (double)predicted : 0,
                            .recall = support > 0 ? h / (double)support : 0,
                            .f1 = support + predicted > 0 ? 2 * h / (double)(support + predicted) : 0,
                            .support = support,
                            .predicted = predicted};
}

double rr_class_macro_f1(const rr_class_score *scores, size_t count) {
    double sum = 0;
    size_t seen = 0;
    for (size_t i = 0; i < count; i++) {
        if (scores[i].support + scores[i].predicted == 0) continue;
        sum += scores[i].f1;
        seen++;
    }
    return seen > 0 ? sum / (double)seen : 0;
}

void rr_class_table(const rr_labels *labels, const rr_class_score *scores, rr_buffer *out) {
    rr_buffer_printf(out, "%-*s %9s %9s %9s %9s\n", NAME, "class", "precision", "recall", "f1", "support");
    for (size_t i = 0; i < labels->count; i++)
        rr_buffer_printf(out, "%-*s %9.4f %9.4f %9.4f %9zu\n", NAME, labels->names[i], scores[i].precision,
                         scores[i].recall, scores[i].f1, scores[i].support);
}

void rr_class_confusion(const rr_labels *labels, const size_t *confusion, rr_buffer *out) {
    rr_buffer_printf(out, "%-*s", NAME, "true \\ predicted");
    for (size_t i = 0; i < labels->count; i++) rr_buffer_printf(out, " %9.9s", labels->names[i]);
    rr_buffer_puts(out, "\n");
    for (size_t i = 0; i < labels->count; i++) {
        rr_buffer_printf(out, "%-*s", NAME, labels->names[i]);
        for (size_t k = 0; k < labels->count; k++) rr_buffer_printf(out, " %9zu", confusion[i * labels->count + k]);
        rr_buffer_puts(out, "\n");
    }
}
