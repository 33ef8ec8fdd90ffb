#include "math/runtime.h"

#include <cblas.h>
#include <limits.h>
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
static const char *const isa_words[] = {"portable", "avx2", "avx512"}; /* in RINGRNN_ISA */
enum { ISA_COUNT = 3 };

const char *rr_isa_name(rr_isa isa) { return isa_names[isa]; }

/* The level that RINGRNN_ISA names, ISA_COUNT if it names none. */
static int isa_wanted(const char *variable) {
    int level = 0;
    while (level < ISA_COUNT && strcmp(variable, isa_words[level]) != 0) level++;
    return level;
}

rr_isa rr_isa_used(void) {
    const char *variable = getenv("RINGRNN_ISA");
    rr_isa best = rr_isa_best();
    if (variable == NULL) return best;
    int wanted = isa_wanted(variable);
    return wanted < (int)best ? (rr_isa)wanted : best;
}

static rr_core_type_facts facts(void) {
    return (rr_core_type_facts){.best = rr_isa_best(),
                                .core = openblas_get_corename(),
                                .selectable = strstr(openblas_get_config(), "DYNAMIC_ARCH") != NULL,
                                .variable = getenv("OPENBLAS_CORETYPE"),
                                .mended = getenv(AGAIN) != NULL};
}

/* False where the program was given to a dynamic loader as its argument: running the link again would run the loader.
 */
static bool runs_as_itself(void) {
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length <= 0) return false;
    path[length] = '\0';
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    return strncmp(name, "ld-", 3) != 0 && strncmp(name, "ld.", 3) != 0;
}

void rr_math_start(char **argv) {
    rr_core_type_facts found = facts();
    const char *better = rr_core_type_to_mend(&found);
    if (better == NULL || !runs_as_itself()) return;
    setenv("OPENBLAS_CORETYPE", better, 1);
    setenv(AGAIN, "1", 1);
    execv("/proc/self/exe", argv); /* if it fails, the slower kernels do */
    unsetenv("OPENBLAS_CORETYPE");
    unsetenv(AGAIN);
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
    const char *variable = getenv("RINGRNN_ISA");
    if (variable != NULL && isa_wanted(variable) == ISA_COUNT)
        return rr_fail(RR_ERR_INPUT, "RINGRNN_ISA=%s: must be portable, avx2 or avx512", variable);
    if (threads == 0 || threads > 1024)
        return rr_fail(RR_ERR_INPUT, "%zu BLAS threads: must be >= 1 and <= 1024", threads);
    rr_math_thread_start(); /* before OpenBLAS starts threads, which inherit it */
    openblas_set_num_threads((int)threads);
    return RR_OK;
}

const char *rr_math_notice(void) {
    static _Thread_local char text[256];
    rr_core_type_facts found = facts();
    rr_core_type_notice(&found, text, sizeof text);
    return text[0] != '\0' ? text : NULL;
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
