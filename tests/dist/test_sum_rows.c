/* Sums of matrices of which each rank wrote few rows, beside the sum of the whole by MPI. */
#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "dist/sum_rows.h"
#include "ranks.h"

/* Every rank writes other rows, some of them those of others; rank 1 none at all in every second step. */
static void write_rows(float *grad, rr_row_list *rows, size_t width, size_t capacity, size_t step) {
    uint64_t random = rank * 31 + step;
    size_t wanted = rank == 1 && step % 2 == 1 ? 0 : next_random(&random) % (capacity + 1);
    for (size_t i = 0; i < wanted; i++) {
        size_t row = next_random(&random) % rows->height;
        rr_row_list_add(rows, row);
        for (size_t k = 0; k < width; k++) grad[row * width + k] += (float)(next_random(&random) % 100) - 50;
    }
}

static void check(rr_row_way way, size_t height, size_t width, size_t capacity) {
    size_t count = height * width;
    float *grad = calloc(count, sizeof *grad), *expected = calloc(count, sizeof *expected);
    rr_row_list *rows = NULL;
    rr_sum_rows *sum = NULL;
    expect(rr_row_list_create(height, &rows) == RR_OK);
    expect(rr_sum_rows_create(comm, way, grad, rows, width, capacity, 7, &sum) == RR_OK);
    for (size_t step = 0; step < 6 && !wrong; step++) {
        size_t bad = 0, unlisted = 0;
        bool done = false;
        rr_row_list_clear(rows, grad, width);
        for (size_t i = 0; i < count; i++) bad += grad[i] != 0;
        write_rows(grad, rows, width, capacity, step);
        MPI_Allreduce(grad, expected, (int)count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD); /* of integers: exact */
        expect(rr_sum_rows_start(sum) == RR_OK);
        while (!done && !wrong) expect(rr_sum_rows_test(sum, &done) == RR_OK);
        for (size_t i = 0; i < count; i++) {
            bad += grad[i] != expected[i];
            unlisted += grad[i] != 0 && !rows->listed[i / width];
        }
        expect(bad == 0 && unlisted == 0);
        expect(same_on_all(rr_hash64(grad, count * sizeof *grad, 0)));
    }
    rr_sum_rows_free(sum);
    rr_row_list_free(rows);
    free(grad);
    free(expected);
}

static void rows_of_all_ranks_are_summed(void **state) {
    (void)state;
    static const struct {
        size_t height, width, capacity;
    } cases[] = {{1, 1, 1}, {10, 3, 1}, {100, 16, 15}, {1000, 65, 40}, {5000, 33, 300}, {20, 4, 20}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check(RR_ROWS_TO_ALL, cases[i].height, cases[i].width, cases[i].capacity);
        check(RR_ROWS_BY_OWNER, cases[i].height, cases[i].width, cases[i].capacity);
    }
    settle();
}

static void more_rows_than_prepared_for_are_refused(void **state) {
    (void)state;
    static float grad[10];
    rr_row_list *rows = NULL;
    rr_sum_rows *sum = NULL;
    expect(rr_row_list_create(10, &rows) == RR_OK);
    expect(rr_sum_rows_create(comm, RR_ROWS_TO_ALL, grad, rows, 1, 2, 0, &sum) == RR_OK);
    for (size_t i = 0; i < 3; i++) rr_row_list_add(rows, i);
    expect(rr_sum_rows_start(sum) == RR_ERR_RUNTIME);
    rr_sum_rows_free(sum);
    rr_row_list_free(rows);
    settle();
}

/* Sums of thirds, which the order of adding changes: either way has the bits of adding them rank after rank. */
static void both_ways_add_in_the_order_of_ranks(void **state) {
    (void)state;
    enum { HEIGHT = 50, WIDTH = 9 };
    float grads[2][HEIGHT * WIDTH] = {{0}}, expected = 0;
    for (int way = 0; way < 2; way++) {
        rr_row_list *rows = NULL;
        rr_sum_rows *sum = NULL;
        bool done = false;
        expect(rr_row_list_create(HEIGHT, &rows) == RR_OK);
        expect(rr_sum_rows_create(comm, way == 0 ? RR_ROWS_TO_ALL : RR_ROWS_BY_OWNER, grads[way], rows, WIDTH, HEIGHT,
                                  7, &sum) == RR_OK);
        for (size_t i = 0; i < HEIGHT * WIDTH; i++) grads[way][i] = 1 / (3 + (float)(rank * rank * rank));
        for (size_t i = 0; i < HEIGHT; i++) rr_row_list_add(rows, i);
        expect(rr_sum_rows_start(sum) == RR_OK);
        while (!done && !wrong) expect(rr_sum_rows_test(sum, &done) == RR_OK);
        rr_sum_rows_free(sum);
        rr_row_list_free(rows);
    }
    for (size_t r = 0; r < ranks; r++) expected += 1 / (3 + (float)(r * r * r));
    for (size_t i = 0; i < HEIGHT * WIDTH; i++) expect(grads[0][i] == expected && grads[1][i] == expected);
    settle();
}

static void the_way_that_is_least_is_taken(void **state) {
    (void)state;
    expect(rr_row_way_of(400, 1, 10000, 200) == RR_ROWS_TO_ALL && rr_row_way_of(4900, 9, 10000, 200) == RR_ROWS_TO_ALL);
    expect(rr_row_way_of(5100, 1, 10000, 200) == RR_ROWS_NOT && rr_row_way_of(6400, 9, 100, 512) == RR_ROWS_NOT);
    expect(rr_row_way_of(11200, 64, 10000, 1500) == RR_ROWS_BY_OWNER);
    expect(rr_row_way_of(5000, 2, 10000, 200) == RR_ROWS_BY_OWNER && rr_row_way_of(5001, 2, 10000, 200) == RR_ROWS_NOT);
    settle();
}

static int run(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_all_ranks_are_summed),
        cmocka_unit_test(more_rows_than_prepared_for_are_refused),
        cmocka_unit_test(both_ways_add_in_the_order_of_ranks),
        cmocka_unit_test(the_way_that_is_least_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv) { return run_ranks(&argc, &argv, run); }
