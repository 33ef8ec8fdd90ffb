/* Beam search over small chains of tokens: greedy is the chain of maxima, wide beams find the best of all sequences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "task/beam_search.h"

enum { CLASSES = 4, END = 3, LIMIT = 4, SOURCES = 5, ROOM = 1000 };

/* Rows remember what was read before, as a decoder's state does: the probabilities hang on the source, the last token
 * and the number of steps. */
typedef struct chain {
    size_t length[ROOM], next_length[ROOM];
    size_t rows;
} chain;

static double weight(size_t source, size_t length, int32_t before, size_t k) {
    return 1 + (double)((source * 31 + length * 17 + (size_t)before * 7 + k * 13 + source * k * before) % 11);
}

static double probability(size_t source, size_t length, int32_t before, size_t k) {
    double all = 0;
    for (size_t i = 0; i < CLASSES; i++) all += weight(source, length, before, i);
    return weight(source, length, before, k) / all;
}

static void step(void *ctx, size_t rows, const size_t *parent, const size_t *source, const int32_t *tokens,
                 float *probabilities) {
    chain *c = ctx;
    for (size_t i = 0; i < rows; i++) {
        assert_true(parent[i] < c->rows);
        c->next_length[i] = c->length[parent[i]] + 1;
        for (size_t k = 0; k < CLASSES; k++)
            probabilities[i * CLASSES + k] = (float)probability(source[i], c->length[parent[i]], tokens[i], k);
    }
    memcpy(c->length, c->next_length, rows * sizeof *c->length);
    c->rows = rows;
}

static void search(size_t beams, double penalty, rr_beam_found *found) {
    static chain c;
    size_t limits[SOURCES];
    memset(&c, 0, sizeof c);
    c.rows = SOURCES;
    for (size_t i = 0; i < SOURCES; i++) limits[i] = LIMIT + i % 2;
    rr_beam_spec spec = {
        .beams = beams, .classes = CLASSES, .end = END, .length_penalty = penalty, .step = step, .ctx = &c};
    assert_int_equal(rr_beam_search(&spec, SOURCES, limits, found), RR_OK);
}

static void greedy_takes_the_most_likely(void **state) {
    (void)state;
    rr_beam_found found[SOURCES];
    search(1, 0.6, found);
    for (size_t source = 0; source < SOURCES; source++) {
        int32_t before = END;
        size_t limit = LIMIT + source % 2, length = 0;
        for (; length < limit; length++) {
            size_t best = 0;
            for (size_t k = 1; k < CLASSES; k++)
                if (probability(source, length, before, k) > probability(source, length, before, best)) best = k;
            if (best == END) break;
            assert_true(length < found[source].count);
            assert_int_equal(found[source].tokens[length], best);
            before = (int32_t)best;
        }
        assert_int_equal(found[source].count, length);
        assert_int_equal(found[source].ended, length < limit);
        free(found[source].tokens);
    }
}

/* The best score of all sequences that end in time. */
static double best_of_all(size_t source, size_t length, int32_t before, double so_far, size_t limit, double penalty) {
    double ended = so_far + log((double)(float)probability(source, length, before, END));
    double best = ended / pow((5 + (double)length + 1) / 6, penalty);
    for (int32_t k = 0; k < END && length + 1 < limit; k++) {
        double score =
            best_of_all(source, length + 1, k,
                        so_far + log((double)(float)probability(source, length, before, (size_t)k)), limit, penalty);
        if (score > best) best = score;
    }
    return best;
}

static void wide_beams_find_the_best_sequence(void **state) {
    (void)state;
    const double penalties[] = {0, 1};
    for (size_t i = 0; i < 2; i++) {
        rr_beam_found found[SOURCES];
        search(150, penalties[i], found); /* all sequences fit */
        for (size_t source = 0; source < SOURCES; source++) {
            double best = best_of_all(source, 0, END, 0, LIMIT + source % 2, penalties[i]);
            double score = found[source].log_probability /
                           pow((5 + (double)found[source].count + (found[source].ended ? 1 : 0)) / 6, penalties[i]);
            assert_true(score > best - 1e-9);
            free(found[source].tokens);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(greedy_takes_the_most_likely),
                                       cmocka_unit_test(wide_beams_find_the_best_sequence)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
