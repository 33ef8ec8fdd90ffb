/* Arenas: memory that is planned once and handed out by moving an offset. Nothing allocates in a training step. */
#ifndef RR_BASE_ARENA_H
#define RR_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { RR_ALIGN = 64 }; /* bytes: a cache line, and an AVX-512 vector */

/**
 * An arena is either measuring (base NULL: takes count bytes and return NULL) or real. A part that needs memory has one
 * function that takes it; the owner calls it on a measuring arena, reserves `used` bytes, and calls it again.
 */
typedef struct rr_arena {
    unsigned char *base; /* RR_ALIGN-aligned, zeroed at reserve; NULL while measuring */
    size_t capacity;     /* bytes */
    size_t used;         /* bytes, a multiple of RR_ALIGN */
} rr_arena;

/** Makes a real arena of that many zeroed bytes. @return RR_ERR_NOMEM */
rr_status rr_arena_reserve(size_t bytes, rr_arena *out);

/** Frees the memory of a real arena and zeroes the struct; a measuring arena is left measuring from 0. */
void rr_arena_release(rr_arena *arena);

/** Takes bytes (rounded up to RR_ALIGN). NULL while measuring. A real arena must have been measured: it aborts beyond
 * it. */
void *rr_arena_take(rr_arena *arena, size_t bytes);

/** Takes count floats. */
static inline float *rr_arena_floats(rr_arena *arena, size_t count) {
    return (float *)rr_arena_take(arena, count * sizeof(float));
}

#endif
