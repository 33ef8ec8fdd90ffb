/* The kernels for avx2; see kernels.inc. */
#if defined(__x86_64__)
#define RR_KERNELS rr_kernels_avx2
#define RR_VECTOR 32
#include "math/kernels.inc"
#else
typedef int rr_no_avx2_here; /* ISO C wants something in a file */
#endif
