/* What a training step relies on: hooks in order, the same bits every time, no allocation, states in place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nn/stack.h"

static size_t allocations;
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

void *__wrap_malloc(size_t size) {
    allocations++;
    return __real_malloc(size);
}
void *__wrap_calloc(size_t count, size_t size) {
    allocations++;
    return __real_calloc(count, size);
}
void *__wrap_realloc(void *memory, size_t size) {
    allocations++;
    return __real_realloc(memory, size);
}
void *__wrap_aligned_alloc(size_t alignment, size_t size) {
    allocations++;
    return __real_aligned_alloc(alignment, size);
}

static stack open_stack_of(rr_team *team, size_t hidden, const rr_cell_ops *cell, bool bidirectional, bool bias,
                           float dropout) {
    numbers n = {.seed = 3};
    rr_rnn_spec spec = {.cell = cell,
                        .input_size = 5,
                        .hidden_size = hidden,
                        .num_layers = 3,
                        .bidirectional = bidirectional,
                        .bias = bias,
                        .dropout = dropout,
                        .dropout_layer = 1,
                        .team = team};
    stack s;
    stack_open(&s, &spec, batch_open(&n, 4, 6, 1), &n, 0.5);
    return s;
}

static stack open_stack(const rr_cell_ops *cell, bool bidirectional, bool bias, float dropout) {
    return open_stack_of(NULL, 9, cell, bidirectional, bias, dropout);
}

typedef struct listener {
    const rr_params *params;
    size_t calls, end, ticks;
    float *snapshot; /* [total]: gradients as they were when they were said to be final */
} listener;

static void ready(void *ctx, size_t end) {
    listener *l = ctx;
    assert_true(end >= l->end && end <= l->params->total);
    memcpy(l->snapshot + l->end, l->params->grads + l->end, (end - l->end) * sizeof(float));
    l->end = end;
    l->calls++;
}

static void tick(void *ctx) { ((listener *)ctx)->ticks++; }

static void what_is_ready_is_final(void **state) {
    (void)state;
    for (size_t cell = 0; cell < rr_cell_count; cell++)
        for (int variant = 0; variant < 4; variant++) {
            stack s = open_stack(rr_cells[cell], variant % 2, variant / 2, 0.2F);
            size_t directions = variant % 2 ? 2 : 1;
            listener l = {.params = &s.params};
            l.snapshot = calloc(s.params.total, sizeof(float));
            rr_hooks hooks = {.ready = ready, .tick = tick, .ctx = &l};
            rr_dropout dropout = {.seed = 1, .step = 2};
            rr_rnn_forward(s.rnn, &s.params, &s.batch.sequence, s.x, NULL, NULL, &dropout, &hooks);
            assert_int_equal(l.calls, 0);
            assert_true(l.ticks >= 3 * directions * s.batch.sequence.steps);
            l.ticks = 0;
            rr_rnn_backward(s.rnn, &s.params, &s.batch.sequence, s.x, s.dy, NULL, s.dx, NULL, &hooks);
            assert_true(l.calls >= 3 * 2 * directions); /* each of both weights of a layer by itself, or in pieces */
            assert_int_equal(l.end, s.params.total);
            assert_true(l.ticks >= 3 * directions * s.batch.sequence.steps);
            assert_memory_equal(l.snapshot, s.params.grads, s.params.total * sizeof(float));
            free(l.snapshot);
            stack_close(&s);
        }
}

/* A product beyond some milliseconds is cut: the number of ticks grows with the work, not with the time steps alone. */
static void long_products_tick(void **state) {
    (void)state;
    numbers n = {.seed = 4};
    rr_rnn_spec spec = {.cell = rr_cells[0], .input_size = 512, .hidden_size = 256, .num_layers = 1};
    stack s; /* 2048 * 1024 * 512 multiply-adds: 1.07e9 in a product */
    stack_open(&s, &spec, batch_open(&n, 1024, 2, 0), &n, 0.05);
    listener l = {.params = &s.params};
    l.snapshot = calloc(s.params.total, sizeof(float));
    rr_hooks hooks = {.ready = ready, .tick = tick, .ctx = &l};
    rr_rnn_forward(s.rnn, &s.params, &s.batch.sequence, s.x, NULL, NULL, NULL, &hooks);
    assert_true(l.ticks >= 2 + 5);
    l.ticks = 0;
    rr_rnn_backward(s.rnn, &s.params, &s.batch.sequence, s.x, s.dy, NULL, s.dx, NULL, &hooks);
    assert_true(l.ticks >= 2 + 5 + 2 + 5); /* steps, both gradients of weights, that of the input */
    assert_true(l.calls >= 2 + 2);         /* a ready for each 512 rows of the weights, with one thread */
    assert_memory_equal(l.snapshot, s.params.grads, s.params.total * sizeof(float));
    free(l.snapshot);
    stack_close(&s);
}

/* Everything that a step gives, one after the other. */
static size_t run(stack *s, const rr_dropout *dropout, float *out) {
    float *dy = out; /* overwritten by backward: a copy, and then part of the result */
    memcpy(dy, s->dy, s->y_count * sizeof *dy);
    memset(s->params.grads, 0, s->params.total * sizeof(float));
    const float *y =
        rr_rnn_forward(s->rnn, &s->params, &s->batch.sequence, s->x, s->state, s->state_out, dropout, NULL);
    memcpy(out + s->y_count, y, s->y_count * sizeof *out);
    rr_rnn_backward(s->rnn, &s->params, &s->batch.sequence, s->x, dy, s->dstate_out, s->dx, s->dstate, NULL);
    size_t count = s->y_count; /* what dy is left with means nothing */
    const struct {
        const float *values;
        size_t count;
    } parts[] = {{s->state_out, s->state_count},
                 {s->dstate, s->state_count},
                 {s->dx, s->x_count},
                 {s->params.grads, s->params.total}};
    count += s->y_count;
    for (size_t i = 0; i < 4; i++) {
        memcpy(out + count, parts[i].values, parts[i].count * sizeof *out);
        count += parts[i].count;
    }
    return count;
}

/* More threads than panels, too. */
static void bits_do_not_depend_on_the_number_of_threads(void **state) {
    (void)state;
    static const size_t numbers_of_threads[] = {2, 3, 7};
    rr_dropout dropout = {.seed = 1, .step = 2};
    for (size_t cell = 0; cell < rr_cell_count; cell++)
        for (int bidirectional = 0; bidirectional < 2; bidirectional++) {
            stack alone = open_stack_of(NULL, 75, rr_cells[cell], bidirectional, true, 0.3F);
            size_t most = 2 * alone.y_count + 2 * alone.state_count + alone.x_count + alone.params.total;
            float *want = calloc(most, sizeof *want), *got = calloc(most, sizeof *got);
            size_t count = run(&alone, &dropout, want);
            for (size_t i = 0; i < sizeof numbers_of_threads / sizeof *numbers_of_threads; i++) {
                rr_team *team;
                assert_int_equal(rr_team_create(numbers_of_threads[i], &team), RR_OK);
                stack s = open_stack_of(team, 75, rr_cells[cell], bidirectional, true, 0.3F);
                for (int turn = 0; turn < 3; turn++) {
                    assert_int_equal(run(&s, &dropout, got), count);
                    assert_memory_equal(want + s.y_count, got + s.y_count, (count - s.y_count) * sizeof *want);
                }
                assert_true(stack_guards_stand(&s));
                stack_close(&s);
                rr_team_free(team);
            }
            stack_close(&alone);
            free(want);
            free(got);
        }
}

/*
 * So many rows that the gradients of the weights are made group by group: they have the bits of chunks that come one
 * after the other, which steps by themselves are where each is a chunk, also when they are added to others. The first
 * half alone makes dx, and all but the last recurrent weights.
 */
static void groups_of_chunks_are_the_chunks(void **state) {
    (void)state;
    enum { ROWS = 300, STEPS = 8 };
    for (size_t cell = 0; cell < rr_cell_count; cell++)
        for (int adds = 0; adds < 2; adds++) {
            numbers n = {.seed = 6};
            rr_rnn_spec spec = {
                .cell = rr_cells[cell], .input_size = 5, .hidden_size = 37, .num_layers = 1, .bias = true};
            stack s;
            stack_open(&s, &spec, batch_open(&n, ROWS, STEPS, 0), &n, 0.3);
            const rr_sequence *sequence = &s.batch.sequence;
            float *one = calloc(s.params.total, sizeof *one), *dx = calloc(s.x_count, sizeof *dx);
            float *dy = calloc(s.y_count, sizeof *dy), *dstate = calloc(s.state_count, sizeof *dstate);
            for (int turn = 0; turn < 2; turn++) {
                memcpy(dy, s.dy, s.y_count * sizeof *dy);
                for (size_t i = 0; i < s.params.total; i++) s.params.grads[i] = adds ? (float)(i % 5) : 0;
                for (size_t p = 0; p < s.params.count; p++) s.params.fresh[p] = !adds && s.params.items[p].overwritten;
                rr_rnn_forward(s.rnn, &s.params, sequence, s.x, NULL, NULL, NULL, NULL);
                memset(dstate, 0, s.state_count * sizeof *dstate);
                for (size_t t = STEPS; t-- > 0 && turn == 0;) {
                    rr_sequence part = rr_sequence_part(sequence, t, t + 1);
                    rr_rnn_backward(s.rnn, &s.params, &part, s.x, dy, dstate, s.dx, dstate, NULL);
                }
                if (turn == 0) {
                    memcpy(one, s.params.grads, s.params.total * sizeof *one);
                    memcpy(dx, s.dx, s.x_count * sizeof *dx);
                    memset(s.dx, 0, s.x_count * sizeof *dx);
                    continue;
                }
                rr_rnn_backward_input(s.rnn, &s.params, sequence, s.x, dy, NULL, s.dx, NULL, NULL);
                assert_memory_equal(s.dx, dx, s.x_count * sizeof *dx);
                assert_memory_equal(s.params.grads, one, s.params.items[0].count * sizeof *one);
                rr_rnn_backward_rest(s.rnn, &s.params, sequence, NULL);
                assert_memory_equal(s.params.grads, one, s.params.total * sizeof *one);
            }
            free(one), free(dx), free(dy), free(dstate);
            stack_close(&s);
        }
}

/* The same step gives the same bits whatever ran before in the same memory, and leaves the padding at 0. */
static void bits_do_not_depend_on_what_ran_before(void **state) {
    (void)state;
    for (size_t cell = 0; cell < rr_cell_count; cell++)
        for (int bidirectional = 0; bidirectional < 2; bidirectional++) {
            stack s = open_stack(rr_cells[cell], bidirectional, true, 0.3F);
            size_t most = 2 * s.y_count + 2 * s.state_count + s.x_count + s.params.total;
            float *first = calloc(most, sizeof *first), *second = calloc(most, sizeof *second);
            rr_dropout dropout = {.seed = 1, .step = 2}, other = {.seed = 9, .step = 3};
            size_t count = run(&s, &dropout, first);
            assert_int_equal(count, most);
            /* Other values, another mask, shorter sequences, no dropout; NaN in all that is kept. */
            float *x = s.x, *wild = guarded(s.x_count);
            for (size_t i = 0; i < s.x_count; i++) wild[i] = (float)(i % 7) - 3;
            s.x = wild;
            run(&s, &other, second);
            run(&s, NULL, second);
            memset(s.arena.base, 0xff, s.arena.capacity);
            rr_params_changed(&s.params); /* the packed weights lie there, too */
            s.x = x;
            assert_int_equal(run(&s, &dropout, second), count);
            assert_memory_equal(first + s.y_count, second + s.y_count, (count - s.y_count) * sizeof *first);
            for (size_t p = 0; p < s.params.count; p++)
                for (size_t i = s.params.items[p].offset + s.params.items[p].count; i < rr_param_end(&s.params, p); i++)
                    assert_true(s.params.grads[i] == 0);
            guarded_free(wild);
            free(first);
            free(second);
            stack_close(&s);
        }
}

static void a_step_allocates_nothing(void **state) {
    (void)state;
    stack s = open_stack(rr_cells[0], true, true, 0.3F);
    float *out = calloc(2 * s.y_count + 2 * s.state_count + s.x_count + s.params.total, sizeof *out);
    rr_dropout dropout = {.seed = 1, .step = 2};
    size_t before = allocations;
    assert_true(before > 0); /* the wrapping works */
    run(&s, &dropout, out);
    assert_int_equal(allocations, before);
    free(out);
    stack_close(&s);
}

/* Memory for the largest batch serves smaller ones, and a state carried in place over two halves is that of the whole.
 */
static void halves_with_a_carried_state_are_the_whole(void **state) {
    (void)state;
    for (size_t cell = 0; cell < rr_cell_count; cell++) {
        numbers n = {.seed = 8};
        rr_rnn_spec spec = {.cell = rr_cells[cell], .input_size = 4, .hidden_size = 6, .num_layers = 2, .bias = true};
        stack s;
        stack_open(&s, &spec, batch_open(&n, 3, 8, 0), &n, 0.5);
        float *whole = calloc(s.y_count, sizeof *whole);
        memcpy(whole, rr_rnn_forward(s.rnn, &s.params, &s.batch.sequence, s.x, s.state, s.state_out, NULL, NULL),
               s.y_count * sizeof *whole);
        batch half = batch_open(&n, 3, 4, 0);
        for (size_t part = 0; part < 2; part++) {
            const float *y = rr_rnn_forward(s.rnn, &s.params, &half.sequence, s.x + part * s.x_count / 2, s.state,
                                            s.state, NULL, NULL);
            for (size_t i = 0; i < s.y_count / 2; i++)
                assert_true(fabsf(y[i] - whole[part * s.y_count / 2 + i]) <= 1e-6F);
        }
        for (size_t i = 0; i < s.state_count; i++) assert_true(fabsf(s.state[i] - s.state_out[i]) <= 1e-6F);
        free(whole);
        batch_close(&half);
        stack_close(&s);
    }
}

/* A plan without training takes less memory and gives the same output. */
static void evaluation_needs_less(void **state) {
    (void)state;
    stack s = open_stack(rr_cells[0], true, true, 0.3F);
    float *trained = calloc(s.y_count, sizeof *trained);
    memcpy(trained, rr_rnn_forward(s.rnn, &s.params, &s.batch.sequence, s.x, s.state, NULL, NULL, NULL),
           s.y_count * sizeof *trained);
    rr_arena arena = {0};
    const rr_sequence *sequence = &s.batch.sequence;
    rr_rnn_plan(s.rnn, &arena, sequence->total, sequence->steps, sequence->rows, false);
    assert_true(arena.used < s.arena.used);
    assert_int_equal(rr_arena_reserve(arena.used, &arena), RR_OK);
    rr_rnn_plan(s.rnn, &arena, sequence->total, sequence->steps, sequence->rows, false);
    const float *y = rr_rnn_forward(s.rnn, &s.params, sequence, s.x, s.state, NULL, NULL, NULL);
    assert_memory_equal(y, trained, s.y_count * sizeof *trained);
    rr_arena_release(&arena);
    free(trained);
    stack_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_of_chunks_are_the_chunks),
        cmocka_unit_test(what_is_ready_is_final),
        cmocka_unit_test(long_products_tick),
        cmocka_unit_test(bits_do_not_depend_on_the_number_of_threads),
        cmocka_unit_test(bits_do_not_depend_on_what_ran_before),
        cmocka_unit_test(a_step_allocates_nothing),
        cmocka_unit_test(halves_with_a_carried_state_are_the_whole),
        cmocka_unit_test(evaluation_needs_less),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
