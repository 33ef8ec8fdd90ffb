#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "data/batches.h"

enum { COUNT = 1003, ROWS = 32 };

static void make_lengths(size_t *lengths) {
    for (size_t i = 0; i < COUNT; i++) lengths[i] = 1 + i * 7919 % 97;
}

static rr_batches *open(const size_t *lengths, size_t count, size_t rows, uint64_t seed) {
    rr_batches *batches = NULL;
    assert_int_equal(rr_batches_create(lengths, count, rows, seed, &batches), RR_OK);
    return batches;
}

static void every_epoch_has_every_example_once(void **state) {
    (void)state;
    size_t lengths[COUNT];
    make_lengths(lengths);
    for (size_t rows = 1; rows <= 2048; rows = 3 * rows + 1) {
        rr_batches *batches = open(lengths, COUNT, rows, 5);
        assert_int_equal(rr_batches_steps(batches), (COUNT + rows - 1) / rows);
        for (uint64_t epoch = 0; epoch < 3; epoch++) {
            bool seen[COUNT] = {false};
            size_t sum = 0;
            for (uint64_t step = 0; step < rr_batches_steps(batches); step++) {
                const uint32_t *examples;
                size_t got = rr_batches_at(batches, epoch, step, &examples);
                assert_in_range(got, 1, rows);
                for (size_t i = 0; i < got; i++) {
                    assert_true(examples[i] < COUNT && !seen[examples[i]]);
                    seen[examples[i]] = true;
                }
                sum += got;
            }
            assert_int_equal(sum, COUNT);
        }
        rr_batches_free(batches);
    }
}

static void a_step_is_the_same_in_whatever_order_it_is_asked_for(void **state) {
    (void)state;
    size_t lengths[COUNT];
    make_lengths(lengths);
    rr_batches *forth = open(lengths, COUNT, ROWS, 5), *jumps = open(lengths, COUNT, ROWS, 5);
    const uint32_t *a, *b;
    for (uint64_t epoch = 0; epoch < 3; epoch++)
        for (uint64_t step = 0; step < rr_batches_steps(forth); step++) {
            rr_batches_at(jumps, 7, 3, &b);
            size_t rows = rr_batches_at(forth, epoch, step, &a);
            assert_int_equal(rr_batches_at(jumps, epoch, step, &b), rows);
            assert_memory_equal(a, b, rows * sizeof *a);
        }
    rr_batches_free(forth);
    rr_batches_free(jumps);
}

static void epochs_and_seeds_differ(void **state) {
    (void)state;
    rr_batches *one = open(NULL, COUNT, ROWS, 1), *two = open(NULL, COUNT, ROWS, 2);
    uint32_t first[ROWS];
    const uint32_t *now;
    rr_batches_at(one, 0, 0, &now);
    memcpy(first, now, sizeof first);
    rr_batches_at(one, 1, 0, &now);
    assert_memory_not_equal(first, now, sizeof first);
    rr_batches_at(two, 0, 0, &now);
    assert_memory_not_equal(first, now, sizeof first);
    rr_batches_free(one);
    rr_batches_free(two);
}

static void rows_of_a_batch_are_of_nearly_equal_length_and_ranks_get_as_many_tokens(void **state) {
    (void)state;
    size_t lengths[COUNT], most_uneven = 0;
    make_lengths(lengths);
    rr_batches *batches = open(lengths, COUNT, ROWS, 5);
    for (uint64_t step = 0; step < rr_batches_steps(batches); step++) {
        const uint32_t *examples;
        size_t rows = rr_batches_at(batches, 0, step, &examples), least = SIZE_MAX, most = 0;
        for (size_t i = 0; i < rows; i++) {
            size_t length = lengths[examples[i]];
            least = length < least ? length : least;
            most = length > most ? length : most;
        }
        assert_true(most - least <= 8); /* 97 lengths over 32 batches */
        for (size_t ranks = 2; ranks <= 8 && rows == ROWS; ranks *= 2) {
            size_t low = SIZE_MAX, high = 0;
            for (size_t rank = 0; rank < ranks; rank++) {
                size_t sum = 0;
                for (size_t i = rows * rank / ranks; i < rows * (rank + 1) / ranks; i++) sum += lengths[examples[i]];
                low = sum < low ? sum : low;
                high = sum > high ? sum : high;
            }
            if (high - low > most_uneven) most_uneven = high - low;
        }
    }
    assert_true(most_uneven <= 12); /* tokens; in order of length it would be 16 rows x 2 and more */
    rr_batches_free(batches);
}

static void no_examples_are_an_error(void **state) {
    (void)state;
    rr_batches *batches = NULL;
    assert_int_equal(rr_batches_create(NULL, 0, ROWS, 1, &batches), RR_ERR_INPUT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_epoch_has_every_example_once),
        cmocka_unit_test(a_step_is_the_same_in_whatever_order_it_is_asked_for),
        cmocka_unit_test(epochs_and_seeds_differ),
        cmocka_unit_test(rows_of_a_batch_are_of_nearly_equal_length_and_ranks_get_as_many_tokens),
        cmocka_unit_test(no_examples_are_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
