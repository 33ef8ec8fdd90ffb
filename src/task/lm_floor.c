#include "task/lm_floor.h"

#include <math.h>
#include <stdlib.h>

enum { LARGEST_PAIR_TABLE = 2048 }; /* classes: 16 MiB of counts */

rr_status rr_lm_floor_count(const rr_tokens *train, const rr_tokens *held_out, size_t vocab_size, rr_lm_floor *out) {
    rr_status status = RR_OK;
    uint64_t *single = calloc(vocab_size, sizeof *single);
    uint32_t *pairs = vocab_size <= LARGEST_PAIR_TABLE ? calloc(vocab_size * vocab_size, sizeof *pairs) : NULL;
    if (single == NULL || (pairs == NULL && vocab_size <= LARGEST_PAIR_TABLE)) {
        status = rr_fail(RR_ERR_NOMEM, "no memory to count %zu tokens", vocab_size);
        goto free_counts;
    }
    for (size_t i = 0; i < train->count; i++) {
        single[train->ids[i]]++;
        if (pairs != NULL && i > 0) pairs[(size_t)train->ids[i - 1] * vocab_size + (size_t)train->ids[i]]++;
    }
    double unigram = 0, bigram = 0, classes = (double)vocab_size;
    for (size_t i = 1; i < held_out->count; i++) {
        size_t before = (size_t)held_out->ids[i - 1], token = (size_t)held_out->ids[i];
        unigram -= log(((double)single[token] + 1) / ((double)train->count + classes));
        if (pairs != NULL)
            bigram -= log(((double)pairs[before * vocab_size + token] + 1) / ((double)single[before] + classes));
    }
    double scored = held_out->count > 1 ? (double)(held_out->count - 1) : NAN;
    out->unigram = unigram / scored;
    out->bigram = pairs != NULL ? bigram / scored : NAN;
free_counts:
    free(single);
    free(pairs);
    return status;
}
