/* LIBXSMM's just-in-time kernels on packed operands: one more contestant, where the build found the library. */
#ifndef RR_BENCH_XSMM_H
#define RR_BENCH_XSMM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/** Whether the build has the library, and the level in use is one that it has kernels for. */
bool rr_xsmm_available(void);

/** Kernels for one product y[rows, columns] = x[rows, depth] . w, and room for w as they want it. */
typedef struct rr_xsmm rr_xsmm;

/**
 * @param[in] accumulate  y += x . w
 * @return RR_ERR_NOMEM, RR_ERR_RUNTIME where the library has no kernel or is not there
 */
rr_status rr_xsmm_create(size_t rows, size_t columns, size_t depth, bool accumulate, rr_xsmm **out);
void rr_xsmm_free(rr_xsmm *product);

/** Packs w[depth, columns], or, transposed, w[columns, depth]; rows are dense. */
void rr_xsmm_pack(rr_xsmm *product, const float *w, bool transposed);

/** x and y are dense, too. */
void rr_xsmm_multiply(const rr_xsmm *product, const float *x, float *y);

/** out[columns, rows] = x[rows, columns]^T */
void rr_xsmm_transpose(size_t rows, size_t columns, const float *x, float *out);

#endif
