/*
 * Layers that have several shards of the global batch in one call, beside the same layers with each shard by itself,
 * whose gradients are then added in the order of the tree: to the bit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "nn/embedding.h"
#include "nn/linear.h"
#include "nn/shard_rows.h"
#include "nn/stack.h"

enum { MOST_SHARDS = 16 };

/* The rows of a batch that are of one shard, as a batch of their own. */
typedef struct part {
    batch batch;
    size_t *packed; /* [total]: where its packed rows are in the whole */
} part;

static part part_open(const rr_sequence *whole, size_t shards, size_t shard) {
    size_t rows = 0, T = whole->steps, begin = whole->rows * shard / shards, end = whole->rows * (shard + 1) / shards;
    size_t *place = calloc(whole->rows, sizeof *place), at = 0;
    part p = {.batch = {.lengths = calloc(whole->rows, sizeof(size_t)),
                        .active = calloc(T, sizeof(size_t)),
                        .offset = calloc(T + 1, sizeof(size_t)),
                        .row_id = calloc(whole->rows, sizeof(uint64_t))},
              .packed = calloc(whole->total, sizeof(size_t))};
    batch *b = &p.batch;
    if (place == NULL || b->lengths == NULL || b->active == NULL || b->offset == NULL || b->row_id == NULL ||
        p.packed == NULL)
        abort();
    for (size_t r = 0; r < whole->rows; r++) {
        if (whole->row_id[r] < begin || whole->row_id[r] >= end) continue;
        place[rows] = r;
        b->row_id[rows] = whole->row_id[r];
        b->lengths[rows++] = whole->lengths[r];
    }
    rr_sequence_fill(b->lengths, rows, b->active, b->offset);
    b->sequence = (rr_sequence){.steps = b->lengths[0],
                                .rows = rows,
                                .total = b->offset[b->lengths[0]],
                                .active = b->active,
                                .offset = b->offset,
                                .lengths = b->lengths,
                                .row_id = b->row_id};
    for (size_t t = 0; t < b->lengths[0]; t++)
        for (size_t r = 0; r < b->active[t]; r++) p.packed[at++] = whole->offset[t] + place[r];
    free(place);
    return p;
}

static void part_close(part *p) {
    batch_close(&p->batch);
    free(p->packed);
}

static void take(const part *p, size_t width, const float *whole, float *out) {
    for (size_t i = 0; i < p->batch.sequence.total; i++)
        memcpy(out + i * width, whole + p->packed[i] * width, width * sizeof *out);
}

/* A batch whose rows are sorted by length, not by their number. */
static batch mixed(numbers *n, size_t rows, size_t T, int unequal) {
    batch b = batch_open(n, rows, T, unequal);
    for (size_t r = 0; r < rows; r++) b.row_id[r] = r;
    for (size_t r = rows; unequal && r > 1; r--) {
        size_t other = numbers_size(n, 0, r - 1);
        uint64_t swap = b.row_id[r - 1];
        b.row_id[r - 1] = b.row_id[other];
        b.row_id[other] = swap;
    }
    return b;
}

static void *reserved(rr_arena *arena) {
    if (rr_arena_reserve(arena->used, arena) != RR_OK) abort();
    return arena;
}

static void fill(rr_shard_rows *shards, rr_arena *arena, const rr_sequence *sequence, size_t count) {
    rr_shard_rows_plan(shards, arena, sequence->total, sequence->steps, sequence->rows);
    reserved(arena);
    rr_shard_rows_plan(shards, arena, sequence->total, sequence->steps, sequence->rows);
    rr_shard_rows_fill(shards, count, sequence->rows, 0, sequence->rows, sequence);
    assert_int_equal(shards->count, count);
}

/* What arrays of gradients [shards, total] are together. */
static void add_in_tree(size_t shards, size_t total, float *const *grads, float *out) {
    rr_tree_sum sum;
    assert_int_equal(rr_tree_sum_of_shards(shards, (rr_tree_node){0, shards}, &sum), RR_OK);
    float *scratch = malloc(rr_tree_sum_scratch(&sum) * sizeof *scratch);
    rr_tree_sum_run(&sum, (const float *const *)grads, 0, total, scratch, out);
    free(scratch);
    rr_tree_sum_free(&sum);
}

static void assert_same_gradients(const rr_params *params, size_t shards, float **grads) {
    float *expected = malloc(params->total * sizeof *expected);
    add_in_tree(shards, params->total, grads, expected);
    for (size_t p = 0; p < params->count; p++)
        assert_memory_equal(rr_param_grad(params, p), expected + params->items[p].offset,
                            params->items[p].count * sizeof *expected);
    for (size_t s = 0; s < shards; s++) free(grads[s]);
    free(expected);
}

static void check_rnn(const rr_rnn_spec *spec, size_t rows, size_t T, int unequal, size_t shards, uint64_t seed) {
    numbers n = {.seed = seed};
    stack s;
    size_t D = spec->bidirectional ? 2 : 1, width = D * spec->hidden_size;
    float *grads[MOST_SHARDS], *dx = NULL, *dy;
    stack_open(&s, spec, mixed(&n, rows, T, unequal), &n, 0.5);
    /* Each shard by itself, with the memory of the plain stack. */
    dy = malloc(s.y_count * sizeof *dy);
    float *x = malloc(s.x_count * sizeof *x), *part_dx = malloc(s.x_count * sizeof *dx);
    dx = malloc(s.x_count * sizeof *dx);
    float *whole_grads = s.params.grads;
    for (size_t i = 0; i < shards; i++) {
        part p = part_open(&s.batch.sequence, shards, i);
        grads[i] = calloc(s.params.total, sizeof **grads);
        s.params.grads = grads[i];
        take(&p, spec->input_size, s.x, x);
        take(&p, width, s.dy, dy);
        rr_params_clear_grads(&s.params);
        rr_rnn_forward(s.rnn, &s.params, &p.batch.sequence, x, NULL, NULL, NULL, NULL);
        rr_rnn_backward(s.rnn, &s.params, &p.batch.sequence, x, dy, NULL, part_dx, NULL, NULL);
        for (size_t k = 0; k < p.batch.sequence.total; k++)
            memcpy(dx + p.packed[k] * spec->input_size, part_dx + k * spec->input_size, spec->input_size * sizeof *dx);
        part_close(&p);
    }
    s.params.grads = whole_grads;
    /* All of them together. */
    rr_arena arena = {0}, shard_arena = {0};
    rr_shard_rows by_shards = {0};
    fill(&by_shards, &shard_arena, &s.batch.sequence, shards);
    rr_rnn_by_shards(s.rnn, shards);
    rr_rnn_plan(s.rnn, &arena, s.batch.sequence.total, T, rows, true);
    reserved(&arena);
    rr_rnn_plan(s.rnn, &arena, s.batch.sequence.total, T, rows, true);
    s.batch.sequence.shards = &by_shards;
    for (size_t i = 0; i < s.params.total; i++) s.params.grads[i] = NAN; /* nothing may be added to */
    for (size_t p = 0; p < s.params.count; p++) s.params.fresh[p] = s.params.items[p].overwritten;
    rr_rnn_forward(s.rnn, &s.params, &s.batch.sequence, s.x, NULL, NULL, NULL, NULL);
    rr_rnn_backward(s.rnn, &s.params, &s.batch.sequence, s.x, s.dy, NULL, s.dx, NULL, NULL);
    assert_memory_equal(s.dx, dx, s.x_count * sizeof *dx);
    assert_same_gradients(&s.params, shards, grads);
    free(x), free(dx), free(dy), free(part_dx);
    rr_arena_release(&arena);
    rr_arena_release(&shard_arena);
    stack_close(&s);
}

static void recurrent_layers_add_by_shards(void **state) {
    (void)state;
    static const struct {
        size_t rows, T, shards;
        int unequal;
    } cases[] = {{4, 7, 4, 0},   {13, 9, 8, 1},  {10, 35, 4, 0}, {7, 5, 5, 1},
                 {16, 3, 16, 1}, {36, 45, 3, 1}, {30, 50, 2, 0}};
    rr_team *team = NULL;
    assert_int_equal(rr_team_create(2, &team), RR_OK);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
        for (size_t cell = 0; cell < rr_cell_count; cell++)
            for (int more = 0; more < 2; more++) {
                rr_rnn_spec spec = {.cell = rr_cells[cell],
                                    .input_size = more ? 37 : 70,
                                    .hidden_size = more ? 40 : 19,
                                    .num_layers = more ? 2 : 1,
                                    .bidirectional = more != 0,
                                    .bias = c % 3 != 2,
                                    .team = c % 4 == 1 ? team : NULL};
                check_rnn(&spec, cases[c].rows, cases[c].T, cases[c].unequal, cases[c].shards, c * 10 + cell);
            }
    rr_team_free(team);
}

static void a_linear_layer_adds_by_shards(void **state) {
    (void)state;
    static const size_t sizes[][2] = {{5, 7}, {65, 300}, {33, 600}};
    rr_team *team = NULL;
    assert_int_equal(rr_team_create(3, &team), RR_OK);
    for (size_t c = 0; c < 6; c++) {
        numbers n = {.seed = c};
        size_t in = sizes[c / 2][0], out = sizes[c / 2][1], shards = c % 2 ? 8 : 3;
        batch b = mixed(&n, c % 2 ? 12 : 31, c % 2 ? 11 : 60, 1);
        rr_params params = {0};
        rr_linear linear;
        rr_arena arena = {0}, shard_arena = {0};
        rr_shard_rows by_shards = {0};
        size_t total = b.sequence.total;
        float *grads[MOST_SHARDS], *x = malloc(total * in * sizeof *x), *dy = malloc(total * out * sizeof *dy);
        float *part_x = malloc(total * in * sizeof *x), *part_dy = malloc(total * out * sizeof *dy);
        assert_int_equal(rr_linear_declare(&linear, &params, "l", in, out, true, (size_t)-1), RR_OK);
        for (int real = 0; real < 2; real++) {
            rr_linear_plan(&linear, &arena, c % 3 == 0 ? team : NULL, total, true);
            rr_linear_plan_shards(&linear, &arena, shards);
            if (!real) reserved(&arena);
        }
        params.values = calloc(params.total, sizeof(float));
        params.grads = malloc(params.total * sizeof(float));
        for (size_t i = 0; i < total * in; i++) x[i] = (float)numbers_real(&n, 1);
        for (size_t i = 0; i < total * out; i++) dy[i] = (float)numbers_real(&n, 1);
        float *whole = params.grads;
        for (size_t i = 0; i < shards; i++) {
            part p = part_open(&b.sequence, shards, i);
            params.grads = grads[i] = calloc(params.total, sizeof **grads);
            take(&p, in, x, part_x);
            take(&p, out, dy, part_dy);
            rr_params_clear_grads(&params);
            rr_linear_backward(&linear, &params, p.batch.sequence.total, part_x, part_dy, false, NULL, true, NULL);
            part_close(&p);
        }
        params.grads = whole;
        for (size_t i = 0; i < params.total; i++) params.grads[i] = NAN;
        fill(&by_shards, &shard_arena, &b.sequence, shards);
        rr_linear_backward_shards(&linear, &params, total, x, dy, &by_shards, NULL, NULL);
        assert_same_gradients(&params, shards, grads);
        free(x), free(dy), free(part_x), free(part_dy);
        free(params.values), free(params.grads);
        rr_params_free(&params);
        rr_arena_release(&arena);
        rr_arena_release(&shard_arena);
        batch_close(&b);
    }
    rr_team_free(team);
}

static void an_embedding_adds_by_shards(void **state) {
    (void)state;
    enum { VOCAB = 40, SIZE = 21 };
    for (size_t c = 0; c < 6; c++) {
        numbers n = {.seed = c};
        size_t shards = c % 2 ? 8 : 5;
        batch b = mixed(&n, 13, 9, c % 3 != 0);
        rr_params params = {0};
        rr_embedding embedding = {0};
        rr_arena arena = {0}, shard_arena = {0};
        rr_shard_rows by_shards = {0};
        size_t total = b.sequence.total;
        float *grads[MOST_SHARDS], *dy = malloc(total * SIZE * sizeof *dy),
                                   *part_dy = malloc(total * SIZE * sizeof *dy);
        int32_t *tokens = calloc(total, sizeof *tokens), *part_tokens = calloc(total, sizeof *tokens);
        assert_int_equal(rr_embedding_declare(&embedding, &params, "e", VOCAB, SIZE), RR_OK);
        rr_embedding_plan_shards(&embedding, &arena, total, shards);
        reserved(&arena);
        rr_embedding_plan_shards(&embedding, &arena, total, shards);
        for (size_t i = 0; i < total * SIZE; i++) dy[i] = (float)numbers_real(&n, 1);
        for (size_t i = 0; i < total; i++) tokens[i] = (int32_t)numbers_size(&n, 0, numbers_size(&n, 1, VOCAB - 2));
        float *whole = params.grads = calloc(params.total, sizeof(float));
        fill(&by_shards, &shard_arena, &b.sequence, shards);
        for (int twice = 0; twice < 2; twice++) { /* its lists are empty again after a call */
            for (size_t i = 0; i < shards; i++) {
                part p = part_open(&b.sequence, shards, i);
                params.grads = grads[i] = calloc(params.total, sizeof **grads);
                take(&p, SIZE, dy, part_dy);
                for (size_t k = 0; k < p.batch.sequence.total; k++) part_tokens[k] = tokens[p.packed[k]];
                rr_embedding_backward(&embedding, &params, part_tokens, p.batch.sequence.total, part_dy);
                part_close(&p);
            }
            params.grads = whole;
            rr_embedding_backward_shards(&embedding, &params, tokens, total, &by_shards, dy);
            assert_same_gradients(&params, shards, grads);
        }
        free(dy), free(part_dy), free(tokens), free(part_tokens), free(whole);
        rr_params_free(&params);
        rr_arena_release(&arena);
        rr_arena_release(&shard_arena);
        batch_close(&b);
    }
}

static void a_shard_whose_rows_have_all_ended_gives_zeros(void **state) {
    (void)state;
    static size_t lengths[] = {3, 3}, active[3], offset[4];
    static uint64_t row_id[] = {0, 1}; /* rows 2 and 3, the second shard, are not there any more */
    rr_sequence_fill(lengths, 2, active, offset);
    rr_sequence sequence = {
        .steps = 3, .rows = 2, .total = 6, .active = active, .offset = offset, .lengths = lengths, .row_id = row_id};
    rr_arena arena = {0};
    rr_shard_rows shards = {0};
    rr_shard_rows_plan(&shards, &arena, 6, 3, 4);
    reserved(&arena);
    rr_shard_rows_plan(&shards, &arena, 6, 3, 4);
    rr_shard_rows_fill(&shards, 2, 4, 0, 4, &sequence);
    rr_shard_rows_whole(&shards);
    assert_int_equal(shards.count, 2);
    float dy[6] = {1, 2, 3, 4, 5, 6}, strips[6 * 64], scratch[2 * 64 * 64], dw = NAN, bias = NAN;
    rr_strips_pack_rows(shards.order, 6, 1, 0, 1, dy, 1, strips);
    rr_strips_multiply_shards(6, 1, 1, strips, strips, 0, 1, &shards.strips, scratch, &dw, 1);
    rr_shard_rows_bias(&shards, 1, dy, 1, scratch, &bias);
    assert_true(dw == 91 && bias == 21);
    rr_arena_release(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recurrent_layers_add_by_shards),
        cmocka_unit_test(a_linear_layer_adds_by_shards),
        cmocka_unit_test(an_embedding_adds_by_shards),
        cmocka_unit_test(a_shard_whose_rows_have_all_ended_gives_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
