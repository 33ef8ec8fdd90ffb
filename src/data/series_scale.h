/* What a forecaster keeps of the series it was trained on: columns, means and standard deviations, the step of time. */
#ifndef RR_DATA_SERIES_SCALE_H
#define RR_DATA_SERIES_SCALE_H

#include "data/series.h"

/** Zero-initialise; free with rr_series_scale_free. */
typedef struct rr_series_scale {
    rr_series_names columns; /* of numbers; the first `inputs` of them are inputs */
    rr_series_names series;
    size_t inputs, target_count;
    size_t *targets;    /* [target_count] columns */
    double *mean, *std; /* [series, columns] of the training part; 0 and 1 where nothing is standardised */
    rr_date_step step;
    size_t linear_count;
    double *linear; /* [linear_count] a linear map to compare with; NULL: none. A large one is not in the JSON */
} rr_series_scale;

/** Takes over the names of columns and series, with means 0 and deviations 1. @return RR_ERR_NOMEM */
rr_status rr_series_scale_start(rr_series_scale *scale, const rr_series *series, size_t inputs);

/**
 * Means and standard deviations (of the population) of columns within rows [begin, end) of a series; what is NAN does
 * not count. A column that never changes gets the deviation 1.
 * @param[in] values  [.., columns]
 */
void rr_series_scale_fit(rr_series_scale *scale, size_t series, const double *values, size_t begin, size_t end);

rr_status rr_series_scale_to_json(const rr_series_scale *scale, rr_buffer *out);
/** @return RR_ERR_INPUT, RR_ERR_NOMEM */
rr_status rr_series_scale_from_json(const char *text, rr_series_scale *out);
void rr_series_scale_free(rr_series_scale *scale);

#endif
