#include "base/hash.h"

#include <xxhash.h>

uint64_t rr_hash64(const void *data, size_t length, uint64_t seed) { return XXH3_64bits_withSeed(data, length, seed); }
