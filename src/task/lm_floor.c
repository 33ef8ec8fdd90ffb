#include "task/lm_floor.h"

#include <cJSON.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum { LARGEST_PAIR_TABLE = 2048 }; /* classes: 16 MiB of counts */

rr_status rr_lm_counts_of(const rr_tokens *tokens, size_t vocab_size, uint64_t **counts) {
    *counts = calloc(vocab_size + 1, sizeof **counts);
    if (*counts == NULL) return rr_fail(RR_ERR_NOMEM, "no memory to count %zu tokens", vocab_size);
    for (size_t i = 0; i < tokens->count; i++) (*counts)[tokens->ids[i]]++;
    return RR_OK;
}

void rr_lm_counts_to_json(const uint64_t *counts, size_t vocab_size, rr_buffer *vocab_json) {
    if (counts == NULL || vocab_json->length == 0) return;
    vocab_json->length--; /* the brace that closes the vocabulary */
    for (size_t i = 0; i < vocab_size; i++)
        rr_buffer_printf(vocab_json, "%s%llu", i == 0 ? ",\"counts\":[" : ",", (unsigned long long)counts[i]);
    rr_buffer_puts(vocab_json, "]}");
}

rr_status rr_lm_counts_from_json(const char *vocab_json, size_t vocab_size, uint64_t **counts) {
    cJSON *json = cJSON_Parse(vocab_json);
    const cJSON *array = cJSON_GetObjectItem(json, "counts"), *item;
    size_t used = 0;
    bool right = true;
    rr_status status = RR_OK;
    uint64_t *found = array != NULL ? calloc(vocab_size + 1, sizeof *found) : NULL;
    if (array != NULL && found == NULL) status = rr_fail(RR_ERR_NOMEM, "no memory to count %zu tokens", vocab_size);
    if (found != NULL) cJSON_ArrayForEach(item, array) {
            right = right && used < vocab_size && cJSON_IsNumber(item) && item->valuedouble >= 0;
            if (right) found[used++] = (uint64_t)item->valuedouble;
        }
    if (found != NULL && (!right || used != vocab_size)) {
        status = rr_fail(RR_ERR_INPUT, "vocabulary: \"counts\" must be a number for each of its tokens");
        free(found);
        found = NULL;
    }
    cJSON_Delete(json);
    *counts = found;
    return status;
}

rr_status rr_lm_floor_count(const uint64_t *counts, const rr_tokens *train, const rr_tokens *held_out,
                            size_t vocab_size, rr_lm_floor *out) {
    bool has_pairs = train->count > 0 && vocab_size <= LARGEST_PAIR_TABLE;
    uint32_t *pairs = has_pairs ? calloc(vocab_size * vocab_size, sizeof *pairs) : NULL;
    if (pairs == NULL && has_pairs) return rr_fail(RR_ERR_NOMEM, "no memory to count pairs of %zu tokens", vocab_size);
    for (size_t i = 1; i < train->count && pairs != NULL; i++)
        pairs[(size_t)train->ids[i - 1] * vocab_size + (size_t)train->ids[i]]++;
    double unigram = 0, bigram = 0, classes = (double)vocab_size, all = 0;
    for (size_t i = 0; i < vocab_size; i++) all += (double)counts[i];
    for (size_t i = 1; i < held_out->count; i++) {
        size_t before = (size_t)held_out->ids[i - 1], token = (size_t)held_out->ids[i];
        unigram -= log(((double)counts[token] + 1) / (all + classes));
        if (pairs != NULL)
            bigram -= log(((double)pairs[before * vocab_size + token] + 1) / ((double)counts[before] + classes));
    }
    double scored = held_out->count > 1 ? (double)(held_out->count - 1) : NAN;
    out->unigram = unigram / scored;
    out->bigram = pairs != NULL ? bigram / scored : NAN;
    free(pairs);
    return RR_OK;
}
