/* What the processor offers, which kernels are used, and the state of the numeric libraries. */
#ifndef RR_MATH_RUNTIME_H
#define RR_MATH_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

typedef enum rr_isa { RR_ISA_PORTABLE, RR_ISA_AVX2, RR_ISA_AVX512 } rr_isa;

/** The best level that CPUID reports (AVX2 means AVX2 and FMA; AVX512 means F, BW, DQ and VL). */
rr_isa rr_isa_best(void);

/** The level in use: the best, or the lower one that RINGRNN_ISA=portable|avx2|avx512 asks for. */
rr_isa rr_isa_used(void);

const char *rr_isa_name(rr_isa isa);

/**
 * Call first in main(), before any thread and before MPI_Init. If OpenBLAS chose kernels below what CPUID reports and
 * the environment does not name a core type, sets OPENBLAS_CORETYPE and runs the program again (does not return then).
 * One that is set is respected; what it costs is worded in rr_math_notice().
 */
void rr_math_start(char **argv);

/** After rr_math_start, once per process: FTZ and DAZ, BLAS threads, kernel level. Other threads call
 * rr_math_thread_start. */
rr_status rr_math_open(size_t threads);

/** FTZ and DAZ for the calling thread. */
void rr_math_thread_start(void);

/** What the user should know about the libraries (a slow core type that was set, say), or NULL. One line. */
const char *rr_math_notice(void);

/** "OpenBLAS 0.3.21 Haswell, 1 thread" and the like, for banner and checkpoint. Valid until the program ends. */
const char *rr_math_blas_name(void);

/** What a checkpoint records to tell whether a resume can give the same bits: ISA, BLAS version, core type, threads. */
const char *rr_math_level(void);

#endif
