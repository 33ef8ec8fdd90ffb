#include "bench/xsmm.h"

#ifdef RR_HAVE_LIBXSMM

#include <libxsmm.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "math/runtime.h"

/* A panel of w: its columns. Rows and depth that a kernel takes at most: x and y stay in the first cache, and a slice
 * of a panel in the second. */
enum { PANEL = 32, MOST_ROWS = 40, MOST_DEPTH = 1024 };

/* In each dimension, whole blocks and what is left; the last says whether y is added to. */
typedef libxsmm_smmfunction kernels[2][2][2][2];

struct rr_xsmm {
    size_t rows, columns, depth;
    size_t block; /* rows of a kernel: equal parts as far as they can be */
    bool accumulate;
    rr_arena arena;
    float *panels; /* [ceil(columns / PANEL), depth, PANEL] */
    kernels kernels;
};

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* Never above the level that the program's own kernels use. */
static void choose_target(void) {
    if (rr_isa_used() == RR_ISA_AVX2 && libxsmm_get_target_archid() > LIBXSMM_X86_AVX2)
        libxsmm_set_target_archid(LIBXSMM_X86_AVX2);
}

bool rr_xsmm_available(void) { return rr_isa_used() != RR_ISA_PORTABLE; }

/* The library reads matrices by columns: there m is a panel's columns, n our rows, and x is its right operand. */
static rr_status dispatch(rr_xsmm *p, size_t rows, size_t columns, size_t depth, bool add, libxsmm_smmfunction *out) {
    libxsmm_blasint lda = PANEL, ldb = (libxsmm_blasint)p->depth, ldc = (libxsmm_blasint)p->columns;
    float alpha = 1, beta = add ? 1 : 0;
    int flags = LIBXSMM_GEMM_FLAG_NONE, prefetch = LIBXSMM_GEMM_PREFETCH_NONE;
    *out = libxsmm_smmdispatch((libxsmm_blasint)columns, (libxsmm_blasint)rows, (libxsmm_blasint)depth, &lda, &ldb,
                               &ldc, &alpha, &beta, &flags, &prefetch);
    if (*out != NULL) return RR_OK;
    return rr_fail(RR_ERR_RUNTIME, "LIBXSMM has no kernel for %zu rows, %zu columns and a depth of %zu", rows, columns,
                   depth);
}

static rr_status dispatch_all(rr_xsmm *p) {
    const size_t rows[] = {p->block, p->rows % p->block}, columns[] = {PANEL, p->columns % PANEL};
    const size_t depth[] = {MOST_DEPTH, p->depth % MOST_DEPTH};
    for (int i = 0; i < 16; i++) {
        int r = i & 1, c = i >> 1 & 1, d = i >> 2 & 1, add = i >> 3;
        if (rows[r] > 0 && columns[c] > 0 && depth[d] > 0 && columns[c] <= p->columns && depth[d] <= p->depth)
            RR_TRY(dispatch(p, rows[r], columns[c], depth[d], add == 1, &p->kernels[r][c][d][add]));
    }
    return RR_OK;
}

rr_status rr_xsmm_create(size_t rows, size_t columns, size_t depth, bool accumulate, rr_xsmm **out) {
    if (rows == 0 || columns == 0 || depth == 0 || rows > INT_MAX || columns > INT_MAX - PANEL || depth > INT_MAX)
        return rr_fail(RR_ERR_RUNTIME, "LIBXSMM cannot multiply [%zu, %zu] by [%zu, %zu]", rows, depth, depth, columns);
    if (!rr_xsmm_available()) return rr_fail(RR_ERR_RUNTIME, "LIBXSMM has no kernels of that level");
    libxsmm_init();
    choose_target();
    rr_xsmm *p = calloc(1, sizeof *p);
    if (p == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for kernels");
    size_t blocks = (rows + MOST_ROWS - 1) / MOST_ROWS, panels = (columns + PANEL - 1) / PANEL;
    *p = (rr_xsmm){.rows = rows, .columns = columns, .depth = depth, .accumulate = accumulate};
    p->block = (rows + blocks - 1) / blocks;
    size_t floats = panels * PANEL * depth;
    rr_status status = rr_arena_reserve(floats * sizeof(float), &p->arena); /* of zeros, as the last panel needs them */
    if (status == RR_OK) status = dispatch_all(p);
    if (status != RR_OK) {
        rr_xsmm_free(p);
        return status;
    }
    p->panels = rr_arena_floats(&p->arena, floats);
    *out = p;
    return RR_OK;
}

void rr_xsmm_free(rr_xsmm *product) {
    if (product == NULL) return;
    rr_arena_release(&product->arena);
    free(product);
}

void rr_xsmm_pack(rr_xsmm *product, const float *w, bool transposed) {
    size_t columns = product->columns, depth = product->depth;
    for (size_t first = 0; first < columns; first += PANEL) {
        float *panel = product->panels + first * depth;
        size_t width = least(PANEL, columns - first);
        for (size_t k = 0; k < depth; k++)
            if (!transposed)
                memcpy(panel + k * PANEL, w + k * columns + first, width * sizeof *w);
            else
                for (size_t j = 0; j < width; j++) panel[k * PANEL + j] = w[(first + j) * depth + k];
    }
}

void rr_xsmm_multiply(const rr_xsmm *product, const float *x, float *y) {
    size_t columns = product->columns, depth = product->depth, rows = product->rows, block = product->block;
    for (size_t c = 0; c < columns; c += PANEL)
        for (size_t d = 0; d < depth; d += MOST_DEPTH)
            for (size_t r = 0; r < rows; r += block)
                product->kernels[rows - r < block][columns - c < PANEL][depth - d < MOST_DEPTH]
                                [d > 0 || product->accumulate](product->panels + c * depth + d * PANEL,
                                                               x + r * depth + d, y + r * columns + c);
}

void rr_xsmm_transpose(size_t rows, size_t columns, const float *x, float *out) {
    libxsmm_otrans(out, x, sizeof *x, (libxsmm_blasint)columns, (libxsmm_blasint)rows, (libxsmm_blasint)columns,
                   (libxsmm_blasint)rows);
}

#else /* without the library it is never available, and the rest is never called */

bool rr_xsmm_available(void) { return false; }

rr_status rr_xsmm_create(size_t rows, size_t columns, size_t depth, bool accumulate, rr_xsmm **out) {
    (void)rows, (void)columns, (void)depth, (void)accumulate, (void)out;
    return rr_fail(RR_ERR_RUNTIME, "this build has no LIBXSMM");
}

void rr_xsmm_free(rr_xsmm *product) { (void)product; }

void rr_xsmm_pack(rr_xsmm *product, const float *w, bool transposed) { (void)product, (void)w, (void)transposed; }

void rr_xsmm_multiply(const rr_xsmm *product, const float *x, float *y) { (void)product, (void)x, (void)y; }

void rr_xsmm_transpose(size_t rows, size_t columns, const float *x, float *out) {
    (void)rows, (void)columns, (void)x, (void)out;
}

#endif
