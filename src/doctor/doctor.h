/* Is this place fit for training? Facts, measured and read from the system; findings with advice; a verdict. */
#ifndef RR_DOCTOR_DOCTOR_H
#define RR_DOCTOR_DOCTOR_H

#include <stdbool.h>

#include "ringrnn/trainer.h"

typedef struct rr_doctor_options {
    rr_train_options train; /* config_path NULL: no configuration; its data files are not read */
    bool json;
} rr_doctor_options;

/**
 * Collective under a launcher, where it starts and ends MPI; alone without one, and then without MPI. Takes less than
 * a minute. Rank 0 prints.
 * @return RR_ERR_RUNTIME if something is broken, RR_ERR_INPUT on a wrong configuration
 */
rr_status rr_doctor(const rr_doctor_options *options, int *argc, char ***argv);

#endif
