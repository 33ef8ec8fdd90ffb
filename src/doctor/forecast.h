/* What a configuration would take on 1, 2, 4 ... 1024 ranks: computing measured here, the rest by a model. */
#ifndef RR_DOCTOR_FORECAST_H
#define RR_DOCTOR_FORECAST_H

#include "doctor/facts.h"
#include "ringrnn/trainer.h"
#include "train/train_config.h"

/** Collective: every rank computes alone for some seconds, all at once; rank 0 reports. */
rr_status rr_doctor_forecast(const rr_examination *examination, const rr_train_options *options,
                             const rr_settings *settings, rr_task *task, const rr_patients *patients,
                             rr_report *report);

#endif
