#include "base/rng.h"

#include <Random123/philox.h>

void rr_philox(uint64_t seed, rr_rng_use use, const uint32_t counter[4], uint32_t out[4]) {
    uint64_t key = rr_philox_key(seed, use);
    philox4x32_key_t k = {{(uint32_t)key, (uint32_t)(key >> 32)}};
    philox4x32_ctr_t c = {{counter[0], counter[1], counter[2], counter[3]}};
    philox4x32_ctr_t r = philox4x32(c, k);
    for (int i = 0; i < 4; i++) out[i] = r.v[i];
}

uint64_t rr_philox_sort_key(uint64_t seed, rr_rng_use use, const uint32_t counter[4]) {
    uint32_t out[4];
    rr_philox(seed, use, counter, out);
    return (uint64_t)out[0] << 32 | out[1];
}
