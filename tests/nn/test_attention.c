/* Attention against plain sums in double, and its gradients against their central differences; queries in two parts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/attention.h"

enum { ROWS = 3, MEMORY = 5, SIZE = 7, QUERIES = 6, VECTORS = 11, FIRST_PART = 4 };

static const size_t begin[ROWS + 1] = {0, 4, 6, VECTORS};
static const size_t row_of[QUERIES] = {0, 2, 1, 2, 0, 2};

typedef struct numbers {
    rr_attention_kind kind;
    bool scaled;
    size_t query_size;
    double w[SIZE * (MEMORY + SIZE) + 2 * SIZE + 64]; /* parameters in their order, without padding */
    double queries[QUERIES * SIZE], memory[VECTORS * MEMORY];
} numbers;

/* Additive parameters: score [SIZE], query [SIZE, query_size], memory [SIZE, MEMORY], bias [SIZE]; general [query_size,
 * MEMORY]. */
static double score(const numbers *n, size_t q, size_t j) {
    const double *query = n->queries + q * n->query_size, *m = n->memory + j * MEMORY;
    double sum = 0;
    if (n->kind == RR_ATTENTION_DOT)
        for (size_t k = 0; k < MEMORY; k++) sum += query[k] * m[k];
    if (n->kind == RR_ATTENTION_GENERAL)
        for (size_t k = 0; k < n->query_size; k++)
            for (size_t i = 0; i < MEMORY; i++) sum += query[k] * n->w[k * MEMORY + i] * m[i];
    if (n->kind == RR_ATTENTION_ADDITIVE)
        for (size_t k = 0; k < SIZE; k++) {
            const double *wq = n->w + SIZE, *wm = wq + SIZE * n->query_size;
            double hidden = wm[SIZE * MEMORY + k];
            for (size_t i = 0; i < n->query_size; i++) hidden += wq[k * n->query_size + i] * query[i];
            for (size_t i = 0; i < MEMORY; i++) hidden += wm[k * MEMORY + i] * m[i];
            sum += n->w[k] * tanh(hidden);
        }
    return n->scaled ? sum / sqrt((double)n->query_size) : sum;
}

static double loss_weight(size_t i) { return (double)(i * 29 % 17) / 8 - 1; }

/* The sum of loss_weight * context; the contexts too, where wanted. */
static double loss_of(const numbers *n, double *contexts) {
    double loss = 0;
    for (size_t q = 0; q < QUERIES; q++) {
        double all = 0, context[MEMORY] = {0};
        for (size_t j = begin[row_of[q]]; j < begin[row_of[q] + 1]; j++) {
            double weight = exp(score(n, q, j));
            all += weight;
            for (size_t i = 0; i < MEMORY; i++) context[i] += weight * n->memory[j * MEMORY + i];
        }
        for (size_t i = 0; i < MEMORY; i++) {
            loss += loss_weight(q * MEMORY + i) * context[i] / all;
            if (contexts != NULL) contexts[q * MEMORY + i] = context[i] / all;
        }
    }
    return loss;
}

static double slope(numbers *n, double *at) {
    double kept = *at, step = 1e-5;
    *at = kept + step;
    double up = loss_of(n, NULL);
    *at = kept - step;
    double down = loss_of(n, NULL);
    *at = kept;
    return (up - down) / (2 * step);
}

static void close_to(double a, double b) { assert_true(fabs(a - b) < 2e-5 * (1 + fabs(b))); }

static void fill(size_t count, unsigned seed, double *out, float *copy) {
    for (size_t i = 0; i < count; i++) {
        out[i] = (double)(float)((double)((i * 37 + seed * 11) % 41) / 20 - 1);
        copy[i] = (float)out[i];
    }
}

static void check(rr_attention_kind kind, bool scaled, rr_team *team) {
    static numbers n;
    size_t query_size = kind == RR_ATTENTION_DOT ? MEMORY : SIZE - 1;
    rr_attention_spec spec = {
        .kind = kind, .scaled = scaled, .query_size = query_size, .memory_size = MEMORY, .size = SIZE, .team = team};
    rr_attention_room room = {
        .rows = ROWS, .vectors = VECTORS, .longest = 5, .queries = QUERIES, .part = FIRST_PART, .pairs = QUERIES * 5};
    rr_attention *attention = NULL;
    rr_params params = {0};
    rr_arena measure = {0}, arena = {0};
    assert_int_equal(rr_attention_create(&spec, &attention), RR_OK);
    assert_int_equal(rr_attention_declare(attention, &params, "attention"), RR_OK);
    rr_attention_plan(attention, &measure, &room, true);
    assert_int_equal(rr_arena_reserve(measure.used, &arena), RR_OK);
    rr_attention_plan(attention, &arena, &room, true);
    params.values = calloc(params.total + 1, sizeof(float));
    params.grads = calloc(params.total + 1, sizeof(float));
    n.kind = kind;
    n.scaled = scaled;
    n.query_size = query_size;
    float queries[QUERIES * SIZE], memory[VECTORS * MEMORY];
    fill(QUERIES * query_size, 1, n.queries, queries);
    fill(VECTORS * MEMORY, 2, n.memory, memory);
    for (size_t i = 0, at = 0; i < params.count; at += params.items[i].count, i++)
        fill(params.items[i].count, (unsigned)i + 3, n.w + at, rr_param_value(&params, i));
    rr_params_changed(&params);
    rr_params_clear_grads(&params);

    float context[QUERIES * MEMORY], dcontext[QUERIES * MEMORY], dqueries[QUERIES * SIZE], dmemory[VECTORS * MEMORY];
    double expected[QUERIES * MEMORY];
    for (size_t i = 0; i < QUERIES * MEMORY; i++) dcontext[i] = (float)loss_weight(i);
    for (size_t i = 0; i < QUERIES * query_size; i++) dqueries[i] = 1; /* added to, in the second part */
    size_t rest = QUERIES - FIRST_PART, q = FIRST_PART * query_size, m = FIRST_PART * (size_t)MEMORY;
    rr_attention_begin(attention, &params, &(rr_memory){ROWS, MEMORY, begin, memory}, NULL);
    rr_attention_forward(attention, &params, 0, FIRST_PART, row_of, queries, context, NULL);
    rr_attention_forward(attention, &params, FIRST_PART, rest, row_of + FIRST_PART, queries + q, context + m, NULL);
    rr_attention_backward(attention, &params, FIRST_PART, rest, row_of + FIRST_PART, queries + q, dcontext + m, true,
                          dqueries + q, NULL);
    rr_attention_backward(attention, &params, 0, FIRST_PART, row_of, queries, dcontext, false, dqueries, NULL);
    rr_attention_end(attention, &params, dmemory, NULL);

    loss_of(&n, expected);
    for (size_t i = 0; i < QUERIES * MEMORY; i++) close_to((double)context[i], expected[i]);
    double all = 0;
    for (size_t j = 0; j < 5; j++) all += (double)rr_attention_weights(attention, 5)[j];
    close_to(all, 1);
    for (size_t i = 0; i < QUERIES * query_size; i++)
        close_to((double)dqueries[i], slope(&n, &n.queries[i]) + (i >= q ? 1 : 0));
    for (size_t i = 0; i < VECTORS * (size_t)MEMORY; i++) close_to((double)dmemory[i], slope(&n, &n.memory[i]));
    for (size_t i = 0, at = 0; i < params.count; at += params.items[i].count, i++)
        for (size_t k = 0; k < params.items[i].count; k++)
            close_to((double)rr_param_grad(&params, i)[k], slope(&n, &n.w[at + k]));
    free(params.values);
    free(params.grads);
    rr_params_free(&params);
    rr_arena_release(&arena);
    rr_attention_free(attention);
}

static void every_kind(void **state) {
    (void)state;
    for (int kind = RR_ATTENTION_DOT; kind <= RR_ATTENTION_ADDITIVE; kind++) {
        rr_team *team = NULL;
        check((rr_attention_kind)kind, false, NULL);
        if (kind != RR_ATTENTION_ADDITIVE) check((rr_attention_kind)kind, true, NULL);
        assert_int_equal(rr_team_create(2, &team), RR_OK);
        check((rr_attention_kind)kind, false, team);
        rr_team_free(team);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_kind)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
