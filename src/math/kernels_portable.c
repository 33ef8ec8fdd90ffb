/* The kernels for portable; see kernels.inc. */
#define RR_KERNELS rr_kernels_portable
#define RR_VECTOR 16
#include "math/kernels.inc"
