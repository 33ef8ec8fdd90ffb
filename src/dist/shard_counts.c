#include "dist/shard_counts.h"

#include <stdbool.h>
#include <stdlib.h>

#include "dist/shard_parts.h"

static const double ALIKE = 0.9;  /* slowest by fastest, from which on a difference may be chance */
static const double WORTH = 1.05; /* times the shortest time may be taken for counts that are cheaper */

typedef struct sharing {
    const double *rates; /* [ranks] */
    size_t *counts;      /* [ranks] so far */
    size_t *heap;        /* [ranks] ranks; the first would be done soonest with one shard more */
    size_t ranks;
} sharing;

/* The lower rank where two would be done at the same time. */
static bool is_sooner(const sharing *s, size_t a, size_t b) {
    double of_a = (double)(s->counts[a] + 1) / s->rates[a], of_b = (double)(s->counts[b] + 1) / s->rates[b];
    return of_a < of_b || (of_a == of_b && a < b);
}

/* Moves the rank at a place of the heap down to where it belongs. */
static void sink(sharing *s, size_t place) {
    for (size_t child; (child = 2 * place + 1) < s->ranks; place = child) {
        if (child + 1 < s->ranks && is_sooner(s, s->heap[child + 1], s->heap[child])) child++;
        if (!is_sooner(s, s->heap[child], s->heap[place])) return;
        size_t rank = s->heap[place];
        s->heap[place] = s->heap[child];
        s->heap[child] = rank;
    }
}

/*
 * Shares units out so that the last rank is done soonest. Whole parts in proportion to rates are less than anybody has
 * to take; what is left goes, one by one, to the rank that would be done with it soonest.
 */
static void share_out(sharing *s, size_t units) {
    double sum = 0;
    size_t left = units;
    for (size_t rank = 0; rank < s->ranks; rank++) sum += s->rates[rank];
    for (size_t rank = 0; rank < s->ranks; rank++) {
        size_t whole = (size_t)((double)units * (s->rates[rank] / sum));
        s->counts[rank] = whole < left ? whole : left; /* rounding must not give more than there are */
        left -= s->counts[rank];
        s->heap[rank] = rank;
    }
    for (size_t place = s->ranks / 2; place-- > 0;) sink(s, place);
    for (; left > 0; left--) {
        s->counts[s->heap[0]]++;
        sink(s, 0);
    }
}

/* When the last rank is done. */
static double time_of(const sharing *s) {
    double most = 0;
    for (size_t rank = 0; rank < s->ranks; rank++) {
        double time = (double)s->counts[rank] / s->rates[rank];
        if (time > most) most = time;
    }
    return most;
}

static void share_evenly(sharing *s, size_t shards) {
    for (size_t rank = 0; rank < s->ranks; rank++)
        s->counts[rank] = rr_first_shard(shards, rank + 1, s->ranks) - rr_first_shard(shards, rank, s->ranks);
}

static void share_in_units(sharing *s, size_t shards, size_t unit) {
    share_out(s, shards / unit);
    for (size_t rank = 0; rank < s->ranks; rank++) s->counts[rank] *= unit;
}

/* The first that is good enough of even counts, and multiples of 2^k, 2^(k - 1) ... 1. */
static void choose(sharing *s, size_t shards) {
    share_in_units(s, shards, 1);
    double enough = WORTH * time_of(s);
    size_t unit = shards & -shards;
    for (share_evenly(s, shards); time_of(s) > enough; unit /= 2) share_in_units(s, shards, unit);
}

rr_status rr_shard_counts(const double *rates, size_t ranks, size_t shards, size_t *counts) {
    sharing s = {.rates = rates, .counts = counts, .ranks = ranks};
    double slowest = rates[0], fastest = rates[0];
    for (size_t rank = 1; rank < ranks; rank++) {
        if (rates[rank] < slowest) slowest = rates[rank];
        if (rates[rank] > fastest) fastest = rates[rank];
    }
    if (slowest >= ALIKE * fastest) {
        share_evenly(&s, shards);
        return RR_OK;
    }
    s.heap = malloc(ranks * sizeof *s.heap);
    if (s.heap == NULL) return rr_fail(RR_ERR_NOMEM, "no memory to share %zu shards out", shards);
    choose(&s, shards);
    free(s.heap);
    return RR_OK;
}
