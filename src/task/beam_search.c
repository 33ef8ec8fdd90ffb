#include "task/beam_search.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A token and what stands before it. */
typedef struct node {
    int32_t token;
    size_t before; /* index of a node; NONE at the start */
} node;

static const size_t NONE = (size_t)-1;

typedef struct hypothesis {
    size_t node;
    double log_probability;
} hypothesis;

typedef struct candidate {
    size_t beam; /* of the source's live ones */
    int32_t token;
    double log_probability;
} candidate;

typedef struct source {
    hypothesis *live; /* [beams] */
    size_t live_count, first_row;
    size_t finished;
    double best_score;
    hypothesis best;
    size_t best_length; /* tokens without the end */
    int best_ended;
    size_t limit;
} source;

typedef struct search {
    const rr_beam_spec *spec;
    source *sources;
    hypothesis *live, *before; /* [sources, beams], [beams] */
    node *nodes;
    size_t node_count, node_capacity;
    candidate *candidates; /* [2 beams] the best so far, best first */
    size_t candidate_count;
    /* Of the rows of a step. */
    size_t *parent, *row_source;
    int32_t *tokens;
    float *probabilities;
} search;

static rr_status add_node(search *s, int32_t token, size_t before, size_t *index) {
    if (s->node_count == s->node_capacity) {
        size_t capacity = 2 * s->node_capacity + 1024;
        node *nodes = realloc(s->nodes, capacity * sizeof *nodes);
        if (nodes == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a beam search");
        memset(nodes + s->node_capacity, 0, (capacity - s->node_capacity) * sizeof *nodes);
        s->nodes = nodes;
        s->node_capacity = capacity;
    }
    s->nodes[s->node_count] = (node){token, before};
    *index = s->node_count++;
    return RR_OK;
}

/* Candidates are met in order of beam and token: an equal one that comes later is behind. */
static void offer(search *s, candidate c) {
    size_t room = 2 * s->spec->beams, at = s->candidate_count;
    while (at > 0 && s->candidates[at - 1].log_probability < c.log_probability) at--;
    if (at == room) return;
    if (s->candidate_count < room) s->candidate_count++;
    for (size_t i = s->candidate_count - 1; i > at; i--) s->candidates[i] = s->candidates[i - 1];
    s->candidates[at] = c;
}

/* The best continuations of a source. The logarithm is only taken of what may be among them. */
static void find_candidates(search *s, const source *from) {
    size_t room = 2 * s->spec->beams;
    s->candidate_count = 0;
    for (size_t beam = 0; beam < from->live_count; beam++) {
        const float *p = s->probabilities + (from->first_row + beam) * s->spec->classes;
        double before = from->live[beam].log_probability;
        float least = 0; /* probabilities up to this cannot enter */
        for (size_t k = 0; k < s->spec->classes; k++) {
            if (s->candidate_count == room && p[k] <= least) continue;
            offer(s, (candidate){beam, (int32_t)k, before + log((double)p[k])});
            if (s->candidate_count == room)
                least = (float)(exp(s->candidates[room - 1].log_probability - before) * (1 - 1e-6));
        }
    }
}

static double score(const rr_beam_spec *spec, double log_probability, size_t length) {
    return log_probability / pow((5 + (double)length) / 6, spec->length_penalty);
}

/* length: without the end. */
static void finish(search *s, source *from, hypothesis h, size_t length, int ended) {
    double value = score(s->spec, h.log_probability, length + (ended ? 1 : 0));
    if (from->finished++ > 0 && !(value > from->best_score)) return;
    from->best_score = value;
    from->best = h;
    from->best_length = length;
    from->best_ended = ended;
}

/* What becomes of a source's hypotheses, of `length` tokens, by the candidates. */
static rr_status advance(search *s, size_t index, size_t length, size_t *rows) {
    source *from = &s->sources[index];
    size_t beams = s->spec->beams, kept = 0, first_row = from->first_row;
    hypothesis *live = from->live;
    hypothesis *old = s->before;
    memcpy(old, live, from->live_count * sizeof *old);
    rr_status status = RR_OK;
    for (size_t i = 0; i < s->candidate_count && kept < beams && status == RR_OK; i++) {
        candidate c = s->candidates[i];
        if (c.token == s->spec->end) {
            if (i < beams) finish(s, from, (hypothesis){old[c.beam].node, c.log_probability}, length, 1);
            continue;
        }
        size_t added = 0;
        status = add_node(s, c.token, old[c.beam].node, &added);
        live[kept] = (hypothesis){added, c.log_probability};
        s->parent[*rows + kept] = first_row + c.beam;
        s->tokens[*rows + kept] = c.token;
        kept++;
    }
    from->live_count = kept;
    bool done = from->finished >= beams || length + 1 >= from->limit || kept == 0;
    for (size_t i = 0; i < kept && length + 1 >= from->limit && from->finished < beams; i++)
        finish(s, from, live[i], length + 1, 0);
    if (done) from->live_count = 0;
    from->first_row = *rows;
    for (size_t i = 0; i < from->live_count; i++) s->row_source[*rows + i] = index;
    *rows += from->live_count;
    return status;
}

static rr_status hand_out(const search *s, const source *from, rr_beam_found *out) {
    *out = (rr_beam_found){
        .count = from->best_length, .log_probability = from->best.log_probability, .ended = from->best_ended};
    out->tokens = malloc((from->best_length + 1) * sizeof *out->tokens);
    if (out->tokens == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a sequence");
    size_t at = from->best_length;
    for (size_t index = from->best.node; index < s->node_count && at > 0; index = s->nodes[index].before)
        out->tokens[--at] = s->nodes[index].token;
    return RR_OK;
}

static rr_status start(search *s, size_t sources, const size_t *limits) {
    size_t rows = sources * s->spec->beams + 1, beams = s->spec->beams;
    s->sources = calloc(sources + 1, sizeof *s->sources);
    s->candidates = calloc(2 * beams + 1, sizeof *s->candidates);
    s->parent = calloc(rows, sizeof *s->parent);
    s->row_source = calloc(rows, sizeof *s->row_source);
    s->tokens = calloc(rows, sizeof *s->tokens);
    s->probabilities = malloc(rows * s->spec->classes * sizeof *s->probabilities);
    s->live = calloc(rows, sizeof *s->live);
    s->before = calloc(beams, sizeof *s->before);
    if (s->sources == NULL || s->candidates == NULL || s->parent == NULL || s->row_source == NULL ||
        s->tokens == NULL || s->probabilities == NULL || s->live == NULL || s->before == NULL)
        return rr_fail(RR_ERR_NOMEM, "no memory for a beam search over %zu sources", sources);
    for (size_t i = 0; i < sources; i++) {
        s->sources[i] = (source){.live = s->live + i * beams, .live_count = 1, .first_row = i, .limit = limits[i]};
        s->sources[i].live[0].node = NONE;
        s->parent[i] = s->row_source[i] = i;
        s->tokens[i] = s->spec->end;
    }
    return RR_OK;
}

rr_status rr_beam_search(const rr_beam_spec *spec, size_t sources, const size_t *limits, rr_beam_found *found) {
    search s = {.spec = spec};
    memset(found, 0, sources * sizeof *found);
    rr_status status = start(&s, sources, limits);
    source *all = s.sources;
    for (size_t rows = sources, length = 0; rows > 0 && status == RR_OK; length++) {
        spec->step(spec->ctx, rows, s.parent, s.row_source, s.tokens, s.probabilities);
        rows = 0;
        for (size_t i = 0; i < sources && status == RR_OK; i++) {
            if (s.sources[i].live_count == 0) continue;
            find_candidates(&s, &s.sources[i]);
            status = advance(&s, i, length, &rows);
        }
    }
    for (size_t i = 0; i < sources && status == RR_OK; i++) status = hand_out(&s, &s.sources[i], &found[i]);
    free(s.live);
    free(s.before);
    free(all);
    free(s.nodes);
    free(s.candidates);
    free(s.parent);
    free(s.row_source);
    free(s.tokens);
    free(s.probabilities);
    return status;
}
