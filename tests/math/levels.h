/* The kernels of every level that this processor has, and measures of how close numbers are. */
#ifndef RR_TEST_MATH_LEVELS_H
#define RR_TEST_MATH_LEVELS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/rng.h"
#include "math/kernels.h"

#define FOR_EACH_LEVEL(level) for (rr_isa level = RR_ISA_PORTABLE; level <= rr_isa_best(); level++)

static inline uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/** |got - want| in units of the last place of a float at want; one of the smallest normal float below that. */
static inline double ulps(float got, double want) {
    int exponent = want == 0 ? -126 : ilogb(want);
    if (exponent < -126) exponent = -126;
    return fabs((double)got - want) / ldexp(1.0, exponent - 23);
}

/** The same value, where one NaN is as good as another and 0 differs from -0. */
static inline int same(float a, float b) { return bits_of(a) == bits_of(b) || (a != a && b != b); }

/** Numbers in [low, high), drawn for a test. */
static inline void draw(size_t count, uint32_t stream, float low, float high, float *out) {
    uint32_t words[4];
    for (size_t i = 0; i < count; i++) {
        if (i % 4 == 0) rr_philox(1, RR_RNG_TEST, (uint32_t[4]){(uint32_t)(i / 4), 0, stream, 0}, words);
        out[i] = low + (high - low) * rr_unit_float(words[i % 4]);
    }
}

/** Small whole numbers in [-most, most], whose sums and products are exact. */
static inline void draw_whole(size_t count, uint32_t stream, int most, float *out) {
    draw(count, stream, 0, (float)(2 * most + 1), out);
    for (size_t i = 0; i < count; i++) out[i] = floorf(out[i]) - (float)most;
}

#endif
