#include "task/sampling.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

rr_status rr_sampler_create(size_t classes, rr_sampler *out) {
    rr_sampler sampler = {.classes = classes};
    sampler.order = malloc((classes + 1) * sizeof *sampler.order);
    sampler.probabilities = malloc((classes + 1) * sizeof *sampler.probabilities);
    if (sampler.order == NULL || sampler.probabilities == NULL) {
        rr_sampler_free(&sampler);
        return rr_fail(RR_ERR_NOMEM, "no memory to sample from %zu classes", classes);
    }
    *out = sampler;
    return RR_OK;
}

void rr_sampler_free(rr_sampler *sampler) {
    free(sampler->order);
    free(sampler->probabilities);
    *sampler = (rr_sampler){0};
}

rr_status rr_sampling_check(const rr_generate_options *options) {
    if (!(options->temperature >= 0) || isinf(options->temperature))
        return rr_fail(RR_ERR_INPUT, "--temperature %g: must be a finite number >= 0 (0 takes the most likely token)",
                       options->temperature);
    if (!(options->top_p > 0 && options->top_p <= 1))
        return rr_fail(RR_ERR_INPUT, "--top-p %g: must be > 0 and <= 1", options->top_p);
    return RR_OK;
}

/* The k-th largest of count values, by quickselect on a copy that is reordered. */
static float kth_largest(float *values, size_t count, size_t k) {
    size_t low = 0, high = count - 1;
    while (low < high) {
        float pivot = values[low + (high - low) / 2];
        size_t i = low, j = high;
        for (;;) {
            while (values[i] > pivot) i++;
            while (values[j] < pivot) j--;
            if (i >= j) break;
            float swap = values[i];
            values[i++] = values[j];
            values[j--] = swap;
        }
        if (k <= j)
            high = j;
        else
            low = j + 1;
    }
    return values[k];
}

static int by_probability(const void *a, const void *b, void *probabilities) {
    const float *p = probabilities;
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    if (p[x] != p[y]) return p[x] > p[y] ? -1 : 1;
    return x < y ? -1 : 1;
}

int32_t rr_sample(rr_sampler *sampler, const float *logits, const rr_generate_options *options, uint64_t index,
                  int32_t banned) {
    size_t classes = sampler->classes;
    int32_t best = -1;
    for (size_t i = 0; i < classes; i++)
        if ((int32_t)i != banned && (best < 0 || logits[i] > logits[best])) best = (int32_t)i;
    if (options->temperature == 0 || best < 0) return best;

    /* Candidates: all, or the k largest (those that tie with the k-th included only up to k, lower classes first). */
    size_t count = 0;
    float threshold = -INFINITY;
    if (options->top_k > 0 && options->top_k < classes) {
        memcpy(sampler->probabilities, logits, classes * sizeof *logits);
        if (banned >= 0) sampler->probabilities[banned] = -INFINITY;
        threshold = kth_largest(sampler->probabilities, classes, options->top_k - 1);
        for (size_t i = 0; i < classes; i++)
            if ((int32_t)i != banned && logits[i] > threshold) sampler->order[count++] = (int32_t)i;
        for (size_t i = 0; i < classes && count < options->top_k; i++)
            if ((int32_t)i != banned && logits[i] == threshold) sampler->order[count++] = (int32_t)i;
    } else {
        for (size_t i = 0; i < classes; i++)
            if ((int32_t)i != banned) sampler->order[count++] = (int32_t)i;
    }

    double sum = 0;
    for (size_t n = 0; n < count; n++) {
        int32_t i = sampler->order[n];
        sampler->probabilities[i] = (float)exp(((double)logits[i] - (double)logits[best]) / options->temperature);
        sum += (double)sampler->probabilities[i];
    }
    if (options->top_p < 1) {
        qsort_r(sampler->order, count, sizeof *sampler->order, by_probability, sampler->probabilities);
        double kept = 0;
        size_t keep = 0;
        while (keep < count && kept < options->top_p * sum)
            kept += (double)sampler->probabilities[sampler->order[keep++]];
        count = keep;
        sum = kept;
    }

    uint32_t words[4], counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), 0, 0};
    rr_philox(options->seed, RR_RNG_SAMPLE, counter, words);
    double drawn = sum * (((double)words[0] + (double)words[1] * 0x1p-32) * 0x1p-32);
    for (size_t n = 0; n < count; n++) {
        drawn -= (double)sampler->probabilities[sampler->order[n]];
        if (drawn < 0) return sampler->order[n];
    }
    return count > 0 ? sampler->order[count - 1] : best;
}
