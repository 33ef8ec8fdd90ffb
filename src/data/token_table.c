#include "data/token_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

enum { FIRST_SLOTS = 1024, FIRST_STRINGS = 512, FIRST_BYTES = 4096 };

const char *rr_token_table_get(const rr_token_table *table, int32_t index, size_t *length) {
    size_t start = index > 0 ? table->ends[index - 1] : 0;
    *length = (size_t)table->ends[index] - start - 1;
    return table->bytes + start;
}

/* The slot that holds the string, or the empty one where it would go. */
static rr_token_slot *locate(const rr_token_table *table, const char *bytes, size_t length, uint32_t hash) {
    size_t mask = table->slot_count - 1;
    for (size_t at = hash & mask;; at = (at + 1) & mask) {
        rr_token_slot *slot = &table->slots[at];
        if (slot->index == 0) return slot;
        if (slot->hash != hash) continue;
        size_t known_length;
        const char *known = rr_token_table_get(table, (int32_t)(slot->index - 1), &known_length);
        if (known_length == length && memcmp(known, bytes, length) == 0) return slot;
    }
}

int32_t rr_token_table_find(const rr_token_table *table, const char *bytes, size_t length) {
    if (length == 1) return (int32_t)table->single[(unsigned char)*bytes] - 1;
    if (table->slot_count == 0) return -1;
    return (int32_t)locate(table, bytes, length, (uint32_t)rr_hash64(bytes, length, 0))->index - 1;
}

static rr_status fail_nomem(const rr_token_table *table) {
    return rr_fail(RR_ERR_NOMEM, "no memory for more than %zu different tokens", table->count);
}

/* Keeps at least a third of the slots empty. */
static rr_status grow_slots(rr_token_table *table) {
    if ((table->count + 1) * 3 <= table->slot_count * 2) return RR_OK;
    size_t slot_count = table->slot_count > 0 ? table->slot_count * 2 : FIRST_SLOTS;
    rr_token_slot *slots = calloc(slot_count, sizeof *slots);
    if (slots == NULL) return fail_nomem(table);
    for (size_t i = 0; i < table->slot_count; i++) {
        rr_token_slot slot = table->slots[i];
        if (slot.index == 0) continue;
        size_t at = slot.hash & (slot_count - 1);
        while (slots[at].index != 0) at = (at + 1) & (slot_count - 1);
        slots[at] = slot;
    }
    free(table->slots);
    table->slots = slots;
    table->slot_count = slot_count;
    return RR_OK;
}

static rr_status append_string(rr_token_table *table, const char *bytes, size_t length) {
    if (table->count >= INT32_MAX) return rr_fail(RR_ERR_INPUT, "more than %d different tokens", INT32_MAX);
    if (table->count == table->ends_capacity) {
        size_t capacity = table->ends_capacity > 0 ? table->ends_capacity * 2 : FIRST_STRINGS;
        uint64_t *ends = realloc(table->ends, capacity * sizeof *ends);
        if (ends == NULL) return fail_nomem(table);
        table->ends = ends;
        table->ends_capacity = capacity;
    }
    if (length + 1 > table->bytes_capacity - table->bytes_used) {
        size_t capacity = table->bytes_capacity > 0 ? table->bytes_capacity * 2 : FIRST_BYTES;
        if (capacity < table->bytes_used + length + 1) capacity = table->bytes_used + length + 1;
        char *all = realloc(table->bytes, capacity);
        if (all == NULL) return fail_nomem(table);
        table->bytes = all;
        table->bytes_capacity = capacity;
    }
    if (length > 0) memcpy(table->bytes + table->bytes_used, bytes, length);
    table->bytes[table->bytes_used + length] = 0;
    table->bytes_used += length + 1;
    table->ends[table->count++] = table->bytes_used;
    return RR_OK;
}

rr_status rr_token_table_add(rr_token_table *table, const char *bytes, size_t length, int32_t *index) {
    if (length == 1) {
        uint32_t *single = &table->single[(unsigned char)*bytes];
        if (*single == 0) {
            RR_TRY(append_string(table, bytes, 1));
            *single = (uint32_t)table->count;
        }
        *index = (int32_t)(*single - 1);
        return RR_OK;
    }
    uint32_t hash = (uint32_t)rr_hash64(bytes, length, 0);
    rr_token_slot *slot = table->slot_count > 0 ? locate(table, bytes, length, hash) : NULL;
    if (slot == NULL || slot->index == 0) {
        RR_TRY(grow_slots(table));
        slot = locate(table, bytes, length, hash);
        RR_TRY(append_string(table, bytes, length));
        *slot = (rr_token_slot){hash, (uint32_t)table->count};
    }
    *index = (int32_t)(slot->index - 1);
    return RR_OK;
}

uint64_t rr_token_table_hash(const rr_token_table *table, uint64_t seed) {
    uint64_t hash = rr_hash64(&(uint64_t){table->count}, sizeof(uint64_t), seed);
    if (table->count == 0) return hash;
    hash = rr_hash64(table->ends, table->count * sizeof *table->ends, hash);
    return rr_hash64(table->bytes, table->bytes_used, hash);
}

void rr_token_table_free(rr_token_table *table) {
    free(table->bytes);
    free(table->ends);
    free(table->slots);
    *table = (rr_token_table){0};
}
