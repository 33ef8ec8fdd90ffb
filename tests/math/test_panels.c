/* Products on packed operands: every tile of every level against a chain of fused multiply-adds, bit for bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "math/levels.h"
#include "math/panels.h"

enum { PAD = 3, CHAIN = 1024 };
static const float UNTOUCHED = 12345.0f;

static float *drawn(size_t count, uint32_t stream) {
    float *values = aligned_alloc(RR_ALIGN, (count * sizeof *values / RR_ALIGN + 1) * RR_ALIGN);
    if (values == NULL) abort();
    draw(count, stream, -1, 1, values);
    return values;
}

/* What a product of that depth is: chains of at most CHAIN, one added to the other. */
static float chain(size_t depth, const float *a, size_t a_step, const float *b, size_t b_step, const float *add) {
    float total = add != NULL ? *add : 0;
    for (size_t k = 0; k < depth; k += CHAIN) {
        float sum = 0;
        for (size_t i = k; i < depth && i < k + CHAIN; i++) sum = fmaf(a[i * a_step], b[i * b_step], sum);
        total = k == 0 && add == NULL ? sum : sum + total;
    }
    return total;
}

static void check_tile(const rr_kernels *kernels, size_t rows, size_t count, size_t width, size_t depth, int add) {
    size_t panel = kernels->panel, step = depth * panel + 16, ldx = depth + PAD, ldy = count * panel + PAD;
    float *x = drawn(rows * ldx, 1), *panels = drawn(count * step, 2), *y = drawn(rows * ldy, 3);
    float *addend = drawn(rows * ldy, 4);
    for (size_t i = 0; i < rows * ldy; i++) y[i] = UNTOUCHED;
    rr_panel_product product = {.rows = rows,
                                .depth = depth,
                                .x = x,
                                .ldx = ldx,
                                .panel = panels,
                                .panel_step = step,
                                .count = count,
                                .width = width,
                                .add = add ? addend : NULL,
                                .add_ld = add == 2 ? 0 : ldy,
                                .y = y,
                                .ldy = ldy,
                                .y_step = panel};
    kernels->panel_product(&product);
    for (size_t row = 0; row < rows; row++)
        for (size_t at = 0; at < ldy; at++) {
            size_t p = at / panel, column = at % panel;
            float want = UNTOUCHED;
            if (p < count && column < width)
                want = chain(depth, x + row * ldx, 1, panels + p * step + column, panel,
                             add ? addend + row * product.add_ld + at : NULL);
            if (!same(y[row * ldy + at], want))
                fail_msg("%zu rows, %zu panels, width %zu, depth %zu: row %zu, column %zu", rows, count, width, depth,
                         row, at);
        }
    free(x);
    free(panels);
    free(y);
    free(addend);
}

static void every_tile_is_a_chain(void **state) {
    (void)state;
    static const size_t depths[] = {1, 2, 31};
    FOR_EACH_LEVEL(level) {
        const rr_kernels *kernels = rr_kernels_of(level);
        for (size_t rows = 1; rows <= 27; rows++)
            for (size_t count = 1; count <= 5; count++)
                for (size_t w = 0; w < 3; w++)
                    for (size_t d = 0; d < sizeof depths / sizeof *depths; d++)
                        check_tile(kernels, rows, count,
                                   w == 0   ? kernels->panel
                                   : w == 1 ? kernels->panel - 1
                                            : 1,
                                   depths[d], (int)((rows + count + d) % 3));
    }
}

static void check_strip(const rr_kernels *kernels, size_t rows, size_t width, size_t depth, bool accumulate) {
    size_t panel = kernels->panel, ldy = panel + PAD;
    float *a = drawn(depth * panel, 1), *b = drawn(depth * panel, 2), *y = drawn(rows * ldy, 3),
          *before = drawn(rows * ldy, 3);
    kernels->strip_product(depth, rows, width, a, b, accumulate, y, ldy);
    for (size_t row = 0; row < rows; row++)
        for (size_t column = 0; column < ldy; column++) {
            const float *old = before + row * ldy + column;
            float want =
                column < width ? chain(depth, a + row, panel, b + column, panel, accumulate ? old : NULL) : *old;
            assert_true(same(y[row * ldy + column], want));
        }
    free(a);
    free(b);
    free(y);
    free(before);
}

static void every_strip_is_a_chain(void **state) {
    (void)state;
    FOR_EACH_LEVEL(level) {
        const rr_kernels *kernels = rr_kernels_of(level);
        for (size_t rows = 1; rows <= kernels->panel; rows++)
            for (size_t width = 1; width <= kernels->panel; width++) check_strip(kernels, rows, width, 19, rows % 2);
    }
}

static rr_panels take(size_t depth, size_t groups, size_t columns, rr_arena *arena) {
    rr_arena measure = {0};
    rr_panels_plan(&measure, depth, groups, columns);
    if (rr_arena_reserve(measure.used, arena) != RR_OK) abort();
    return rr_panels_plan(arena, depth, groups, columns);
}

/* As the layers call it: weights as PyTorch stores them, columns in pieces, rows in the company of others. */
static void a_product_is_a_chain_for_any_shape(void **state) {
    (void)state;
    static const size_t shapes[][4] = {/* rows, depth, groups, columns */
                                       {1, 7, 1, 1},     {3, 40, 4, 37},    {20, 200, 4, 50}, {9, 1030, 3, 33},
                                       {2, 2100, 1, 70}, {130, 513, 1, 48}, {5, 1024, 2, 32}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        size_t rows = shapes[i][0], depth = shapes[i][1], groups = shapes[i][2], columns = shapes[i][3];
        size_t wide = groups * columns, ldx = depth + PAD, ldw = depth + 1;
        rr_arena arena;
        rr_panels panels = take(depth, groups, columns, &arena);
        float *x = drawn(rows * ldx, 1), *w = drawn(wide * ldw, 2), *y = drawn(rows * wide, 3), *bias = drawn(wide, 4);
        rr_panels_pack_transposed(&panels, 1, SIZE_MAX, w, ldw);
        rr_panels_pack_transposed(&panels, 0, 1, w, ldw);
        size_t count = rr_panels_count(&panels), middle = count / 2;
        rr_panels_multiply(&panels, middle, count, rows, x, ldx, bias, 0, y, wide);
        rr_panels_multiply(&panels, 0, middle, rows, x, ldx, bias, 0, y, wide);
        for (size_t row = 0; row < rows; row++)
            for (size_t column = 0; column < wide; column++)
                assert_true(
                    same(y[row * wide + column], chain(depth, x + row * ldx, 1, w + column * ldw, 1, bias + column)));
        float *alone = drawn(wide, 5);
        rr_panels_multiply(&panels, 0, count, 1, x + (rows - 1) * ldx, ldx, bias, 0, alone, wide);
        assert_memory_equal(alone, y + (rows - 1) * wide, wide * sizeof *alone);
        if (groups == 1) { /* the mirror */
            float *transposed = drawn(depth * wide, 6);
            for (size_t k = 0; k < depth; k++)
                for (size_t column = 0; column < wide; column++) transposed[k * wide + column] = w[column * ldw + k];
            float *again = drawn(rows * wide, 7);
            rr_panels_pack(&panels, 0, count, transposed, wide);
            rr_panels_multiply(&panels, 0, count, rows, x, ldx, bias, 0, again, wide);
            assert_memory_equal(again, y, rows * wide * sizeof *y);
            free(transposed);
            free(again);
        }
        free(alone);
        free(x);
        free(w);
        free(y);
        free(bias);
        rr_arena_release(&arena);
    }
}

static void a_weight_gradient_sums_rows_in_order(void **state) {
    (void)state;
    enum { BLOCK = 256 };
    static const size_t shapes[][3] = {{1, 1, 1}, {5, 33, 18}, {300, 40, 290}, {513, 17, 31}}; /* rows, N, K */
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        size_t rows = shapes[i][0], N = shapes[i][1], K = shapes[i][2], lddw = K + PAD;
        float *dy = drawn(rows * N, 1), *x = drawn(rows * K, 2), *dw = drawn(N * lddw, 3), *before = drawn(N * lddw, 3);
        float *dy_strips = drawn(rr_strips_floats(rows, N), 4), *x_strips = drawn(rr_strips_floats(rows, K), 5);
        rr_strips_pack(rows, N, 0, rr_strips_count(N), dy, N, dy_strips);
        rr_strips_pack(rows, K, 0, rr_strips_count(K), x, K, x_strips);
        size_t middle = N / 2 / rr_panel_columns() * rr_panel_columns();
        rr_strips_multiply(rows, N, K, dy_strips, x_strips, middle, N + 100, true, dw, lddw);
        rr_strips_multiply(rows, N, K, dy_strips, x_strips, 0, middle, true, dw, lddw);
        for (size_t n = 0; n < N; n++)
            for (size_t k = 0; k < lddw; k++) {
                float want = before[n * lddw + k];
                size_t block = rows < 2 * BLOCK ? rows : (rows + rows / BLOCK - 1) / (rows / BLOCK);
                for (size_t row = 0; row < rows && k < K; row += block)
                    want =
                        chain(rows - row < block ? rows - row : block, dy + row * N + n, N, x + row * K + k, K, &want);
                assert_true(same(dw[n * lddw + k], want));
            }
        float *const arrays[] = {dy, x, dw, before, dy_strips, x_strips};
        for (size_t a = 0; a < sizeof arrays / sizeof *arrays; a++) free(arrays[a]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tile_is_a_chain),
        cmocka_unit_test(every_strip_is_a_chain),
        cmocka_unit_test(a_product_is_a_chain_for_any_shape),
        cmocka_unit_test(a_weight_gradient_sums_rows_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
