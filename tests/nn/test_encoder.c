/* When an encoder's gradients are said to be final: its embedding, the last parameter, before the last weights. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "nn/encoder.h"
#include "nn/numbers.h"

enum { VOCABULARY = 30, ROWS = 4, STEPS = 6 };

typedef struct witness {
    const rr_params *params;
    float *seen; /* [total] gradients when they were said to be final */
    size_t ready, tail, tails;
} witness;

static void see_ready(void *ctx, size_t end) {
    witness *w = ctx;
    memcpy(w->seen + w->ready, w->params->grads + w->ready, (end - w->ready) * sizeof *w->seen);
    w->ready = end;
}

static void see_tail(void *ctx, size_t begin) {
    witness *w = ctx;
    memcpy(w->seen + begin, w->params->grads + begin, (w->params->total - begin) * sizeof *w->seen);
    w->tail = begin;
    w->tails++;
    assert_true(w->ready < begin); /* there is something left that it hides behind */
}

static void ignore_tick(void *ctx) { (void)ctx; }

static rr_model_config model_of(bool bidirectional) {
    return (rr_model_config){.embedding_size = 7,
                             .hidden_size = 9,
                             .num_layers = 2,
                             .bias = true,
                             .bidirectional = bidirectional,
                             .dropout_input = 0.3};
}

static void check(bool bidirectional, bool is_last) {
    numbers n = {.seed = 4};
    rr_model_config model = model_of(bidirectional);
    rr_encoder encoder;
    rr_params params = {0};
    rr_arena arena = {0};
    batch b = batch_open(&n, ROWS, STEPS, 1);
    size_t total = b.sequence.total, other;
    assert_int_equal(rr_encoder_create(&model, 0, 0, NULL, &encoder), RR_OK);
    assert_int_equal(rr_encoder_declare(&encoder, &params, "", VOCABULARY), RR_OK);
    rr_param bias = {.name = "bias", .kind = RR_PARAM_BIAS, .dims = {5}, .dim_count = 1};
    if (!is_last) assert_int_equal(rr_params_add(&params, &bias, &other), RR_OK);
    params.values = calloc(params.total, sizeof(float));
    params.grads = calloc(params.total, sizeof(float));
    for (size_t i = 0; i < params.total; i++) params.values[i] = (float)numbers_real(&n, 0.5);
    rr_encoder_plan(&encoder, &arena, total, STEPS, ROWS, true);
    assert_int_equal(rr_arena_reserve(arena.used, &arena), RR_OK);
    rr_encoder_plan(&encoder, &arena, total, STEPS, ROWS, true);
    int32_t *tokens = calloc(total, sizeof *tokens);
    for (size_t i = 0; i < total; i++) tokens[i] = (int32_t)numbers_size(&n, 0, VOCABULARY - 1);
    witness w = {.params = &params, .seen = calloc(params.total, sizeof(float))};
    rr_hooks hooks = {.ready = see_ready, .tick = ignore_tick, .tail = see_tail, .ctx = &w};
    rr_dropout dropout = {.seed = 1, .step = 2};
    rr_encoder_forward(&encoder, &params, &b.sequence, tokens, NULL, NULL, &dropout, &hooks);
    for (size_t i = 0; i < total * encoder.width; i++) encoder.dtop[i] = (float)numbers_real(&n, 1);
    rr_encoder_backward(&encoder, &params, &b.sequence, tokens, NULL, &dropout, &hooks);
    size_t embedding = params.items[encoder.embedding.weight].offset, known = is_last ? params.total : embedding;
    assert_int_equal(w.ready, embedding);
    assert_int_equal(w.tails, is_last ? 1 : 0);
    if (is_last) assert_int_equal(w.tail, embedding);
    assert_memory_equal(w.seen, params.grads, known * sizeof(float));
    float largest = 0; /* of the embedding's gradient: it is there */
    for (size_t i = embedding; i < rr_param_end(&params, encoder.embedding.weight); i++)
        largest = fmaxf(largest, fabsf(params.grads[i]));
    assert_true(largest > 0);
    free(w.seen), free(tokens), free(params.values), free(params.grads);
    rr_params_free(&params);
    rr_encoder_free(&encoder);
    rr_arena_release(&arena);
    batch_close(&b);
}

static void the_embedding_is_ready_before_the_last_weights(void **state) {
    (void)state;
    check(false, true);
    check(true, true);
}

static void nothing_is_said_of_an_embedding_that_is_not_the_last(void **state) {
    (void)state;
    check(false, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_embedding_is_ready_before_the_last_weights),
        cmocka_unit_test(nothing_is_said_of_an_embedding_that_is_not_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
