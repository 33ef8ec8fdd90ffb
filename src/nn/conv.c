#include "nn/conv.h"

#include <string.h>

rr_status rr_conv_declare(rr_conv *conv, rr_params *params, const char *prefix, size_t in_size, size_t out_size,
                          size_t kernel_size) {
    conv->in_size = in_size;
    conv->kernel_size = kernel_size;
    RR_TRY(rr_linear_declare(&conv->linear, params, prefix, in_size * kernel_size, out_size, true, (size_t)-1));
    rr_param *weight = &params->items[conv->linear.weight]; /* the same numbers, by PyTorch's name for their places */
    weight->dims[1] = in_size;
    weight->dims[2] = kernel_size;
    weight->dim_count = 3;
    return RR_OK;
}

void rr_conv_plan(rr_conv *conv, rr_arena *arena, rr_team *team, size_t max_total, bool training) {
    conv->windows = rr_arena_floats(arena, max_total * conv->linear.in_size);
    conv->dwindows = training ? rr_arena_floats(arena, max_total * conv->linear.in_size) : NULL;
    rr_linear_plan(&conv->linear, arena, team, max_total, training);
}

/* The packed step that place k of a kernel over step t of a row sees; (size_t)-1 beyond the ends of the row. */
static size_t seen_by(const rr_conv *conv, const rr_sequence *sequence, size_t t, size_t row, size_t k) {
    size_t left = (conv->kernel_size - 1) / 2;
    if (t + k < left || t + k - left >= sequence->lengths[row]) return (size_t)-1;
    return sequence->offset[t + k - left] + row;
}

static void take_windows(const rr_conv *conv, const rr_sequence *sequence, const float *x) {
    size_t E = conv->in_size, K = conv->kernel_size;
    for (size_t t = 0; t < sequence->steps; t++)
        for (size_t row = 0; row < sequence->active[t]; row++)
            for (size_t k = 0; k < K; k++) {
                size_t seen = seen_by(conv, sequence, t, row, k);
                float *window = conv->windows + (sequence->offset[t] + row) * E * K + k;
                for (size_t i = 0; i < E; i++) window[i * K] = seen != (size_t)-1 ? x[seen * E + i] : 0;
            }
}

static void give_back(const rr_conv *conv, const rr_sequence *sequence, float *dx) {
    size_t E = conv->in_size, K = conv->kernel_size;
    memset(dx, 0, sequence->total * E * sizeof *dx);
    for (size_t t = 0; t < sequence->steps; t++)
        for (size_t row = 0; row < sequence->active[t]; row++)
            for (size_t k = 0; k < K; k++) {
                size_t seen = seen_by(conv, sequence, t, row, k);
                const float *window = conv->dwindows + (sequence->offset[t] + row) * E * K + k;
                for (size_t i = 0; i < E && seen != (size_t)-1; i++) dx[seen * E + i] += window[i * K];
            }
}

void rr_conv_forward(rr_conv *conv, const rr_params *params, const rr_sequence *sequence, const float *x, float *y,
                     const rr_hooks *hooks) {
    take_windows(conv, sequence, x);
    rr_linear_forward(&conv->linear, params, sequence->total, conv->windows, y, hooks);
}

void rr_conv_backward(rr_conv *conv, const rr_params *params, const rr_sequence *sequence, const float *dy, float *dx,
                      const rr_hooks *hooks) {
    rr_linear_backward(&conv->linear, params, sequence->total, conv->windows, dy, false, conv->dwindows, true, hooks);
    give_back(conv, sequence, dx);
}
