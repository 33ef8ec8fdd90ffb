#include "data/series_math.h"

#include <math.h>

const char *const rr_series_transform_names[] = {"none", "difference", "log_return", NULL};
const char *const rr_time_feature_names[] = {"hour", "weekday", "monthday", "month", "yearday", NULL};

/* With s = (m - 1) / (m + 1), log m = 2 (s + s^3 / 3 + s^5 / 5 + ...), |s| < 0.172. */
double rr_series_log(double x) {
    int exponent;
    double m = frexp(x, &exponent);
    if (m < 0.70710678118654752440) {
        m *= 2;
        exponent--;
    }
    double s = (m - 1) / (m + 1), square = s * s, sum = 0;
    for (int k = 23; k >= 1; k -= 2) sum = sum * square + 1.0 / k;
    return 2 * s * sum + exponent * 0.69314718055994530942;
}

static rr_status no_logarithm(const rr_series *series, size_t row, size_t column) {
    return rr_fail(RR_ERR_INPUT, "%s:%llu: column %s: %g has no logarithm; log_return wants numbers > 0",
                   series->files.items[series->rows[row].file], (unsigned long long)series->rows[row].line,
                   series->columns.items[column], series->values[row * series->columns.count + column]);
}

rr_status rr_series_apply(const rr_series *series, rr_series_transform transform, double *out) {
    size_t width = series->columns.count;
    for (size_t i = 0; i < series->count; i++) {
        bool first = i == 0 || series->rows[i].series != series->rows[i - 1].series;
        for (size_t c = 0; c < width; c++) {
            const double *value = series->values + i * width + c;
            double *to = out + i * width + c;
            if (transform == RR_TRANSFORM_LOG_RETURN && *value <= 0) return no_logarithm(series, i, c);
            if (transform == RR_TRANSFORM_NONE)
                *to = *value;
            else if (first)
                *to = NAN;
            else if (transform == RR_TRANSFORM_DIFFERENCE)
                *to = *value - *(value - width);
            else
                *to = rr_series_log(*value / *(value - width));
        }
    }
    return RR_OK;
}

/* Of turns in [0, 1). By Taylor's series at a quarter of the angle, which is at most pi / 4, then doubled twice. */
static void sine_cosine(double turns, float out[2]) {
    double a = (turns < 0.5 ? turns : turns - 1) * (6.28318530717958647693 / 4), square = a * a, sine = 0, cosine = 0;
    for (int k = 9; k >= 0; k--) {
        sine = 1 - sine * square / ((2 * k + 2) * (2 * k + 3));
        cosine = 1 - cosine * square / ((2 * k + 1) * (2 * k + 2));
    }
    sine *= a;
    for (int twice = 0; twice < 2; twice++) {
        double s = 2 * sine * cosine;
        cosine = cosine * cosine - sine * sine;
        sine = s;
    }
    out[0] = (float)sine;
    out[1] = (float)cosine;
}

void rr_time_feature(size_t feature, int64_t time, float out[2]) {
    rr_date_parts p = rr_date_split(time);
    double second = p.hour * 3600.0 + p.minute * 60.0 + p.second;
    const double turns[RR_TIME_FEATURES] = {second / 86400, p.weekday / 7.0, (p.day - 1) / 31.0, (p.month - 1) / 12.0,
                                            p.yearday / 366.0};
    sine_cosine(turns[feature], out);
}
