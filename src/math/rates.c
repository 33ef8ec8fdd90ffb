#include "math/rates.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "math/kernels.h"

enum { CHAIN_FLOATS = 192, ITERATIONS = 200000, TURNS = 10, COPY_BYTES = 1 << 26, COPY_TURNS = 5 };

double rr_fma_peak_gflops(void) {
    float values[CHAIN_FLOATS];
    double best = 0;
    for (int turn = 0; turn < TURNS; turn++) {
        for (size_t i = 0; i < CHAIN_FLOATS; i++) values[i] = (float)(i + 1) * 1e-3f; /* chains that differ */
        size_t iterations = rr_isa_used() == RR_ISA_PORTABLE ? ITERATIONS / 50 : ITERATIONS;
        double start = rr_clock_seconds(), operations = rr_kernels_used()->fma_chains(iterations, values);
        double rate = 1e-9 * operations / (rr_clock_seconds() - start);
        if (rate > best) best = rate;
    }
    return best;
}

double rr_copy_gb_per_s(void) {
    rr_arena from, to; /* memory of the kind that weights lie in */
    if (rr_arena_reserve(COPY_BYTES, &from) != RR_OK) return NAN;
    if (rr_arena_reserve(COPY_BYTES, &to) != RR_OK) {
        rr_arena_release(&from);
        return NAN;
    }
    double best = 0;
    for (int turn = 0; turn < COPY_TURNS; turn++) {
        double start = rr_clock_seconds();
        memcpy(to.base, from.base, COPY_BYTES);
        double rate = 2e-9 * COPY_BYTES / (rr_clock_seconds() - start);
        if (rate > best) best = rate;
    }
    rr_arena_release(&from);
    rr_arena_release(&to);
    return best;
}
