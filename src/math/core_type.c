#include "math/core_type.h"

#include <stdio.h>
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

/* An empty variable chooses nothing. */
static bool chosen(const rr_core_type_facts *facts) { return facts->variable != NULL && facts->variable[0] != '\0'; }

const char *rr_core_type_to_mend(const rr_core_type_facts *facts) {
    if (!facts->selectable || facts->mended || chosen(facts)) return NULL;
    return rr_core_type_better(facts->best, facts->core);
}

void rr_core_type_notice(const rr_core_type_facts *facts, char *text, size_t size) {
    const char *better = rr_core_type_better(facts->best, facts->core), *isa = rr_isa_name(facts->best);
    if (better == NULL)
        snprintf(text, size, "%s", "");
    else if (!facts->selectable)
        snprintf(text, size,
                 "this OpenBLAS was built for %s only; one that was built for many processors (DYNAMIC_ARCH) would use "
                 "the %s of this one",
                 facts->core, isa);
    else if (facts->mended)
        snprintf(text, size,
                 "OpenBLAS uses its %s kernels on a processor with %s, and knows no %s: a newer one would be faster",
                 facts->core, isa, better);
    else if (chosen(facts))
        snprintf(
            text, size,
            "OPENBLAS_CORETYPE=%s is set and respected: OpenBLAS uses its %s kernels; this processor has %s, where "
            "%s would be faster",
            facts->variable, facts->core, isa, better);
    else
        snprintf(text, size,
                 "OpenBLAS uses its %s kernels on a processor with %s; OPENBLAS_CORETYPE=%s would be faster",
                 facts->core, isa, better);
}
