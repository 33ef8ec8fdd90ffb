/* Whether OpenBLAS's choice of kernels fits the processor. A pure function, so that any processor can be tried. */
#ifndef RR_MATH_CORE_TYPE_H
#define RR_MATH_CORE_TYPE_H

#include "math/runtime.h"

/**
 * The core type that would be faster than `core` on a processor with `best`, or NULL if `core` is as good as any.
 * (OpenBLAS 0.3.21 knows no AMD family 1Ah and falls back; a variable copied from another machine does the same.)
 */
const char *rr_core_type_better(rr_isa best, const char *core);

#endif
