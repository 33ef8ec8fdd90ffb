#include "math/panels.h"

#include <string.h>

#include "math/kernels.h"

enum {
    DEPTH = 1024,           /* of one chain; part of the result, so the same for everybody */
    LEFT_FLOATS = 1 << 16,  /* of the left operand that stay in the second cache while panels pass by: 256 KiB */
    STRIP_ROWS = 256,       /* about so many of both strips at a time: two strips of them fill the first cache */
    STRIP_COLUMNS = 256,    /* of x whose strips stay in the second cache while those of dy pass by */
    STRIP_FLOATS = 96 << 10 /* of them, where all rows are taken at a time */
};

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

size_t rr_panel_columns(void) { return rr_kernels_used()->panel; }

size_t rr_panels_count(const rr_panels *panels) { return rr_strips_count(panels->columns); }

rr_panels rr_panels_plan(rr_arena *arena, size_t depth, size_t groups, size_t columns) {
    rr_panels panels = {.depth = depth, .groups = groups, .columns = columns};
    panels.data = rr_arena_floats(arena, groups * rr_panels_count(&panels) * rr_panel_columns() * depth);
    return panels;
}

void rr_panels_pack_transposed(const rr_panels *panels, size_t first, size_t end, const float *w, size_t ldw) {
    const rr_kernels *kernels = rr_kernels_used();
    size_t count = rr_panels_count(panels), panel = kernels->panel;
    for (size_t group = 0; group < panels->groups; group++)
        for (size_t p = first; p < smaller(end, count); p++)
            kernels->pack_panel(panels->depth, smaller(panel, panels->columns - p * panel),
                                w + (group * panels->columns + p * panel) * ldw, ldw,
                                panels->data + (group * count + p) * panel * panels->depth);
}

void rr_panels_pack(const rr_panels *panels, size_t first, size_t end, const float *w, size_t ldw) {
    rr_strips_pack(panels->depth, panels->columns, first, end, w, ldw, panels->data);
}

/* Panels [first, end) of every group, `width` columns of each, for one block of rows and one of depth. */
static void multiply_block(const rr_panels *panels, size_t first, size_t end, size_t width, rr_panel_product *product,
                           size_t k) {
    const rr_kernels *kernels = rr_kernels_used();
    size_t panel_floats = panels->depth * kernels->panel;
    const float *add = product->add;
    float *y = product->y;
    bool one_group = panels->groups == 1; /* its panels lie side by side, as those of a tile must */
    for (size_t p = first; p < end; p += one_group ? end - first : 1) {
        product->width = width;
        product->panel = panels->data + p * panel_floats + k * kernels->panel;
        product->panel_step = one_group ? panel_floats : rr_panels_count(panels) * panel_floats;
        product->count = one_group ? end - first : panels->groups;
        product->add = add != NULL ? add + p * kernels->panel : NULL;
        product->y = y + p * kernels->panel;
        product->y_step = one_group ? kernels->panel : panels->columns;
        kernels->panel_product(product);
    }
}

void rr_panels_multiply(const rr_panels *panels, size_t first, size_t end, size_t rows, const float *x, size_t ldx,
                        const float *add, size_t ld_add, float *y, size_t ldy) {
    size_t panel = rr_panel_columns(), most_rows = LEFT_FLOATS / smaller(panels->depth, DEPTH);
    size_t whole = smaller(end, panels->columns / panel), rest = panels->columns % panel;
    for (size_t row = 0; row < rows; row += most_rows)
        for (size_t k = 0; k < panels->depth; k += DEPTH) {
            rr_panel_product product = {.rows = smaller(rows - row, most_rows),
                                        .depth = smaller(panels->depth - k, DEPTH),
                                        .x = x + row * ldx + k,
                                        .ldx = ldx,
                                        .add = add != NULL ? add + row * ld_add : NULL,
                                        .add_ld = ld_add,
                                        .y = y + row * ldy,
                                        .ldy = ldy};
            if (k > 0) {
                product.add = product.y;
                product.add_ld = ldy;
            }
            rr_panel_product last = product;
            if (first < whole) multiply_block(panels, first, whole, panel, &product, k);
            if (whole < end) multiply_block(panels, whole, end, rest, &last, k);
        }
}

size_t rr_strips_count(size_t columns) { return (columns + rr_panel_columns() - 1) / rr_panel_columns(); }

size_t rr_strips_floats(size_t rows, size_t columns) { return rr_strips_count(columns) * rr_panel_columns() * rows; }

void rr_strips_pack(size_t rows, size_t columns, size_t first, size_t end, const float *x, size_t ldx, float *strips) {
    const rr_kernels *kernels = rr_kernels_used();
    size_t last = end < rr_strips_count(columns) ? end * kernels->panel : columns;
    for (size_t column = first * kernels->panel; column < last; column += kernels->panel)
        kernels->pack_strip(rows, smaller(kernels->panel, columns - column), x + column, ldx, strips + column * rows);
}

void rr_strips_pack_rows(const uint32_t *rows, size_t count, size_t columns, size_t first, size_t end, const float *x,
                         size_t ldx, float *strips) {
    const rr_kernels *kernels = rr_kernels_used();
    size_t last = end < rr_strips_count(columns) ? end * kernels->panel : columns;
    for (size_t column = first * kernels->panel; column < last; column += kernels->panel)
        for (size_t i = 0, run; i < count; i += run) {
            for (run = 1; i + run < count && rows[i + run] == rows[i] + run;) run++;
            kernels->pack_strip(run, smaller(kernels->panel, columns - column), x + rows[i] * ldx + column, ldx,
                                strips + column * count + i * kernels->panel);
        }
}

/* Rows that one chain goes over: what is the same for everybody who has these rows. */
static size_t chain_rows(size_t rows) {
    size_t blocks = rows < 2 * STRIP_ROWS ? 1 : rows / STRIP_ROWS;
    return (rows + blocks - 1) / blocks;
}

void rr_strips_multiply(size_t rows, size_t N, size_t K, const float *dy_strips, const float *x_strips, size_t first,
                        size_t end, bool accumulate, float *dw, size_t lddw) {
    rr_strips_multiply_piece((rr_strip_piece){0, rows}, rows, N, K, dy_strips, x_strips, first, end, accumulate, dw,
                             lddw);
}

void rr_strips_multiply_piece(rr_strip_piece piece, size_t rows, size_t N, size_t K, const float *dy_strips,
                              const float *x_strips, size_t first, size_t end, bool accumulate, float *dw,
                              size_t lddw) {
    const rr_kernels *kernels = rr_kernels_used();
    size_t panel = kernels->panel, last = smaller(end, N), block = chain_rows(piece.end - piece.begin);
    for (size_t row = piece.begin; row < piece.end; row += block)
        for (size_t k0 = 0; k0 < K; k0 += STRIP_COLUMNS)
            for (size_t n = first; n < last; n += panel)
                for (size_t k = k0; k < smaller(k0 + STRIP_COLUMNS, K); k += panel)
                    kernels->strip_product(smaller(piece.end - row, block), smaller(panel, last - n),
                                           smaller(panel, K - k), dy_strips + n * rows + row * panel,
                                           x_strips + k * rows + row * panel, accumulate || row > piece.begin,
                                           dw + n * lddw + k, lddw);
}

size_t rr_strips_scratch(size_t depth) { return depth * rr_panel_columns() * rr_panel_columns(); }

/* A tile of one shard's product: the strips of n and k, all of its pieces. */
static void shard_tile(const rr_strip_shards *shards, size_t shard, size_t n_rows, size_t width, const float *dy,
                       const float *x, float *out, size_t ld) {
    const rr_kernels *kernels = rr_kernels_used();
    size_t panel = kernels->panel;
    bool accumulate = false;
    for (size_t p = shards->first_piece[shard]; p < shards->first_piece[shard + 1]; p++) {
        size_t begin = shards->pieces[p].begin, end = shards->pieces[p].end, block = chain_rows(end - begin);
        for (size_t row = begin; row < end; row += block, accumulate = true)
            kernels->strip_product(smaller(end - row, block), n_rows, width, dy + row * panel, x + row * panel,
                                   accumulate, out, ld);
    }
    for (size_t i = 0; !accumulate && i < n_rows; i++) memset(out + i * ld, 0, width * sizeof *out);
}

/* Tiles of `rows` rows of a panel's columns. */
static void add_tiles(size_t rows, size_t panel, const float *restrict b, float *restrict a) {
    for (size_t i = 0; i < rows * panel; i++) a[i] += b[i];
}

static void add_last_tiles(size_t rows, size_t width, size_t panel, const float *a, const float *b, float *out,
                           size_t ld) {
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < width; j++) out[i * ld + j] = a[i * panel + j] + b[i * panel + j];
}

static void sum_tile(const rr_strip_shards *shards, size_t n_rows, size_t width, const float *dy, const float *x,
                     float *scratch, float *out, size_t ld) {
    size_t panel = rr_panel_columns(), tile = panel * panel, top = 0;
    if (shards->count == 1) {
        shard_tile(shards, 0, n_rows, width, dy, x, out, ld);
        return;
    }
    for (size_t s = 0; s < shards->count; s++) {
        shard_tile(shards, s, n_rows, width, dy, x, scratch + top++ * tile, panel);
        for (size_t m = shards->merges[s]; m > 0; m--, top--) {
            float *a = scratch + (top - 2) * tile, *b = scratch + (top - 1) * tile;
            if (top == 2 && s + 1 == shards->count)
                add_last_tiles(n_rows, width, panel, a, b, out, ld);
            else
                add_tiles(n_rows, panel, b, a);
        }
    }
}

void rr_strips_multiply_shards(size_t rows, size_t N, size_t K, const float *dy_strips, const float *x_strips,
                               size_t first, size_t end, const rr_strip_shards *shards, float *scratch, float *dw,
                               size_t lddw) {
    size_t panel = rr_panel_columns(), last = smaller(end, N);
    size_t columns = smaller(STRIP_FLOATS / (rows + 1) / panel * panel, STRIP_COLUMNS);
    if (columns < panel) columns = panel;
    for (size_t k0 = 0; k0 < K; k0 += columns)
        for (size_t n = first; n < last; n += panel)
            for (size_t k = k0; k < smaller(k0 + columns, K); k += panel)
                sum_tile(shards, smaller(panel, last - n), smaller(panel, K - k), dy_strips + n * rows,
                         x_strips + k * rows, scratch, dw + n * lddw + k, lddw);
}
