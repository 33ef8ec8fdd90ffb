/* What the processor could do at most, measured: the limits that benchmarks are compared with. */
#ifndef RR_MATH_RATES_H
#define RR_MATH_RATES_H

#include <stddef.h>

/** Single-precision fused multiply-adds of one core with the instruction set in use, GFLOP/s; takes about 20 ms. */
double rr_fma_peak_gflops(void);

/** Bytes read and written by a plain copy of large arrays, GB/s; NAN without memory for them. */
double rr_copy_gb_per_s(void);

#endif
