#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "data/streams.h"
#include "text.h"

enum { CANARY = -77, MOST = 200 };

static const int32_t *numbers(void) {
    static int32_t ids[MOST];
    for (int i = 0; i < MOST; i++) ids[i] = i;
    return ids;
}

static rr_streams open_streams(size_t count, size_t rows, size_t window, int keep_all) {
    rr_streams streams = {0};
    int32_t *exact = malloc(count * sizeof *exact); /* of that size, so that a sanitizer sees a read beyond it */
    if (exact == NULL) abort();
    memcpy(exact, numbers(), count * sizeof *exact);
    assert_ok(rr_streams_open(exact, count, rows, window, keep_all, &streams));
    return streams;
}

static void close_streams(rr_streams *streams) { free((void *)(uintptr_t)streams->tokens); }

static size_t pairs_of(const rr_streams *streams, size_t index, size_t begin, size_t end) {
    size_t sum = 0;
    for (size_t row = begin; row < end; row++) sum += rr_streams_pairs(streams, index, row);
    return sum;
}

/* Inputs and targets of a window, each followed by a canary. */
typedef struct window {
    int32_t inputs[MOST + 1], targets[MOST + 1];
    size_t count;
} window;

static void fill(const rr_streams *streams, size_t index, size_t begin, size_t end, window *out) {
    for (size_t i = 0; i <= MOST; i++) out->inputs[i] = out->targets[i] = CANARY;
    rr_streams_fill(streams, index, begin, end, out->inputs, out->targets);
    out->count = pairs_of(streams, index, begin, end);
    for (size_t i = 0; i <= MOST; i++) assert_true((out->inputs[i] == CANARY) == (i >= out->count));
    for (size_t i = 0; i < out->count; i++) assert_int_equal(out->targets[i], out->inputs[i] + 1);
}

static void assert_inputs(const window *got, const int32_t *expected, size_t count) {
    assert_int_equal(got->count, count);
    for (size_t i = 0; i < count; i++) assert_int_equal(got->inputs[i], expected[i]);
}

static void training_cuts_equal_rows_and_drops_the_rest(void **state) {
    (void)state;
    rr_streams streams = open_streams(12, 2, 2, 0); /* 11 pairs: rows of 5, one pair left out */
    window got;
    assert_int_equal(streams.length, 5);
    assert_int_equal(rr_streams_windows(&streams), 3);
    fill(&streams, 0, 0, 2, &got);
    assert_inputs(&got, (int32_t[]){0, 5, 1, 6}, 4); /* time-major: rows side by side */
    fill(&streams, 1, 0, 2, &got);
    assert_inputs(&got, (int32_t[]){2, 7, 3, 8}, 4);
    fill(&streams, 2, 0, 2, &got);
    assert_inputs(&got, (int32_t[]){4, 9}, 2); /* the last window is shorter */
    fill(&streams, 0, 1, 2, &got);
    assert_inputs(&got, (int32_t[]){5, 6}, 2);
    assert_int_equal(rr_streams_pairs(&streams, 3, 0), 0);
    assert_int_equal(rr_streams_pairs(&streams, 0, 2), 0);
    close_streams(&streams);
}

static void evaluation_keeps_every_pair_in_packed_rows(void **state) {
    (void)state;
    rr_streams streams = open_streams(9, 3, 2, 1); /* 8 pairs: rows of 3, 3, 2 */
    window got;
    assert_int_equal(streams.length, 3);
    assert_int_equal(rr_streams_windows(&streams), 2);
    fill(&streams, 0, 0, 3, &got);
    assert_inputs(&got, (int32_t[]){0, 3, 6, 1, 4, 7}, 6);
    fill(&streams, 1, 0, 3, &got);
    assert_inputs(&got, (int32_t[]){2, 5}, 2); /* the third row has ended */
    fill(&streams, 1, 2, 3, &got);
    assert_inputs(&got, NULL, 0);
    close_streams(&streams);
}

static void one_row_reads_the_text_from_beginning_to_end(void **state) {
    (void)state;
    for (int keep_all = 0; keep_all < 2; keep_all++) {
        rr_streams streams = open_streams(8, 1, 3, keep_all);
        window got;
        assert_int_equal(rr_streams_windows(&streams), 3);
        fill(&streams, 2, 0, 1, &got);
        assert_inputs(&got, (int32_t[]){6}, 1);
        close_streams(&streams);
    }
}

static void more_rows_than_pairs_are_refused_in_training_and_empty_in_evaluation(void **state) {
    (void)state;
    rr_streams streams = {.rows = 99};
    assert_refused(rr_streams_open(numbers(), 4, 4, 5, 0, &streams), "4 tokens are too few for 4 rows: at least 5");
    assert_refused(rr_streams_open(numbers(), 1, 1, 5, 0, &streams), "1 tokens are too few");
    assert_refused(rr_streams_open(numbers(), 1, 1, 5, 1, &streams), "1 tokens are too few");
    assert_refused(rr_streams_open(numbers(), 0, 1, 5, 1, &streams), "0 tokens are too few");
    assert_refused(rr_streams_open(numbers(), 9, 0, 5, 1, &streams), "at least one row");
    assert_refused(rr_streams_open(numbers(), 9, 1, 0, 1, &streams), "one time step");
    assert_int_equal(streams.rows, 99); /* untouched */
    assert_ok(rr_streams_open(numbers(), 5, 4, 5, 0, &streams));
    assert_int_equal(streams.length, 1);
    streams = open_streams(4, 5, 7, 1);
    assert_int_equal(streams.length, 1);
    window got;
    fill(&streams, 0, 0, 5, &got);
    assert_inputs(&got, (int32_t[]){0, 1, 2}, 3);
    fill(&streams, 0, 3, 5, &got);
    assert_inputs(&got, NULL, 0);
    close_streams(&streams);
}

/* What must hold of any streams: each window read by all rows at once, and by every range of rows. */
static void check_streams(const rr_streams *streams) {
    int times[MOST] = {0};
    size_t windows = rr_streams_windows(streams), done[MOST] = {0}, kept = 0;
    assert_int_equal(windows, (streams->length + streams->window - 1) / streams->window);
    int32_t next[MOST];
    window all, part;
    for (size_t index = 0; index < windows; index++) {
        fill(streams, index, 0, streams->rows, &all);
        assert_true(all.count > 0);
        kept += all.count;
        size_t at = 0;
        for (size_t step = 0; at < all.count; step++)
            for (size_t row = 0; row < streams->rows && rr_streams_pairs(streams, index, row) > step; row++, at++) {
                if (done[row]++ > 0)
                    assert_int_equal(all.inputs[at], next[row]); /* windows of a row follow each other */
                next[row] = all.inputs[at] + 1;
                times[all.inputs[at]]++;
            }
        for (size_t row = 1; row < streams->rows; row++)
            assert_true(rr_streams_pairs(streams, index, row) <= rr_streams_pairs(streams, index, row - 1));
        for (size_t begin = 0; begin <= streams->rows; begin++)
            for (size_t end = begin; end <= streams->rows; end++) {
                fill(streams, index, begin, end, &part);
                size_t whole_at = 0, part_at = 0;
                for (size_t step = 0; whole_at < all.count; step++)
                    for (size_t row = 0; row < streams->rows && rr_streams_pairs(streams, index, row) > step;
                         row++, whole_at++)
                        if (row >= begin && row < end) assert_int_equal(part.inputs[part_at++], all.inputs[whole_at]);
                assert_int_equal(part_at, part.count);
            }
    }
    size_t pairs = streams->count - 1;
    assert_int_equal(kept, streams->keep_all ? pairs : pairs / streams->rows * streams->rows);
    for (size_t pair = 0; pair < MOST; pair++) assert_int_equal(times[pair], pair < kept);
    for (size_t row = 0; row < streams->rows; row++) {
        size_t shortest = streams->keep_all ? pairs / streams->rows : streams->length;
        assert_true(done[row] == streams->length || done[row] == shortest);
        assert_true(streams->length - shortest <= 1);
    }
}

static void every_pair_is_read_once_whatever_the_shape(void **state) {
    (void)state;
    static const size_t counts[] = {2, 3, 4, 5, 8, 17, 31, 32, 33, 61};
    static const size_t rows[] = {1, 2, 3, 4, 5, 7, 16};
    static const size_t windows[] = {1, 2, 3, 4, 5, 8, 30, 31, 100};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
        for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
            for (size_t w = 0; w < sizeof windows / sizeof *windows; w++)
                for (int keep_all = 0; keep_all < 2; keep_all++) {
                    if (!keep_all && counts[c] - 1 < rows[r]) continue;
                    rr_streams streams = open_streams(counts[c], rows[r], windows[w], keep_all);
                    check_streams(&streams);
                    close_streams(&streams);
                }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_cuts_equal_rows_and_drops_the_rest),
        cmocka_unit_test(evaluation_keeps_every_pair_in_packed_rows),
        cmocka_unit_test(one_row_reads_the_text_from_beginning_to_end),
        cmocka_unit_test(more_rows_than_pairs_are_refused_in_training_and_empty_in_evaluation),
        cmocka_unit_test(every_pair_is_read_once_whatever_the_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
