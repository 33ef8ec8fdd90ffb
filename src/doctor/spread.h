/* The least, the middle and the most of what ranks have measured, and who. */
#ifndef RR_DOCTOR_SPREAD_H
#define RR_DOCTOR_SPREAD_H

#include <stddef.h>

#include "doctor/facts.h"

typedef struct rr_spread {
    double least, median, most; /* NAN if nobody knows */
    size_t least_rank, most_rank;
} rr_spread;

/** Over the ranks, of a double at this offset of rr_facts; NAN are left out. */
rr_spread rr_spread_of(const rr_patients *patients, size_t offset);

/** "71.2 GFLOP/s", or "70.1 to 72.3 GFLOP/s" where that differs by more than 2 %, with values times `scale`. */
void rr_spread_text(const rr_spread *spread, double scale, const char *unit, char *text, size_t size);

#endif
