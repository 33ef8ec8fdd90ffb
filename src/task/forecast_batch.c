/* Windows as a packed batch: columns side by side, or with channel_independent one column a row. */
#include <math.h>

#include "task/forecast_model.h"

void rr_forecast_batch_plan(rr_forecaster *f, rr_arena *arena, size_t rows) {
    rr_forecast_batch *b = &f->batch;
    size_t targets = rows * f->row_targets;
    rr_sequence_room_plan(&b->room, arena, f->steps, rows);
    b->ids = rr_arena_take(arena, rows * sizeof *b->ids);
    b->x = rr_arena_floats(arena, f->steps * rows * f->input_width);
    b->shift = rr_arena_floats(arena, targets);
    b->scale = rr_arena_floats(arena, targets);
    b->history = f->config.linear_skip ? rr_arena_floats(arena, targets * f->config.window) : NULL;
    b->truth = rr_arena_floats(arena, targets * f->config.horizon);
}

/* What is taken off a column of a window: z [window], `stride` floats from row to row. */
static void measure(const rr_forecaster *f, const float *z, size_t stride, float *shift, float *scale) {
    size_t window = f->config.window;
    *shift = 0;
    *scale = 1;
    if (f->config.normalise_window == RR_WINDOW_LAST) *shift = z[(window - 1) * stride];
    if (f->config.normalise_window != RR_WINDOW_MEAN_STD) return;
    double sum = 0, squares = 0;
    for (size_t i = 0; i < window; i++) sum += (double)z[i * stride];
    double mean = sum / (double)window;
    for (size_t i = 0; i < window; i++) {
        double off = (double)z[i * stride] - mean;
        squares += off * off;
    }
    *shift = (float)mean;
    *scale = (float)sqrt(squares / (double)window + 1e-5); /* as RevIN's eps */
}

/* Rows of the table come to x [steps, rows, segment, seen + features]. */
static void fill_inputs(rr_forecaster *f, const rr_forecast_table *table, size_t begin, size_t group, size_t row,
                        size_t rows) {
    size_t width = table->series.columns.count, segment = f->config.segment;
    size_t seen = f->config.channel_independent ? 1 : f->scale.inputs, each = seen + f->feature_width;
    for (size_t k = 0; k < seen; k++) {
        size_t column = f->config.channel_independent ? f->scale.targets[group] : k;
        const float *z = table->z + begin * width + column;
        float shift, scale;
        measure(f, z, width, &shift, &scale);
        for (size_t i = 0; i < f->config.window; i++)
            f->batch.x[(i / segment * rows + row) * f->input_width + i % segment * each + k] =
                (z[i * width] - shift) / scale;
    }
    for (size_t i = 0; i < f->config.window; i++)
        for (size_t k = 0; k < f->feature_width; k++)
            f->batch.x[(i / segment * rows + row) * f->input_width + i % segment * each + seen + k] =
                table->features[(begin + i) * f->feature_width + k];
}

static void fill_target(rr_forecaster *f, const rr_forecast_table *table, size_t first, size_t column, size_t at,
                        bool with_truth) {
    rr_forecast_batch *b = &f->batch;
    size_t width = table->series.columns.count, window = f->config.window, horizon = f->config.horizon;
    const float *z = table->z + (first - window) * width + column;
    measure(f, z, width, &b->shift[at], &b->scale[at]);
    for (size_t i = 0; i < window && b->history != NULL; i++)
        b->history[at * window + i] = (z[i * width] - b->shift[at]) / b->scale[at];
    for (size_t h = 0; h < horizon && with_truth; h++) b->truth[at * horizon + h] = z[(window + h) * width];
}

rr_sequence rr_forecast_batch_fill(rr_forecaster *f, const rr_forecast_part *part, size_t rows, size_t first,
                                   bool with_truth) {
    rr_forecast_batch *b = &f->batch;
    for (size_t i = 0; i < rows; i++) {
        size_t window = b->ids[i] / f->groups, group = b->ids[i] % f->groups, at = part->first[window];
        b->room.lengths[i] = f->steps;
        b->room.row_id[i] = first + i;
        fill_inputs(f, part->table, at - f->config.window, group, i, rows);
        for (size_t k = 0; k < f->row_targets; k++)
            fill_target(f, part->table, at, f->scale.targets[group * f->row_targets + k], i * f->row_targets + k,
                        with_truth);
    }
    return rr_sequence_of(&b->room, rows);
}
