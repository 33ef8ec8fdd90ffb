#include "nn/dropout.h"

#include <string.h>

#include "base/rng.h"

void rr_dropout_apply(const rr_dropout *dropout, uint32_t site, float p, const rr_sequence *sequence, size_t width,
                      const float *x, float *y) {
    if (dropout == NULL || p == 0) {
        if (x != y) memcpy(y, x, sequence->total * width * sizeof *y);
        return;
    }
    const float keep = 1.0f / (1.0f - p);
    size_t blocks = (width + 3) / 4; /* a counter gives the numbers of four units */
    for (size_t t = 0; t < sequence->steps; t++)
        for (size_t row = 0; row < sequence->active[t]; row++) {
            size_t at = (sequence->offset[t] + row) * width;
            uint64_t id = sequence->row_id[row];
            for (size_t block = 0; block < blocks; block++) {
                /* The step takes 40 bits and the site 24; rows and places in a row take 32 each, what they have beyond
                 * that goes into the key, multiplied so that it does not look like another seed. */
                uint64_t where = (uint64_t)t * blocks + block;
                uint32_t counter[4] = {(uint32_t)dropout->step, (uint32_t)(dropout->step >> 32 & 0xff) | site << 8,
                                       (uint32_t)id, (uint32_t)where};
                uint32_t words[4];
                uint64_t beyond =
                    (id >> 32) * UINT64_C(0xBF58476D1CE4E5B9) ^ (where >> 32) * UINT64_C(0x94D049BB133111EB);
                rr_philox(dropout->seed ^ beyond, RR_RNG_DROPOUT, counter, words);
                size_t end = width - 4 * block < 4 ? width - 4 * block : 4;
                for (size_t u = 0; u < end; u++) {
                    size_t i = at + 4 * block + u;
                    y[i] = rr_unit_float(words[u]) < p ? 0.0f : x[i] * keep;
                }
            }
        }
}
