#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "nn/dropout.h"

enum { ROWS = 5, STEPS = 4, MOST = 260 };

typedef struct place {
    rr_sequence sequence;
    size_t active[STEPS], offset[STEPS + 1];
} place;

/* Rows of the given ids and lengths. */
static rr_sequence lay(place *p, const size_t *lengths, const uint64_t *ids, size_t rows) {
    rr_sequence_fill(lengths, rows, p->active, p->offset);
    return (rr_sequence){.steps = lengths[0],
                         .rows = rows,
                         .total = p->offset[lengths[0]],
                         .active = p->active,
                         .offset = p->offset,
                         .lengths = lengths,
                         .row_id = ids};
}

static const size_t full[ROWS] = {STEPS, STEPS, STEPS, STEPS, STEPS};
static const uint64_t ids[ROWS] = {7, 3, 11, 0, UINT64_C(1) << 33};

static float ones[ROWS * STEPS * MOST], out[ROWS * STEPS * MOST + 1], again[ROWS * STEPS * MOST + 1];

static int fill(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof ones / sizeof *ones; i++) ones[i] = 1;
    return 0;
}

static void kept_units_are_scaled_and_the_share_is_p(void **state) {
    (void)state;
    const float p = 0.25F; /* 1 / (1 - p) rounds to 4 / 3 */
    place memory;
    rr_sequence s = lay(&memory, full, ids, ROWS);
    size_t dropped = 0, count = 0;
    for (uint64_t step = 0; step < 20; step++) {
        rr_dropout_apply(&(rr_dropout){1, step}, 0, p, &s, MOST, ones, out);
        for (size_t i = 0; i < s.total * MOST; i++, count++) {
            assert_true(out[i] == 0 || out[i] == 1 / (1 - p));
            dropped += out[i] == 0;
        }
    }
    /* 104000 draws: the standard deviation of the share is 0.0013; six of them */
    assert_true(fabs((double)dropped / (double)count - 0.25) < 0.008);
}

static void widths_around_four_stay_within_bounds(void **state) {
    (void)state;
    static const size_t widths[] = {1, 3, 4, 5, 8, 257};
    place memory;
    rr_sequence s = lay(&memory, full, ids, ROWS);
    for (size_t w = 0; w < 6; w++) {
        size_t count = s.total * widths[w];
        for (size_t i = 0; i < count; i++) again[i] = 2;
        again[count] = -5;
        rr_dropout_apply(&(rr_dropout){1, 2}, 3, 0.5F, &s, widths[w], ones, out);
        rr_dropout_apply(&(rr_dropout){1, 2}, 3, 0.5F, &s, widths[w], again, again); /* in place, times 2 */
        for (size_t i = 0; i < count; i++) assert_true(again[i] == 2 * out[i]);
        assert_true(again[count] == -5);
    }
}

static void without_dropout_it_copies(void **state) {
    (void)state;
    place memory;
    rr_sequence s = lay(&memory, full, ids, ROWS);
    memset(out, 0, sizeof out);
    rr_dropout_apply(NULL, 0, 0.5F, &s, 6, ones, out);
    assert_memory_equal(out, ones, s.total * 6 * sizeof *out);
    assert_true(out[s.total * 6] == 0);
    memset(out, 0, sizeof out);
    rr_dropout_apply(&(rr_dropout){1, 2}, 0, 0, &s, 6, ones, out);
    assert_memory_equal(out, ones, s.total * 6 * sizeof *out);
    rr_dropout_apply(NULL, 0, 0.5F, &s, 6, out, out);
    assert_memory_equal(out, ones, s.total * 6 * sizeof *out);
}

/* The mask of a row is its own: other rows of the batch, their lengths and the order do not matter. */
static void a_mask_belongs_to_the_global_row(void **state) {
    (void)state;
    enum { WIDTH = 37 };
    place memory, memory2;
    rr_dropout dropout = {.seed = 5, .step = 8};
    rr_sequence s = lay(&memory, full, ids, ROWS);
    rr_dropout_apply(&dropout, 2, 0.5F, &s, WIDTH, ones, out);
    static const size_t lengths[] = {STEPS, 3, 1};
    static const size_t from[] = {4, 0, 2}; /* rows of the batch above */
    const uint64_t some[] = {ids[4], ids[0], ids[2]};
    rr_sequence part = lay(&memory2, lengths, some, 3);
    rr_dropout_apply(&dropout, 2, 0.5F, &part, WIDTH, ones, again);
    for (size_t row = 0; row < 3; row++)
        for (size_t t = 0; t < lengths[row]; t++)
            assert_memory_equal(again + (part.offset[t] + row) * WIDTH, out + (s.offset[t] + from[row]) * WIDTH,
                                WIDTH * sizeof *out);
}

/* Masks that differ in one thing alone agree in about half of their units, as independent ones do. */
static void everything_makes_another_mask(void **state) {
    (void)state;
    static const size_t one = 1;
    const struct {
        uint64_t seed, step, id;
        uint32_t site;
    } keys[] = {{0, 0, 0, 0},
                {1, 0, 0, 0},
                {UINT64_C(1) << 32, 0, 0, 0},
                {0, 1, 0, 0},
                {0, 256, 0, 0},
                {0, UINT64_C(1) << 32, 0, 0},
                {0, 0, 1, 0},
                {0, 0, UINT64_C(1) << 32, 0},
                {0, 0, 0, 1},
                {0, 0, 0, 256}};
    enum { COUNT = sizeof keys / sizeof *keys, WIDTH = 256 };
    static float masks[COUNT][WIDTH];
    place memory;
    for (size_t k = 0; k < COUNT; k++) {
        rr_sequence s = lay(&memory, &one, &keys[k].id, 1);
        rr_dropout_apply(&(rr_dropout){keys[k].seed, keys[k].step}, keys[k].site, 0.5F, &s, WIDTH, ones, masks[k]);
    }
    for (size_t a = 0; a < COUNT; a++)
        for (size_t b = a + 1; b < COUNT; b++) {
            /* 256 fair draws: their sum has a standard deviation of 8; six of them */
            size_t same = 0;
            for (size_t i = 0; i < WIDTH; i++) same += masks[a][i] == masks[b][i];
            if (same < 128 - 48 || same > 128 + 48) fail_msg("masks %zu and %zu agree in %zu of 256", a, b, same);
        }
    /* Time steps of a row too. */
    place long_memory;
    rr_sequence s = lay(&long_memory, full, &ids[0], 1);
    rr_dropout_apply(&(rr_dropout){0, 0}, 0, 0.5F, &s, WIDTH, ones, out);
    for (size_t t = 1; t < STEPS; t++) {
        size_t same = 0;
        for (size_t i = 0; i < WIDTH; i++) same += out[i] == out[t * WIDTH + i];
        assert_in_range(same, 128 - 48, 128 + 48);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_units_are_scaled_and_the_share_is_p),
        cmocka_unit_test(widths_around_four_stay_within_bounds),
        cmocka_unit_test(without_dropout_it_copies),
        cmocka_unit_test(a_mask_belongs_to_the_global_row),
        cmocka_unit_test(everything_makes_another_mask),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
