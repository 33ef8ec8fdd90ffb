#include "nn/rnn_trial.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"

static void fill(size_t count, float scale, float *values) {
    for (size_t i = 0; i < count; i++) values[i] = scale * ((float)(i * 7919 % 2003) / 1001.0f - 1);
}

static size_t output_size(const rr_rnn_trial *t) { return (t->spec.bidirectional ? 2 : 1) * t->spec.hidden_size; }

static void plan(rr_rnn_trial *t, rr_arena *arena) {
    size_t total = t->sequence.total;
    t->x = rr_arena_floats(arena, total * t->spec.input_size);
    t->dx = rr_arena_floats(arena, total * t->spec.input_size);
    t->dy = rr_arena_floats(arena, total * output_size(t));
    rr_rnn_plan(t->rnn, arena, total, t->sequence.steps, t->sequence.rows, true);
}

rr_status rr_rnn_trial_open(const rr_rnn_spec *spec, size_t rows, size_t steps, rr_rnn_trial *t) {
    *t = (rr_rnn_trial){.spec = *spec};
    RR_TRY(rr_rnn_create(&t->spec, &t->rnn));
    RR_TRY(rr_rnn_declare(t->rnn, &t->params, "rnn"));
    t->active = malloc(steps * sizeof *t->active);
    t->offset = malloc((steps + 1) * sizeof *t->offset);
    t->lengths = malloc(rows * sizeof *t->lengths);
    t->row_id = calloc(rows, sizeof *t->row_id);
    if (t->active == NULL || t->offset == NULL || t->lengths == NULL || t->row_id == NULL)
        return rr_fail(RR_ERR_NOMEM, "no memory for %zu rows", rows);
    for (size_t row = 0; row < rows; row++) t->lengths[row] = steps;
    rr_sequence_fill(t->lengths, rows, t->active, t->offset);
    t->sequence = (rr_sequence){.steps = steps,
                                .rows = rows,
                                .total = rows * steps,
                                .active = t->active,
                                .offset = t->offset,
                                .lengths = t->lengths,
                                .row_id = t->row_id};
    RR_TRY(rr_arena_reserve(2 * t->params.total * sizeof(float), &t->weights));
    t->params.values = rr_arena_floats(&t->weights, t->params.total);
    t->params.grads = rr_arena_floats(&t->weights, t->params.total);
    plan(t, &t->memory);
    RR_TRY(rr_arena_reserve(t->memory.used, &t->memory));
    plan(t, &t->memory);
    fill(t->params.total, 1 / sqrtf((float)spec->hidden_size), t->params.values);
    fill(t->sequence.total * spec->input_size, 1, t->x);
    return RR_OK;
}

void rr_rnn_trial_close(rr_rnn_trial *t) {
    rr_rnn_free(t->rnn);
    rr_params_free(&t->params);
    rr_arena_release(&t->weights);
    rr_arena_release(&t->memory);
    free(t->active);
    free(t->offset);
    free(t->lengths);
    free(t->row_id);
}

void rr_rnn_trial_turn(rr_rnn_trial *t, double *forward_s, double *backward_s) {
    fill(t->sequence.total * output_size(t), 1e-3f, t->dy); /* backward overwrites it */
    rr_params_changed(&t->params);
    rr_params_clear_grads(&t->params);
    double start = rr_clock_seconds();
    rr_rnn_forward(t->rnn, &t->params, &t->sequence, t->x, NULL, NULL, NULL, NULL);
    double middle = rr_clock_seconds();
    rr_rnn_backward(t->rnn, &t->params, &t->sequence, t->x, t->dy, NULL, t->dx, NULL, NULL);
    *forward_s = middle - start;
    *backward_s = rr_clock_seconds() - middle;
}

double rr_rnn_trial_flop(const rr_rnn_trial *t) {
    return 6 * rr_rnn_macs_per_token(&t->spec) * (double)t->sequence.total;
}
