/* Sums over arrays, each in the order of ranks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dist/sum_ranks.h"

enum { MOST_RANKS = 9, SIZE = 5000, BEGIN = 5 };

static float values[MOST_RANKS][SIZE];

/* Numbers whose sum depends on the order of adding. */
static void fill(float **arrays) {
    uint32_t random = 1;
    for (size_t r = 0; r < MOST_RANKS; r++) {
        arrays[r] = values[r];
        for (size_t i = 0; i < SIZE; i++) {
            random = random * 1664525u + 1013904223u;
            values[r][i] = ((float)(random >> 8) - 8e6f) * (r % 3 == 1 ? 1e3f : 1e-4f);
        }
    }
}

static float sum_in_order(float *const *arrays, size_t ranks, size_t i) {
    float sum = arrays[0][i];
    for (size_t r = 1; r < ranks; r++) sum += arrays[r][i];
    return sum;
}

static const size_t counts[] = {0, 1, 2, 15, 16, 17, 1023, 1024, 1025, 4991};

static void sums_are_those_of_adding_rank_after_rank(void **state) {
    (void)state;
    float *arrays[MOST_RANKS], *out = malloc((SIZE + 1) * sizeof *out);
    assert_non_null(out);
    fill(arrays);
    for (size_t ranks = 1; ranks <= MOST_RANKS; ranks++)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            out[counts[c]] = 4242;
            rr_sum_ranks(arrays, ranks, BEGIN, counts[c], out);
            for (size_t i = 0; i < counts[c]; i++) assert_true(out[i] == sum_in_order(arrays, ranks, BEGIN + i));
            assert_true(out[counts[c]] == 4242);
        }
    free(out);
}

static void sums_go_into_the_arrays_that_are_named_and_nowhere_else(void **state) {
    (void)state;
    float *arrays[MOST_RANKS], *before = malloc(sizeof values);
    assert_non_null(before);
    for (size_t ranks = 1; ranks <= MOST_RANKS; ranks++)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
            for (size_t first = 0; first <= ranks; first += ranks > 4 ? 3 : 1) {
                size_t last = first + (ranks - first + 1) / 2;
                if (first == 0) last = ranks;
                fill(arrays);
                float *originals[MOST_RANKS];
                for (size_t r = 0; r < MOST_RANKS; r++) {
                    originals[r] = before + r * SIZE;
                    for (size_t i = 0; i < SIZE; i++) originals[r][i] = values[r][i];
                }
                rr_sum_ranks_into(arrays, ranks, BEGIN, counts[c], first, last);
                for (size_t r = 0; r < MOST_RANKS; r++)
                    for (size_t i = 0; i < SIZE; i++) {
                        int summed = r >= first && r < last && i >= BEGIN && i < BEGIN + counts[c];
                        assert_true(values[r][i] == (summed ? sum_in_order(originals, ranks, i) : originals[r][i]));
                    }
            }
    free(before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_those_of_adding_rank_after_rank),
        cmocka_unit_test(sums_go_into_the_arrays_that_are_named_and_nowhere_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
