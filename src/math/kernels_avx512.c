/* The kernels for avx512; see kernels.inc. */
#if defined(__x86_64__)
#define RR_KERNELS rr_kernels_avx512
#define RR_VECTOR 64
#include "math/kernels.inc"
#else
typedef int rr_no_avx512_here; /* ISO C wants something in a file */
#endif
