/* A fast hash of memory (XXH3, 64 bits): to compare arrays over ranks, not against forgery. */
#ifndef RR_BASE_HASH_H
#define RR_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t rr_hash64(const void *data, size_t length, uint64_t seed);

#endif
