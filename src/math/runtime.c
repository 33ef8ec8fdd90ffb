#include "math/runtime.h"

#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "math/core_type.h"

static const char AGAIN[] = "RINGRNN_CORETYPE_MENDED"; /* set before running again, so that it happens once */

rr_isa rr_isa_best(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return RR_ISA_AVX512;
    if (avx2) return RR_ISA_AVX2;
#endif
    return RR_ISA_PORTABLE;
}

static const char *const isa_names[] = {"portable", "AVX2", "AVX-512"};

const char *rr_isa_name(rr_isa isa) { return isa_names[isa]; }

rr_isa rr_isa_used(void) {
    static const char *const names[] = {"portable", "avx2", "avx512"};
    const char *wanted = getenv("RINGRNN_ISA");
    rr_isa best = rr_isa_best();
    for (int level = 0; wanted != NULL && level < (int)best; level++)
        if (strcmp(wanted, names[level]) == 0) return (rr_isa)level;
    return best;
}

void rr_math_start(char **argv) {
    const char *better = rr_core_type_better(rr_isa_best(), openblas_get_corename());
    if (better == NULL || getenv("OPENBLAS_CORETYPE") != NULL || getenv(AGAIN) != NULL) return;
    setenv("OPENBLAS_CORETYPE", better, 1);
    setenv(AGAIN, "1", 1);
    execv("/proc/self/exe", argv); /* if it fails, the slower kernels do */
    unsetenv("OPENBLAS_CORETYPE");
}

void rr_math_thread_start(void) {
#if defined(__x86_64__)
    _mm_setcsr(_mm_getcsr() | 0x8040); /* flush to zero, denormals are zero */
#elif defined(__aarch64__)
    unsigned long fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    __asm__ volatile("msr fpcr, %0" : : "r"(fpcr | (1ul << 24)));
#endif
}

rr_status rr_math_open(size_t threads) {
    if (threads == 0 || threads > 1024)
        return rr_fail(RR_ERR_INPUT, "%zu BLAS threads: must be >= 1 and <= 1024", threads);
    openblas_set_num_threads((int)threads);
    rr_math_thread_start();
    return RR_OK;
}

const char *rr_math_notice(void) {
    static _Thread_local char text[256];
    const char *core = openblas_get_corename(), *better = rr_core_type_better(rr_isa_best(), core);
    if (better == NULL) return NULL;
    const char *variable = getenv("OPENBLAS_CORETYPE");
    if (variable != NULL)
        snprintf(text, sizeof text,
                 "OPENBLAS_CORETYPE=%s is set and respected; this processor has %s, where %s would be faster", variable,
                 rr_isa_name(rr_isa_best()), better);
    else
        snprintf(text, sizeof text,
                 "OpenBLAS uses its %s kernels on a processor with %s; OPENBLAS_CORETYPE=%s would be faster", core,
                 rr_isa_name(rr_isa_best()), better);
    return text;
}

/* "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ..." without what follows the version. */
static void library_version(char *out, size_t size) {
    const char *config = openblas_get_config();
    size_t length = strcspn(config, " ");
    if (config[length] == ' ') length += 1 + strcspn(config + length + 1, " ");
    snprintf(out, size, "%.*s", (int)length, config);
}

const char *rr_math_blas_name(void) {
    static _Thread_local char text[160];
    char version[64];
    int threads = openblas_get_num_threads();
    library_version(version, sizeof version);
    snprintf(text, sizeof text, "%s %s, %d thread%s", version, openblas_get_corename(), threads,
             threads == 1 ? "" : "s");
    return text;
}

const char *rr_math_level(void) {
    static _Thread_local char text[256];
    snprintf(text, sizeof text, "%s kernels, %s", rr_isa_name(rr_isa_used()), rr_math_blas_name());
    return text;
}
