/* A set of ordered pairs of numbers (symbols that follow each other), numbered in the order in which they came. */
#ifndef RR_DATA_SYMBOL_PAIRS_H
#define RR_DATA_SYMBOL_PAIRS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct rr_symbol_pair {
    int32_t left, right; /* not negative */
} rr_symbol_pair;

/** Zero-initialise; free with rr_symbol_pairs_free. */
typedef struct rr_symbol_pairs {
    rr_symbol_pair *items; /* [count] */
    size_t count, capacity;
    uint32_t *slots; /* [slot_count] number + 1, 0: empty; open addressing */
    size_t slot_count;
} rr_symbol_pairs;

/** The number of a pair, or -1. */
int32_t rr_symbol_pairs_find(const rr_symbol_pairs *pairs, int32_t left, int32_t right);

/** The number of a pair, which is added if it is new (number == old count). @return RR_ERR_NOMEM */
rr_status rr_symbol_pairs_add(rr_symbol_pairs *pairs, int32_t left, int32_t right, int32_t *index);
void rr_symbol_pairs_free(rr_symbol_pairs *pairs);

#endif
