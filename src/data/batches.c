#include "data/batches.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

enum { POOL = 64 }; /* batches that are sorted by length together */

typedef struct entry {
    uint64_t key;
    uint32_t index;
} entry;

struct rr_batches {
    const size_t *lengths;
    size_t count, rows, steps;
    uint64_t seed, epoch; /* epoch: of what follows */
    bool known;           /* what follows has been made */
    uint32_t *examples;   /* [count] batch after batch */
    uint32_t *turns;      /* [steps] which batch each step takes */
    uint32_t *batch;      /* [rows] what rr_batches_at returned */
    uint32_t *sorted;     /* [POOL * rows] */
    entry *entries;       /* [count] */
};

enum { SHUFFLE_EXAMPLES, SHUFFLE_BATCHES };

static uint64_t random_key(const rr_batches *batches, uint32_t what, size_t index) {
    const uint32_t counter[4] = {(uint32_t)batches->epoch, (uint32_t)(batches->epoch >> 32), (uint32_t)index, what};
    return rr_philox_sort_key(batches->seed, RR_RNG_SHUFFLE, counter);
}

static int by_key(const void *a, const void *b) {
    const entry *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static void shuffle(rr_batches *batches, uint32_t what, size_t count, uint32_t *out) {
    for (size_t i = 0; i < count; i++) batches->entries[i] = (entry){random_key(batches, what, i), (uint32_t)i};
    qsort(batches->entries, count, sizeof *batches->entries, by_key);
    for (size_t i = 0; i < count; i++) out[i] = batches->entries[i].index;
}

/* Longest first; examples of equal length stay in their random order. */
static void sort_pool(rr_batches *batches, uint32_t *examples, size_t count) {
    for (size_t i = 0; i < count; i++)
        batches->entries[i] = (entry){UINT64_MAX - batches->lengths[examples[i]], (uint32_t)i};
    qsort(batches->entries, count, sizeof *batches->entries, by_key);
    for (size_t i = 0; i < count; i++) batches->sorted[i] = examples[batches->entries[i].index];
    memcpy(examples, batches->sorted, count * sizeof *examples);
}

static void go_to_epoch(rr_batches *batches, uint64_t epoch) {
    size_t count = batches->count, pool = POOL * batches->rows;
    if (batches->known && batches->epoch == epoch) return;
    batches->epoch = epoch;
    batches->known = true;
    shuffle(batches, SHUFFLE_EXAMPLES, count, batches->examples);
    for (size_t first = 0; first < count && batches->lengths != NULL; first += pool)
        sort_pool(batches, batches->examples + first, count - first < pool ? count - first : pool);
    shuffle(batches, SHUFFLE_BATCHES, batches->steps, batches->turns);
}

rr_status rr_batches_create(const size_t *lengths, size_t count, size_t rows, uint64_t seed, rr_batches **out) {
    if (count == 0) return rr_fail(RR_ERR_INPUT, "there is no example to train on");
    if (count > UINT32_MAX) return rr_fail(RR_ERR_INPUT, "%zu examples are more than fit (%u)", count, UINT32_MAX);
    rr_batches *batches = calloc(1, sizeof *batches);
    if (batches == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the order of %zu examples", count);
    size_t steps = (count - 1) / rows + 1, pool = POOL * rows < count ? POOL * rows : count;
    *batches = (rr_batches){.lengths = lengths, .count = count, .rows = rows, .steps = steps, .seed = seed};
    batches->examples = malloc(count * sizeof *batches->examples);
    batches->turns = malloc(steps * sizeof *batches->turns);
    batches->batch = malloc(rows * sizeof *batches->batch);
    batches->sorted = malloc(pool * sizeof *batches->sorted);
    batches->entries = malloc(count * sizeof *batches->entries);
    if (batches->examples == NULL || batches->turns == NULL || batches->batch == NULL || batches->sorted == NULL ||
        batches->entries == NULL) {
        rr_batches_free(batches);
        return rr_fail(RR_ERR_NOMEM, "no memory for the order of %zu examples", count);
    }
    *out = batches;
    return RR_OK;
}

void rr_batches_free(rr_batches *batches) {
    if (batches == NULL) return;
    free(batches->examples);
    free(batches->turns);
    free(batches->batch);
    free(batches->sorted);
    free(batches->entries);
    free(batches);
}

uint64_t rr_batches_steps(const rr_batches *batches) { return batches->steps; }

static size_t reversed(size_t value, unsigned bits) {
    size_t result = 0;
    for (unsigned i = 0; i < bits; i++) result |= (value >> i & 1) << (bits - 1 - i);
    return result;
}

/* From longest first to places whose numbers are those of van der Corput's sequence: neighbours in length lie far
 * apart. */
static void spread(const uint32_t *longest_first, size_t count, uint32_t *out) {
    unsigned bits = 0;
    while ((size_t)1 << bits < count) bits++;
    size_t next = 0;
    for (size_t i = 0; i < (size_t)1 << bits; i++) {
        size_t place = reversed(i, bits);
        if (place < count) out[place] = longest_first[next++];
    }
}

size_t rr_batches_at(rr_batches *batches, uint64_t epoch, uint64_t step, const uint32_t **examples) {
    go_to_epoch(batches, epoch);
    size_t first = (size_t)batches->turns[step] * batches->rows, left = batches->count - first;
    size_t rows = left < batches->rows ? left : batches->rows;
    spread(batches->examples + first, rows, batches->batch);
    *examples = batches->batch;
    return rows;
}
