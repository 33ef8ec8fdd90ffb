/* Counter-based random numbers: a pure function of key and counter (Salmon et al. 2011, Philox4x32-10, from Random123).
 */
#ifndef RR_BASE_RNG_H
#define RR_BASE_RNG_H

#include <stdint.h>

/** What a number is for; part of the key, so that two uses of one seed never share numbers. */
typedef enum rr_rng_use {
    RR_RNG_INIT = 1,    /* counter: parameter, element / 4 */
    RR_RNG_DROPOUT = 2, /* counter: step, layer, global row, (time * width + unit) / 4 */
    RR_RNG_SHUFFLE = 3, /* counter: epoch, index */
    RR_RNG_SAMPLE = 4,  /* counter: index of the generated token */
    RR_RNG_SPLIT = 5,
    RR_RNG_SYNTHETIC = 6,
    RR_RNG_TEST = 99
} rr_rng_use;

/** The key of (seed, use): an odd multiplier mixes the use in, so that distinct uses of one seed have distinct keys. */
static inline uint64_t rr_philox_key(uint64_t seed, rr_rng_use use) {
    return seed ^ ((uint64_t)use * UINT64_C(0x9E3779B97F4A7C15));
}

/** Four independent uniform 32-bit words for (seed, use) and a counter of four 32-bit words. */
void rr_philox(uint64_t seed, rr_rng_use use, const uint32_t counter[4], uint32_t out[4]);

/** The first two of them as one number: a key to sort by. */
uint64_t rr_philox_sort_key(uint64_t seed, rr_rng_use use, const uint32_t counter[4]);

/** [0, 1) in steps of 2^-24, exactly representable. */
static inline float rr_unit_float(uint32_t word) { return (float)(word >> 8) * 0x1p-24f; }

#endif
