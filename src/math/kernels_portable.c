/* The kernels for portable; see kernels.inc. */
#define RR_KERNELS rr_kernels_portable
#include "math/kernels.inc"
