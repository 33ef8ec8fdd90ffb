#include "nn/dropout.h"

#include <string.h>

#include "base/rng.h"
#include "math/pointwise.h"

/*
 * Units of a row from place `where` on, counted in fours over time. The step takes 40 bits and the site 24; rows and
 * places in a row take 32 each, what they have beyond that goes into the key, multiplied so that it does not look like
 * another seed.
 */
static void apply(const rr_dropout *dropout, uint32_t site, float p, uint64_t row, uint64_t where, size_t width,
                  const float *x, float *y) {
    const uint32_t counter[4] = {(uint32_t)dropout->step, (uint32_t)(dropout->step >> 32 & 0xff) | site << 8,
                                 (uint32_t)row, (uint32_t)where};
    uint64_t beyond = (row >> 32) * UINT64_C(0xBF58476D1CE4E5B9) ^ (where >> 32) * UINT64_C(0x94D049BB133111EB);
    rr_dropout_row(width, rr_philox_key(dropout->seed ^ beyond, RR_RNG_DROPOUT), counter, p, x, y);
}

/* Step t of `rows` rows, which begin at x and y. */
static void apply_step(const rr_dropout *dropout, uint32_t site, float p, const rr_sequence *sequence, size_t t,
                       size_t rows, size_t width, const float *x, float *y) {
    size_t blocks = (width + 3) / 4; /* a counter gives the numbers of four units */
    for (size_t row = 0; row < rows; row++, x += width, y += width)
        for (size_t block = 0, count; block < blocks; block += count) {
            uint64_t where = (uint64_t)(sequence->first_step + t) * blocks + block,
                     left = (UINT64_C(1) << 32) - (uint32_t)where;
            count = left < blocks - block ? (size_t)left : blocks - block; /* until the last word overflows */
            size_t end = block + count < blocks ? 4 * (block + count) : width;
            apply(dropout, site, p, sequence->row_id[row], where, end - 4 * block, x + 4 * block, y + 4 * block);
        }
}

void rr_dropout_apply(const rr_dropout *dropout, uint32_t site, float p, const rr_sequence *sequence, size_t width,
                      const float *x, float *y) {
    if (dropout == NULL || p == 0) {
        size_t first = sequence->steps > 0 ? sequence->offset[0] * width : 0;
        if (x != y) memcpy(y + first, x + first, sequence->total * width * sizeof *y);
        return;
    }
    for (size_t t = 0; t < sequence->steps; t++) {
        size_t at = sequence->offset[t] * width;
        apply_step(dropout, site, p, sequence, t, sequence->active[t], width, x + at, y + at);
    }
}

void rr_dropout_rows(const rr_dropout *dropout, uint32_t site, float p, const rr_sequence *sequence, size_t width,
                     float *x) {
    if (dropout == NULL || p == 0) return;
    apply_step(dropout, site, p, sequence, 0, sequence->rows, width, x, x);
}
