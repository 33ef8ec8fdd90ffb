/* Mean and standard deviation of the columns of series, and what else a forecaster's checkpoint must know of its data.
 */
#ifndef RR_DATA_SERIES_SCALE_H
#define RR_DATA_SERIES_SCALE_H

#include "data/series.h"

/** Zero-initialise; free with rr_series_scale_free. */
typedef struct rr_series_scale {
    size_t column_count, series_count;
    char **columns, **series;                 /* names */
    double *mean, *deviation;                 /* [series, columns] of the values */
    double *changes_mean, *changes_deviation; /* the same of the values that the network sees (differences ...) */
    rr_date_step step;
} rr_series_scale;

/** Of the rows of the training part of values and changes [rows, columns], missing values left out; a deviation of 0
 * becomes 1. @return RR_ERR_NOMEM; RR_ERR_INPUT if a column has no value there */
rr_status rr_series_scale_fit(const rr_series_table *table, const double *changes, rr_series_scale *out);

/** The index of a series, or series_count. */
size_t rr_series_scale_find(const rr_series_scale *scale, const char *series);

rr_status rr_series_scale_to_json(const rr_series_scale *scale, rr_buffer *out);
/** @return RR_ERR_INPUT, RR_ERR_NOMEM; what was made stays to be freed */
rr_status rr_series_scale_from_json(const char *text, rr_series_scale *out);
void rr_series_scale_free(rr_series_scale *scale);

#endif
