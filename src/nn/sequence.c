#include "nn/sequence.h"

void rr_sequence_fill(const size_t *lengths, size_t rows, size_t *active, size_t *offset) {
    size_t running = rows;
    offset[0] = 0;
    for (size_t t = 0; t < lengths[0]; t++) {
        while (lengths[running - 1] <= t) running--;
        active[t] = running;
        offset[t + 1] = offset[t] + running;
    }
}
