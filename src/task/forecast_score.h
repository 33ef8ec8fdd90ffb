/* Errors of forecasts, of the network or of a simple rule: sums over windows, of every target and step by itself. */
#ifndef RR_TASK_FORECAST_SCORE_H
#define RR_TASK_FORECAST_SCORE_H

#include "task/forecast_model.h"

/** Of one target and step. z: standardised units; the others: those of the file. */
typedef struct rr_score_cell {
    double count;
    double z_squares, z_absolute;
    double squares, absolute;
    double percent, percents; /* |error / truth| and how many, of truths that are not 0 */
    double y, p, yy, pp, yp;  /* truth and forecast, their squares and product */
} rr_score_cell;

typedef struct rr_scores {
    size_t targets, horizon;
    rr_score_cell *cells; /* [targets, horizon] */
} rr_scores;

/** What follows from the sums of some cells. */
typedef struct rr_score {
    double mse, mae;         /* standardised */
    double raw_mse, raw_mae; /* units of the file, as what follows */
    double rmse;
    double mape; /* percent */
    double rse;  /* root of squared error / squared distance from the mean (Lai et al. 2018) */
    double corr; /* mean over targets and steps of Pearson's correlation over windows (Lai et al. 2018) */
} rr_score;

rr_status rr_scores_create(const rr_forecaster *f, rr_scores *out);
void rr_scores_free(rr_scores *scores);

/** Adds a window of a target: forecasts [horizon] as z, and in the units of the file. */
void rr_scores_add(rr_scores *scores, const rr_forecaster *f, const rr_forecast_part *part, size_t window,
                   size_t target, const double *z, const double *values);

/** Over all cells with this target and step; targets, horizon: all of them. */
rr_score rr_scores_of(const rr_scores *scores, size_t target, size_t step);

#endif
