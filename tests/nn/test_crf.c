/* A conditional random field against the sum over all sequences of tags, gradients by central differences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/crf.h"

enum { TAGS = 3, ROWS = 3, TOTAL = 8, PARAMS = 2 * TAGS + TAGS * TAGS };

static const size_t lengths[ROWS] = {4, 3, 1};
static const uint64_t row_id[ROWS] = {0, 1, 2};

typedef struct numbers {
    double w[PARAMS], emissions[TOTAL * TAGS]; /* start, end, transitions */
} numbers;

static double score_of(const numbers *n, const rr_sequence *s, size_t row, const int32_t *tags) {
    double sum = n->w[tags[0]] + n->w[TAGS + tags[lengths[row] - 1]];
    for (size_t t = 0; t < lengths[row]; t++) {
        sum += n->emissions[(s->offset[t] + row) * TAGS + (size_t)tags[t]];
        if (t > 0) sum += n->w[2 * TAGS + tags[t - 1] * TAGS + tags[t]];
    }
    return sum;
}

/* Over all sequences of a row: log Z, the best, and the sum of those with `tag` at step t (or all: tag -1). */
static double over_all(const numbers *n, const rr_sequence *s, size_t row, size_t t, int32_t tag, int32_t *best) {
    double sum = 0, most = -INFINITY;
    size_t count = 1;
    for (size_t i = 0; i < lengths[row]; i++) count *= TAGS;
    for (size_t code = 0; code < count; code++) {
        int32_t tags[TOTAL];
        for (size_t i = 0, rest = code; i < lengths[row]; i++, rest /= TAGS) tags[i] = (int32_t)(rest % TAGS);
        double score = score_of(n, s, row, tags);
        if (tag < 0 || tags[t] == tag) sum += exp(score);
        if (!(score > most)) continue;
        most = score;
        if (best != NULL) memcpy(best, tags, lengths[row] * sizeof *tags);
    }
    return log(sum);
}

static double loss_of(const numbers *n, const rr_sequence *s, const int32_t *targets) {
    double loss = 0;
    for (size_t row = 0; row < ROWS; row++) {
        int32_t tags[TOTAL];
        for (size_t t = 0; t < lengths[row]; t++) tags[t] = targets[s->offset[t] + row];
        loss += over_all(n, s, row, 0, -1, NULL) - score_of(n, s, row, tags);
    }
    return loss;
}

static double slope(numbers *n, double *at, const rr_sequence *s, const int32_t *targets) {
    double kept = *at, step = 1e-5;
    *at = kept + step;
    double up = loss_of(n, s, targets);
    *at = kept - step;
    double down = loss_of(n, s, targets);
    *at = kept;
    return (up - down) / (2 * step);
}

static void close_to(double a, double b) { assert_true(fabs(a - b) < 2e-5 * (1 + fabs(b))); }

static void everything_is_as_if_all_sequences_were_counted(void **state) {
    (void)state;
    static numbers n;
    size_t active[4], offset[5];
    rr_params params = {0};
    rr_crf crf;
    rr_arena measure = {0}, arena = {0};
    rr_sequence_fill(lengths, ROWS, active, offset);
    rr_sequence s = {.steps = 4,
                     .rows = ROWS,
                     .total = TOTAL,
                     .active = active,
                     .offset = offset,
                     .lengths = lengths,
                     .row_id = row_id};
    assert_int_equal(rr_crf_declare(&crf, &params, "crf", TAGS), RR_OK);
    rr_crf_plan(&crf, &measure, 4);
    assert_int_equal(rr_arena_reserve(measure.used, &arena), RR_OK);
    rr_crf_plan(&crf, &arena, 4);
    params.values = calloc(params.total, sizeof(float));
    params.grads = calloc(params.total, sizeof(float));
    float emissions[TOTAL * TAGS], gradient[TOTAL * TAGS], p[TOTAL];
    int32_t targets[TOTAL], decoded[TOTAL];
    double nll[ROWS];
    for (size_t i = 0; i < PARAMS; i++) n.w[i] = (double)(float)((double)(i * 37 % 23) / 7 - 1.5);
    n.w[2 * TAGS + 1] = -120; /* as good as forbidden */
    for (size_t i = 0; i < TOTAL * TAGS; i++)
        n.emissions[i] = emissions[i] = gradient[i] = (float)((double)(i * 53 % 31) / 8 - 2);
    for (size_t i = 0; i < TOTAL; i++) targets[i] = (int32_t)(i * 2 % TAGS);
    size_t parts[] = {crf.start, crf.end, crf.transitions};
    for (size_t part = 0, i = 0; part < 3; part++)
        for (size_t k = 0; k < params.items[parts[part]].count; k++)
            rr_param_value(&params, parts[part])[k] = (float)n.w[i++];

    rr_crf_nll(&crf, &params, &s, gradient, targets, 0.5F, nll);
    close_to(nll[0] + nll[1] + nll[2], loss_of(&n, &s, targets));
    for (size_t i = 0; i < TOTAL * TAGS; i++)
        close_to((double)gradient[i], 0.5 * slope(&n, &n.emissions[i], &s, targets));
    for (size_t part = 0, i = 0; part < 3; part++)
        for (size_t k = 0; k < params.items[parts[part]].count; k++, i++)
            close_to((double)rr_param_grad(&params, parts[part])[k], 0.5 * slope(&n, &n.w[i], &s, targets));

    rr_crf_decode(&crf, &params, &s, emissions, decoded);
    rr_crf_marginals(&crf, &params, &s, emissions, decoded, p);
    for (size_t row = 0; row < ROWS; row++) {
        int32_t best[TOTAL];
        double all = over_all(&n, &s, row, 0, -1, best);
        for (size_t t = 0; t < lengths[row]; t++) {
            size_t at = offset[t] + row;
            assert_int_equal(decoded[at], best[t]);
            close_to((double)p[at], exp(over_all(&n, &s, row, t, best[t], NULL) - all));
        }
    }
    free(params.values);
    free(params.grads);
    rr_params_free(&params);
    rr_arena_release(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(everything_is_as_if_all_sequences_were_counted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
