/* ringrnn: recurrent networks trained on clusters of CPUs. This header includes all the others. */
#ifndef RINGRNN_RINGRNN_H
#define RINGRNN_RINGRNN_H

#include "ringrnn/model.h"
#include "ringrnn/status.h"
#include "ringrnn/trainer.h"
#include "ringrnn/version.h"

#endif
