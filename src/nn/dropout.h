/* Inverted dropout (Srivastava et al. 2014) whose mask is a function of (seed, step, site, global row, time, unit)
 * alone. */
#ifndef RR_NN_DROPOUT_H
#define RR_NN_DROPOUT_H

#include <stdint.h>

#include "nn/sequence.h"

/** What all dropout sites of a training step share. */
typedef struct rr_dropout {
    uint64_t seed;
    uint64_t step; /* optimiser step, from 0 */
} rr_dropout;

/**
 * y = x * mask / (1 - p), for x [total, width] over a batch; x == y is fine. The mask is computed anew each time, so
 * backward is the same call on the gradient. p = 0 or dropout NULL copies (or does nothing in place).
 *
 * @param[in] site  number of the place in the model; each has its own mask
 */
void rr_dropout_apply(const rr_dropout *dropout, uint32_t site, float p, const rr_sequence *sequence, size_t width,
                      const float *x, float *y);

/** The same of x [rows, width], in place: one vector for each row of a batch, in the batch's order of rows. */
void rr_dropout_rows(const rr_dropout *dropout, uint32_t site, float p, const rr_sequence *sequence, size_t width,
                     float *x);

#endif
