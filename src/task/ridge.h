/*
 * A linear map from the last values of a series to the next ones, fitted by least squares with a penalty on its weights
 * (ridge regression, Hoerl & Kennard 1970): what a forecaster should do better than.
 */
#ifndef RR_TASK_RIDGE_H
#define RR_TASK_RIDGE_H

#include <stddef.h>

#include "base/error.h"

/** Sums over examples of all products of two of (1, window, targets). Free with rr_ridge_free. */
typedef struct rr_ridge {
    size_t window, horizon, width; /* width: 1 + window + horizon */
    double count;                  /* examples */
    double *gram;                  /* [width, width] */
} rr_ridge;

rr_status rr_ridge_create(size_t window, size_t horizon, rr_ridge *out);
void rr_ridge_free(rr_ridge *ridge);

/**
 * Adds `windows` examples, each a step behind the one before: x[0], x[stride], ... are windows + window + horizon - 1
 * values. O(windows * width + width^2), as neighbours share all products but those at the ends.
 */
void rr_ridge_add(rr_ridge *ridge, const float *x, size_t stride, size_t windows);

/**
 * The map that fits best with penalty * count on the squared weights; the constant is free of it.
 * @param[out] map  [horizon, 1 + window], the constant first
 * @return RR_ERR_NUMERIC if there is none; RR_ERR_NOMEM
 */
rr_status rr_ridge_solve(const rr_ridge *ridge, double penalty, double *map);

/** Mean squared error of a map on the examples, over all horizons. */
double rr_ridge_error(const rr_ridge *ridge, const double *map);

/** Solves with several penalties and keeps the map that is best on other examples (of count 0: a middle penalty). */
rr_status rr_ridge_choose(const rr_ridge *ridge, const rr_ridge *valid, double *map, double *penalty);

/** y[horizon] from x[0], x[stride], ... [window]. */
void rr_ridge_apply(size_t window, size_t horizon, const double *map, const float *x, size_t stride, double *y);

#endif
