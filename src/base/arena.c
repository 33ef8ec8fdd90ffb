#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { HUGE_PAGE = 1 << 21 };

static size_t round_to(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

rr_status rr_arena_reserve(size_t bytes, rr_arena *out) {
    size_t capacity = round_to(bytes > 0 ? bytes : 1, RR_ALIGN), page = capacity >= HUGE_PAGE ? HUGE_PAGE : RR_ALIGN;
    void *base = aligned_alloc(page, round_to(capacity, page));
    if (base == NULL) return rr_fail(RR_ERR_NOMEM, "%zu MiB of memory could not be had", capacity >> 20);
#ifdef MADV_HUGEPAGE
    madvise(base, capacity / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE); /* fewer misses of the TLB; as good as it goes */
#endif
    memset(base, 0, capacity);
    *out = (rr_arena){.base = base, .capacity = capacity};
    return RR_OK;
}

void rr_arena_release(rr_arena *arena) {
    free(arena->base);
    *arena = (rr_arena){0};
}

void *rr_arena_take(rr_arena *arena, size_t bytes) {
    size_t offset = arena->used, size = round_to(bytes, RR_ALIGN);
    arena->used += size;
    if (arena->base == NULL) return NULL;
    if (arena->used > arena->capacity) {
        fprintf(stderr, "ringrnn: internal error: an arena of %zu bytes was asked for %zu\n", arena->capacity,
                arena->used);
        abort();
    }
    return arena->base + offset;
}
