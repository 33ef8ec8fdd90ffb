/* Several checkpoints of a run as one: the mean of their weights. */
#ifndef RR_MODEL_AVERAGE_H
#define RR_MODEL_AVERAGE_H

#include <stddef.h>

#include "base/error.h"

/** In the metadata of such a file: the steps that it is the mean of. */
#define RR_AVERAGED "averaged"

/**
 * Writes a checkpoint that holds the mean of every weight over the files (summed in double, in the order given), and
 * the rest of what the last of them says. It has no state of an optimiser: it is to be evaluated and used, not gone on
 * from. Averages over the last part of a training generalise better than its end (Polyak and Juditsky 1992, Izmailov et
 * al. 2018).
 * @param[in] paths  [count >= 1] of one model: the same vocabulary, and the same names and shapes of weights
 * @return RR_ERR_INPUT naming file and tensor, RR_ERR_RUNTIME, RR_ERR_NOMEM
 */
rr_status rr_average(const char *const *paths, size_t count, const char *out);

#endif
