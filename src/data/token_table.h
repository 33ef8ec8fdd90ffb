/* A set of byte strings, numbered in the order in which they came: number to string and back in O(1). */
#ifndef RR_DATA_TOKEN_TABLE_H
#define RR_DATA_TOKEN_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct rr_token_slot {
    uint32_t hash;  /* low half of XXH3; its low bits are where the search begins */
    uint32_t index; /* number + 1; 0: empty */
} rr_token_slot;

/** Zero-initialise; free with rr_token_table_free. */
typedef struct rr_token_table {
    size_t count;
    char *bytes; /* all strings, each followed by a NUL, in the order of their numbers */
    size_t bytes_used, bytes_capacity;
    uint64_t *ends; /* [count]: where in `bytes` the next string begins */
    size_t ends_capacity;
    rr_token_slot *slots; /* [slot_count], open addressing; strings of one byte stand in `single` alone */
    size_t slot_count;    /* a power of two, or 0 */
    uint32_t single[256]; /* number + 1 of a string of that one byte; 0: none */
} rr_token_table;

/** The number of a string, or -1. */
int32_t rr_token_table_find(const rr_token_table *table, const char *bytes, size_t length);

/** The number of a string, which is added if it is new (number == old count). @return RR_ERR_NOMEM, RR_ERR_INPUT: too
 * many */
rr_status rr_token_table_add(rr_token_table *table, const char *bytes, size_t length, int32_t *index);

/** The string of a number in [0, count), ended by a NUL too. Borrowed until the next add. */
const char *rr_token_table_get(const rr_token_table *table, int32_t index, size_t *length);

/** A hash of all strings in their order. */
uint64_t rr_token_table_hash(const rr_token_table *table, uint64_t seed);

void rr_token_table_free(rr_token_table *table);

#endif
