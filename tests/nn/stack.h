/* A recurrent stack of src/nn ready to run on a batch, with values from a stream of numbers. */
#ifndef RR_TESTS_NN_STACK_H
#define RR_TESTS_NN_STACK_H

#include <string.h>

#include "nn/numbers.h"
#include "nn/rnn.h"

/* An array of floats with canaries around it. */
enum { GUARD_FLOATS = 16 };

static inline float *guarded(size_t count) {
    float *memory = malloc((count + 2 * GUARD_FLOATS) * sizeof *memory);
    if (memory == NULL) abort();
    for (size_t i = 0; i < count + 2 * GUARD_FLOATS; i++) memory[i] = -12345.0F;
    return memory + GUARD_FLOATS;
}

static inline int guards_stand(const float *values, size_t count) {
    for (size_t i = 0; i < GUARD_FLOATS; i++)
        if (values[count + i] != -12345.0F || values[(ptrdiff_t)i - GUARD_FLOATS] != -12345.0F) return 0;
    return 1;
}

static inline void guarded_free(float *values) {
    if (values != NULL) free(values - GUARD_FLOATS);
}

typedef struct stack {
    rr_rnn_spec spec;
    batch batch;
    rr_params params;
    rr_rnn *rnn;
    rr_arena arena;
    size_t x_count, y_count, state_count;
    float *x, *dy, *dx;                             /* guarded */
    float *state, *state_out, *dstate, *dstate_out; /* guarded */
} stack;

/* Draws parameters in +-scale, x, dy, state and dstate_out in +-1. */
static inline void stack_open(stack *s, const rr_rnn_spec *spec, batch b, numbers *n, double scale) {
    size_t D = spec->bidirectional ? 2 : 1;
    *s = (stack){.spec = *spec, .batch = b};
    if (rr_rnn_create(spec, &s->rnn) != RR_OK || rr_rnn_declare(s->rnn, &s->params, "rnn") != RR_OK) abort();
    s->params.values = calloc(s->params.total, sizeof(float));
    s->params.grads = calloc(s->params.total, sizeof(float));
    rr_rnn_plan(s->rnn, &s->arena, b.sequence.total, b.sequence.steps, b.sequence.rows, true);
    if (rr_arena_reserve(s->arena.used, &s->arena) != RR_OK) abort();
    rr_rnn_plan(s->rnn, &s->arena, b.sequence.total, b.sequence.steps, b.sequence.rows, true);
    s->x_count = b.sequence.total * spec->input_size;
    s->y_count = b.sequence.total * D * spec->hidden_size;
    s->state_count = b.sequence.rows * rr_rnn_state_size(s->rnn);
    s->x = guarded(s->x_count), s->dx = guarded(s->x_count), s->dy = guarded(s->y_count);
    s->state = guarded(s->state_count), s->state_out = guarded(s->state_count);
    s->dstate = guarded(s->state_count), s->dstate_out = guarded(s->state_count);
    for (size_t p = 0; p < s->params.count; p++)
        for (size_t i = 0; i < s->params.items[p].count; i++)
            rr_param_value(&s->params, p)[i] = (float)numbers_real(n, scale);
    for (size_t i = 0; i < s->x_count; i++) s->x[i] = (float)numbers_real(n, 1);
    for (size_t i = 0; i < s->y_count; i++) s->dy[i] = (float)numbers_real(n, 1);
    for (size_t i = 0; i < s->state_count; i++) {
        s->state[i] = (float)numbers_real(n, 1);
        s->dstate_out[i] = (float)numbers_real(n, 1);
    }
}

/* True if nothing was written beside any array. */
static inline int stack_guards_stand(const stack *s) {
    return guards_stand(s->x, s->x_count) && guards_stand(s->dx, s->x_count) && guards_stand(s->dy, s->y_count) &&
           guards_stand(s->state, s->state_count) && guards_stand(s->state_out, s->state_count) &&
           guards_stand(s->dstate, s->state_count) && guards_stand(s->dstate_out, s->state_count);
}

static inline void stack_close(stack *s) {
    float *const own[] = {s->x, s->dx, s->dy, s->state, s->state_out, s->dstate, s->dstate_out};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) guarded_free(own[i]);
    free(s->params.values);
    free(s->params.grads);
    rr_params_free(&s->params);
    rr_rnn_free(s->rnn);
    rr_arena_release(&s->arena);
    batch_close(&s->batch);
}

#endif
