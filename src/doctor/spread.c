#include "doctor/spread.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

rr_spread rr_spread_of(const rr_patients *patients, size_t offset) {
    rr_spread spread = {.least = NAN, .median = NAN, .most = NAN};
    double *values = malloc((patients->count + 1) * sizeof *values);
    size_t count = 0;
    for (size_t rank = 0; rank < patients->count && values != NULL; rank++) {
        double value = *(const double *)(const void *)((const char *)&patients->all[rank] + offset);
        if (isnan(value)) continue;
        if (count == 0 || value < spread.least) spread.least_rank = rank, spread.least = value;
        if (count == 0 || value > spread.most) spread.most_rank = rank, spread.most = value;
        values[count++] = value;
    }
    if (count > 0) {
        qsort(values, count, sizeof *values, compare);
        spread.median = values[count / 2];
    }
    free(values);
    return spread;
}

void rr_spread_text(const rr_spread *spread, double scale, const char *unit, char *text, size_t size) {
    if (isnan(spread->median))
        snprintf(text, size, "unknown");
    else if (spread->most <= 1.02 * spread->least)
        snprintf(text, size, "%.3g %s", scale * spread->median, unit);
    else
        snprintf(text, size, "%.3g to %.3g %s", scale * spread->least, scale * spread->most, unit);
}
