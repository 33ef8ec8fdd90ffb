/* Whether OpenBLAS's choice of kernels fits the processor. Pure functions, so that any processor can be tried. */
#ifndef RR_MATH_CORE_TYPE_H
#define RR_MATH_CORE_TYPE_H

#include "math/runtime.h"

/**
 * The core type that would be faster than `core` on a processor with `best`, or NULL if `core` is as good as any.
 * (OpenBLAS 0.3.21 knows no AMD family 1Ah and falls back; a variable copied from another machine does the same.)
 */
const char *rr_core_type_better(rr_isa best, const char *core);

/** What the program found at its start. */
typedef struct rr_core_type_facts {
    rr_isa best;
    const char *core;     /* that OpenBLAS uses */
    bool selectable;      /* OpenBLAS was built for many core types and obeys OPENBLAS_CORETYPE */
    const char *variable; /* OPENBLAS_CORETYPE, NULL if it is not set */
    bool mended;          /* the variable was set by this program, before it ran itself again */
} rr_core_type_facts;

/** The core type to run again with, or NULL to go on. A variable that somebody else set is respected. */
const char *rr_core_type_to_mend(const rr_core_type_facts *facts);

/** Words what a slow core type costs into text, in one line; "" if there is nothing to say. */
void rr_core_type_notice(const rr_core_type_facts *facts, char *text, size_t size);

#endif
