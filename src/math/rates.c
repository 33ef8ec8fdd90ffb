#include "math/rates.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "math/kernels.h"

enum { CHAIN_FLOATS = 192, ITERATIONS = 200000, TURNS = 10, COPY_BYTES = 1 << 26 };

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
    char *from = malloc(COPY_BYTES), *to = malloc(COPY_BYTES);
    double best = NAN;
    for (int turn = 0; turn < 4 && from != NULL && to != NULL; turn++) {
        memset(turn == 0 ? from : to, turn, COPY_BYTES); /* the pages are there */
        double start = rr_clock_seconds();
        memcpy(to, from, COPY_BYTES);
        double rate = 2e-9 * COPY_BYTES / (rr_clock_seconds() - start);
        if (turn > 0 && !(best > rate)) best = rate;
    }
    free(from);
    free(to);
    return best;
}
