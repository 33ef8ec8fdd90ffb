/*
 * What becomes of numbers and dates before a network sees them. Own series for log, sine and cosine, in double: no
 * result of a system's library reaches a parameter.
 */
#ifndef RR_DATA_SERIES_MATH_H
#define RR_DATA_SERIES_MATH_H

#include "data/series.h"

/** What is forecast: values, their differences, or the differences of their logarithms. */
typedef enum rr_series_transform {
    RR_TRANSFORM_NONE,
    RR_TRANSFORM_DIFFERENCE,
    RR_TRANSFORM_LOG_RETURN
} rr_series_transform;
extern const char *const rr_series_transform_names[]; /* "none", "difference", "log_return", NULL */

/**
 * All values transformed, [count, columns] as series->values. The first row of each series has no difference: NAN.
 * @return RR_ERR_INPUT `file:line: column ...` where the logarithm of a number <= 0 is wanted
 */
rr_status rr_series_apply(const rr_series *series, rr_series_transform transform, double *out);

/** Time features, each a sine and a cosine: "hour", "weekday", "monthday", "month", "yearday". */
enum { RR_TIME_FEATURES = 5 };
extern const char *const rr_time_feature_names[]; /* [RR_TIME_FEATURES], NULL */

/** out[2]: sine and cosine of where `time` stands in the cycle of the feature. */
void rr_time_feature(size_t feature, int64_t time, float out[2]);

/** Natural logarithm of a number > 0, to about 1 ulp. */
double rr_series_log(double x);

#endif
