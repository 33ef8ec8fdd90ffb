/* Histograms over TensorBoard's usual buckets: limits +-1e-12 * 1.1^k up to 1e20, and 0 between them. */
#ifndef RR_LOG_HISTOGRAM_H
#define RR_LOG_HISTOGRAM_H

#include <stddef.h>

enum { RR_HISTOGRAM_SIDE = 774, RR_HISTOGRAM_BUCKETS = 2 * RR_HISTOGRAM_SIDE + 2 };

typedef struct rr_histogram {
    size_t bucket_count;
    double limit[RR_HISTOGRAM_BUCKETS];  /* rising; bucket i counts values in [limit[i - 1], limit[i]) */
    double bucket[RR_HISTOGRAM_BUCKETS]; /* empty ones stand only at the edges of gaps */
    double min, max, sum, sum_squares;
    size_t count; /* finite values */
} rr_histogram;

/** Counts values [count]; those that are not finite are left out. */
void rr_histogram_fill(const float *values, size_t count, rr_histogram *out);

#endif
