#include "log/histogram.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* All limits: -DBL_MAX stands for the lower end of the first bucket and is none itself. */
static void fill_limits(double limit[RR_HISTOGRAM_BUCKETS]) {
    double value = 1e-12;
    limit[RR_HISTOGRAM_SIDE] = 0;
    for (size_t i = 0; i < RR_HISTOGRAM_SIDE; i++, value *= 1.1) {
        limit[RR_HISTOGRAM_SIDE + 1 + i] = value;
        limit[RR_HISTOGRAM_SIDE - 1 - i] = -value;
    }
    limit[RR_HISTOGRAM_BUCKETS - 1] = DBL_MAX;
}

/* The first bucket whose limit is above the value. */
static size_t bucket_of(const double limit[RR_HISTOGRAM_BUCKETS], double value) {
    size_t low = 0, high = RR_HISTOGRAM_BUCKETS - 1;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (limit[middle] > value)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Of neighbouring empty buckets only the last stays: it carries the limit at which the next full one begins. */
static void merge_empty(rr_histogram *histogram) {
    size_t kept = 0, last = RR_HISTOGRAM_BUCKETS;
    while (last > 0 && histogram->bucket[last - 1] == 0) last--;
    for (size_t i = 0; i < last; i++) {
        if (histogram->bucket[i] == 0 && histogram->bucket[i + 1] == 0) continue;
        histogram->limit[kept] = histogram->limit[i];
        histogram->bucket[kept++] = histogram->bucket[i];
    }
    histogram->bucket_count = kept;
}

void rr_histogram_fill(const float *values, size_t count, rr_histogram *out) {
    memset(out, 0, sizeof *out);
    out->min = DBL_MAX;
    out->max = -DBL_MAX;
    fill_limits(out->limit);
    for (size_t i = 0; i < count; i++) {
        double value = values[i];
        if (!isfinite(value)) continue;
        out->bucket[bucket_of(out->limit, value)]++;
        if (value < out->min) out->min = value;
        if (value > out->max) out->max = value;
        out->sum += value;
        out->sum_squares += value * value;
        out->count++;
    }
    merge_empty(out);
}
