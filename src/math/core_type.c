#include "math/core_type.h"

#include <strings.h>

static bool listed(const char *core, const char *const *names) {
    for (; *names != NULL; names++)
        if (strcasecmp(core, *names) == 0) return true;
    return false;
}

const char *rr_core_type_better(rr_isa best, const char *core) {
    static const char *const with_avx512[] = {"SkylakeX", "Cooperlake", "Sapphirerapids", NULL};
    static const char *const with_avx2[] = {"Haswell", "Zen", "Excavator", NULL};
    if (best == RR_ISA_AVX512 && !listed(core, with_avx512)) return "SkylakeX";
    if (best == RR_ISA_AVX2 && !listed(core, with_avx2) && !listed(core, with_avx512)) return "Haswell";
    return NULL;
}
