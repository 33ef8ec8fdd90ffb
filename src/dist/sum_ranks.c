#include "dist/sum_ranks.h"

#include <string.h>

enum { TILE = 1024 }; /* floats: the sum of a tile stays in the L1 cache while the ranks' are added */

static void add(size_t count, const float *restrict from, float *restrict to) {
    for (size_t i = 0; i < count; i++) to[i] += from[i];
}

static void add_two(size_t count, const float *restrict a, const float *restrict b, float *restrict out) {
    for (size_t i = 0; i < count; i++) out[i] = a[i] + b[i];
}

/* Two ranks are one pass over memory. */
static void add_two_into_both(size_t count, float *restrict a, float *restrict b) {
    for (size_t i = 0; i < count; i++) {
        float sum = a[i] + b[i];
        a[i] = sum;
        b[i] = sum;
    }
}

void rr_sum_ranks(float *const *arrays, size_t ranks, size_t begin, size_t count, float *restrict out) {
    if (ranks == 1) {
        memcpy(out, arrays[0] + begin, count * sizeof *out);
        return;
    }
    for (size_t done = 0; done < count; done += TILE) {
        size_t size = count - done < TILE ? count - done : TILE, at = begin + done;
        add_two(size, arrays[0] + at, arrays[1] + at, out + done);
        for (size_t rank = 2; rank < ranks; rank++) add(size, arrays[rank] + at, out + done);
    }
}

void rr_sum_ranks_into(float *const *arrays, size_t ranks, size_t begin, size_t count, size_t first, size_t last) {
    if (ranks == 2 && first == 0 && last == 2) {
        add_two_into_both(count, arrays[0] + begin, arrays[1] + begin);
        return;
    }
    _Alignas(64) float sum[TILE];
    for (size_t done = 0; done < count; done += TILE) {
        size_t size = count - done < TILE ? count - done : TILE;
        rr_sum_ranks(arrays, ranks, begin + done, size, sum);
        for (size_t rank = first; rank < last; rank++) memcpy(arrays[rank] + begin + done, sum, size * sizeof *sum);
    }
}
