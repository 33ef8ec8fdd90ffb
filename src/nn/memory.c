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

void rr_memory_means(const rr_memory *memory, const size_t *first, const float *x, float *values) {
    size_t width = memory->width;
    for (size_t i = 0; i < memory->begin[memory->rows]; i++) {
        float *mean = values + i * width, share = 1.0f / (float)(first[i + 1] - first[i]);
        memset(mean, 0, width * sizeof *mean);
        for (size_t k = first[i]; k < first[i + 1]; k++) rr_axpy(width, share, x + k * width, mean);
    }
}

void rr_memory_means_backward(const rr_memory *memory, const size_t *first, const float *dvalues, float *dx) {
    size_t width = memory->width;
    for (size_t i = 0; i < memory->begin[memory->rows]; i++) {
        float share = 1.0f / (float)(first[i + 1] - first[i]);
        for (size_t k = first[i]; k < first[i + 1]; k++) {
            memset(dx + k * width, 0, width * sizeof *dx);
            rr_axpy(width, share, dvalues + i * width, dx + k * width);
        }
    }
}
