#include "nn/memory.h"

#include <string.h>

#include "math/pointwise.h"

void rr_memory_begin(const size_t *lengths, size_t rows, size_t *begin) {
    begin[0] = 0;
    for (size_t row = 0; row < rows; row++) begin[row + 1] = begin[row] + lengths[row];
}

void rr_memory_from_packed(const rr_sequence *sequence, size_t width, const float *x, float *y) {
    for (size_t row = 0, at = 0; row < sequence->rows; row++)
        for (size_t t = 0; t < sequence->lengths[row]; t++, at++)
            memcpy(y + at * width, x + (sequence->offset[t] + row) * width, width * sizeof *y);
}

void rr_memory_to_packed(const rr_sequence *sequence, size_t width, const float *y, bool accumulate, float *x) {
    for (size_t row = 0, at = 0; row < sequence->rows; row++)
        for (size_t t = 0; t < sequence->lengths[row]; t++, at++) {
            float *to = x + (sequence->offset[t] + row) * width;
            if (accumulate)
                rr_axpy(width, 1, y + at * width, to);
            else
                memcpy(to, y + at * width, width * sizeof *to);
        }
}
