#include "data/symbol_pairs.h"

#include <stdlib.h>

/* Where a pair stands, or the empty slot where it would. */
static size_t slot_of(const rr_symbol_pairs *pairs, int32_t left, int32_t right) {
    uint64_t hash = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * UINT64_C(0x9E3779B97F4A7C15);
    size_t mask = pairs->slot_count - 1, at = (size_t)(hash >> 32) & mask;
    while (pairs->slots[at] != 0) {
        const rr_symbol_pair *pair = &pairs->items[pairs->slots[at] - 1];
        if (pair->left == left && pair->right == right) break;
        at = (at + 1) & mask;
    }
    return at;
}

int32_t rr_symbol_pairs_find(const rr_symbol_pairs *pairs, int32_t left, int32_t right) {
    if (pairs->slot_count == 0 || left < 0 || right < 0) return -1;
    return (int32_t)pairs->slots[slot_of(pairs, left, right)] - 1;
}

/* Room for one more, with at least half of the slots empty. */
static rr_status grow(rr_symbol_pairs *pairs) {
    if (pairs->count == pairs->capacity) {
        size_t capacity = 2 * pairs->capacity + 1024;
        rr_symbol_pair *items = realloc(pairs->items, capacity * sizeof *items);
        if (items == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for %zu pairs of symbols", capacity);
        pairs->items = items;
        pairs->capacity = capacity;
    }
    if (2 * (pairs->count + 1) <= pairs->slot_count) return RR_OK;
    size_t slot_count = pairs->slot_count > 0 ? 2 * pairs->slot_count : 4096;
    uint32_t *slots = calloc(slot_count, sizeof *slots);
    if (slots == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for %zu pairs of symbols", slot_count);
    free(pairs->slots);
    pairs->slots = slots;
    pairs->slot_count = slot_count;
    for (size_t i = 0; i < pairs->count; i++)
        slots[slot_of(pairs, pairs->items[i].left, pairs->items[i].right)] = (uint32_t)i + 1;
    return RR_OK;
}

rr_status rr_symbol_pairs_add(rr_symbol_pairs *pairs, int32_t left, int32_t right, int32_t *index) {
    RR_TRY(grow(pairs));
    size_t at = slot_of(pairs, left, right);
    if (pairs->slots[at] == 0) {
        pairs->items[pairs->count] = (rr_symbol_pair){left, right};
        pairs->slots[at] = (uint32_t)++pairs->count;
    }
    *index = (int32_t)pairs->slots[at] - 1;
    return RR_OK;
}

void rr_symbol_pairs_free(rr_symbol_pairs *pairs) {
    free(pairs->items);
    free(pairs->slots);
    *pairs = (rr_symbol_pairs){.count = 0};
}
