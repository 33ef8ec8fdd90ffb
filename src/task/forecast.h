/* Forecasts of time series: a window of the past through recurrent layers, and all steps of the horizon at once. */
#ifndef RR_TASK_FORECAST_H
#define RR_TASK_FORECAST_H

#include "task/task.h"

extern const rr_task_ops rr_task_forecast;

#endif
