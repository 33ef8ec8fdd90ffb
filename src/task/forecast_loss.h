/* What a forecast says of each number, and its loss: a point, a normal distribution, or quantiles. */
#ifndef RR_TASK_FORECAST_LOSS_H
#define RR_TASK_FORECAST_LOSS_H

#include <stdbool.h>
#include <stddef.h>

enum { RR_FORECAST_OUTPUTS = 99 }; /* of a number, at most */

typedef enum rr_forecast_head { RR_HEAD_POINT, RR_HEAD_GAUSSIAN, RR_HEAD_QUANTILE } rr_forecast_head;
typedef enum rr_point_loss { RR_LOSS_MSE, RR_LOSS_MAE } rr_point_loss;

typedef struct rr_forecast_loss {
    rr_forecast_head head;
    rr_point_loss point;
    size_t outputs;          /* of a number: 1; mean and log of the variance; one for each quantile */
    const double *quantiles; /* [outputs], growing; RR_HEAD_QUANTILE alone */
} rr_forecast_loss;

/**
 * Loss of `count` numbers: squared or absolute error; negative log-likelihood without its constant log(2 pi) / 2, as
 * torch.nn.GaussianNLLLoss (Nix & Weigend 1994); the mean over quantiles of the pinball loss (Koenker & Bassett 1978).
 * @param[in,out] y  [count, outputs]; with scale not 0 it becomes the gradient of scale * the sum of the loss
 * @param[in] truth  [count]
 * @return the sum of the loss
 */
double rr_forecast_loss_run(const rr_forecast_loss *loss, size_t count, float *y, const float *truth, float scale);

/** The loss of one number, y [outputs]. */
double rr_forecast_loss_of(const rr_forecast_loss *loss, const double *y, float truth);

/** Which output is the forecast itself: the mean, or the quantile nearest to the median. */
size_t rr_forecast_middle(const rr_forecast_loss *loss);

/** So many deviations on both sides of its mean hold 90 % of a normal distribution. */
#define RR_FORECAST_DEVIATIONS 1.6448536269514722

/** What the interval of a forecast should hold of the truth: of quantiles the outer ones, of a normal distribution 90
 * %. */
double rr_forecast_interval_share(const rr_forecast_loss *loss);

/** False for outputs that are no place on the axis of the values: the log of a variance. */
static inline bool rr_forecast_is_place(const rr_forecast_loss *loss, size_t output) {
    return loss->head != RR_HEAD_GAUSSIAN || output == 0;
}

#endif
