#include "nn/attention.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "math/pointwise.h"
#include "nn/linear.h"

const char *const rr_attention_names[] = {"dot", "general", "additive", NULL};

struct rr_attention {
    rr_attention_spec spec;
    size_t key_size;         /* floats of a key: what a query is compared with */
    float scale;             /* of scores that are a product of query and key */
    rr_linear query, memory; /* additive both, general the memory's alone */
    size_t score;            /* additive: index of the parameter [1, size] */

    rr_memory values; /* of the last begin */
    /* What plan took. */
    float *own_keys, *dkeys; /* [vectors, key_size]: made from the memory; not for dot */
    float *projected;        /* [queries, size], additive: W_q q */
    float *dprojected;       /* [part, size] */
    size_t *pair;            /* [queries + 1] where the weights of a query begin */
    float *weights;          /* [pairs] */
    float *dvalues;          /* [vectors, memory_size] */
    float *dscore;           /* [rows, size], additive: of every row by itself, so that threads keep apart */
    float *scratch;          /* [threads, largest of key_size and the vectors of a row] twice */
    size_t scratch_floats;
};

rr_status rr_attention_create(const rr_attention_spec *spec, rr_attention **out) {
    rr_attention *attention = calloc(1, sizeof *attention);
    if (attention == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for an attention layer");
    attention->spec = *spec;
    attention->key_size = spec->kind == RR_ATTENTION_ADDITIVE ? spec->size : spec->query_size;
    attention->scale = spec->scaled ? 1 / sqrtf((float)spec->query_size) : 1;
    *out = attention;
    return RR_OK;
}

void rr_attention_free(rr_attention *attention) { free(attention); }

rr_status rr_attention_declare(rr_attention *attention, rr_params *params, const char *prefix) {
    const rr_attention_spec *spec = &attention->spec;
    char name[RR_PARAM_NAME];
    if (spec->kind == RR_ATTENTION_DOT) return RR_OK;
    bool additive = spec->kind == RR_ATTENTION_ADDITIVE;
    if (additive) {
        rr_param score = {.kind = RR_PARAM_WEIGHT,
                          .dims = {1, spec->size},
                          .dim_count = 2,
                          .fan_in = spec->size,
                          .gates = 1,
                          .forget_gate = -1};
        snprintf(score.name, sizeof score.name, "%s.score.weight", prefix);
        RR_TRY(rr_params_add(params, &score, &attention->score));
        snprintf(name, sizeof name, "%s.query", prefix);
        RR_TRY(rr_linear_declare(&attention->query, params, name, spec->query_size, spec->size, false, (size_t)-1));
    }
    snprintf(name, sizeof name, "%s.memory", prefix);
    return rr_linear_declare(&attention->memory, params, name, spec->memory_size, attention->key_size, additive,
                             (size_t)-1);
}

void rr_attention_plan(rr_attention *attention, rr_arena *arena, const rr_attention_room *room, bool training) {
    const rr_attention_spec *spec = &attention->spec;
    size_t keys = attention->key_size, widest = keys > room->longest ? keys : room->longest;
    attention->pair = rr_arena_take(arena, (room->queries + 1) * sizeof *attention->pair);
    attention->weights = rr_arena_floats(arena, room->pairs);
    attention->scratch_floats = 2 * widest;
    attention->scratch = rr_arena_floats(arena, rr_team_size(spec->team) * attention->scratch_floats);
    attention->dvalues = training ? rr_arena_floats(arena, room->vectors * spec->memory_size) : NULL;
    if (spec->kind == RR_ATTENTION_DOT) return;
    attention->own_keys = rr_arena_floats(arena, room->vectors * keys);
    attention->dkeys = training ? rr_arena_floats(arena, room->vectors * keys) : NULL;
    rr_linear_plan(&attention->memory, arena, spec->team, room->vectors, training);
    if (spec->kind != RR_ATTENTION_ADDITIVE) return;
    attention->projected = rr_arena_floats(arena, room->queries * keys);
    attention->dprojected = training ? rr_arena_floats(arena, room->part * keys) : NULL;
    attention->dscore = training ? rr_arena_floats(arena, room->rows * keys) : NULL;
    rr_linear_plan(&attention->query, arena, spec->team, room->part, training);
}

void rr_attention_begin(rr_attention *attention, const rr_params *params, const rr_memory *memory,
                        const rr_hooks *hooks) {
    const rr_attention_spec *spec = &attention->spec;
    size_t vectors = memory->begin[memory->rows];
    attention->values = *memory;
    attention->pair[0] = 0;
    if (attention->dvalues != NULL) memset(attention->dvalues, 0, vectors * spec->memory_size * sizeof(float));
    if (attention->dscore != NULL) memset(attention->dscore, 0, memory->rows * spec->size * sizeof(float));
    if (spec->kind == RR_ATTENTION_DOT) return;
    rr_linear_forward(&attention->memory, params, vectors, memory->values, attention->own_keys, hooks);
    if (attention->dkeys != NULL) memset(attention->dkeys, 0, vectors * attention->key_size * sizeof(float));
}

/* Queries [first, first + count) in forward or backward. */
typedef struct part {
    rr_attention *attention;
    const float *score; /* additive: the parameter [size] */
    size_t first, count;
    const size_t *row;
    const float *queries;
    float *context, *dqueries;
    const float *dcontext;
    bool accumulate;
} part;

/* A query and the vectors that it reads. */
typedef struct reading {
    size_t first, count; /* vectors */
    const float *values, *keys, *query;
    float *weights; /* [count] */
} reading;

static reading reading_of(const part *p, size_t query) {
    const rr_attention *a = p->attention;
    size_t row = p->row[query], first = a->values.begin[row];
    const float *keys = a->spec.kind == RR_ATTENTION_DOT ? a->values.values : a->own_keys;
    bool additive = a->spec.kind == RR_ATTENTION_ADDITIVE;
    return (reading){.first = first,
                     .count = a->values.begin[row + 1] - first,
                     .values = a->values.values + first * a->spec.memory_size,
                     .keys = keys + first * a->key_size,
                     .query =
                         additive ? a->projected + (p->first + query) * a->key_size : p->queries + query * a->key_size,
                     .weights = a->weights + a->pair[p->first + query]};
}

/* hidden = tanh(query + key) */
static void hidden_layer(size_t size, const float *query, const float *key, float *hidden) {
    for (size_t k = 0; k < size; k++) hidden[k] = query[k] + key[k];
    rr_tanh(size, hidden, hidden);
}

static bool mine(const part *p, size_t query, rr_share rows) {
    return p->row[query] >= rows.first && p->row[query] < rows.end;
}

/* Every thread has some rows of the memory, and the queries that read them. */
static void forward_share(void *ctx, size_t thread, size_t threads) {
    const part *p = ctx;
    const rr_attention *a = p->attention;
    rr_share rows = rr_share_of(a->values.rows, thread, threads);
    float *hidden = a->scratch + thread * a->scratch_floats;
    size_t M = a->spec.memory_size, K = a->key_size;
    for (size_t q = 0; q < p->count; q++) {
        if (!mine(p, q, rows)) continue;
        reading r = reading_of(p, q);
        for (size_t j = 0; j < r.count; j++) {
            const float *key = r.keys + j * K;
            if (a->spec.kind == RR_ATTENTION_ADDITIVE) {
                hidden_layer(K, r.query, key, hidden);
                r.weights[j] = rr_dot(K, p->score, hidden);
            } else
                r.weights[j] = a->scale * rr_dot(K, r.query, key);
        }
        rr_softmax(r.count, r.weights);
        float *context = p->context + q * M;
        memset(context, 0, M * sizeof *context);
        for (size_t j = 0; j < r.count; j++) rr_axpy(M, r.weights[j], r.values + j * M, context);
    }
}

void rr_attention_forward(rr_attention *attention, const rr_params *params, size_t first, size_t count,
                          const size_t *row, const float *queries, float *context, const rr_hooks *hooks) {
    const rr_attention_spec *spec = &attention->spec;
    const size_t *begin = attention->values.begin;
    bool additive = spec->kind == RR_ATTENTION_ADDITIVE;
    for (size_t q = 0; q < count; q++)
        attention->pair[first + q + 1] = attention->pair[first + q] + begin[row[q] + 1] - begin[row[q]];
    if (additive)
        rr_linear_forward(&attention->query, params, count, queries, attention->projected + first * spec->size, hooks);
    rr_team_run(spec->team, forward_share,
                &(part){.attention = attention,
                        .score = additive ? rr_param_value(params, attention->score) : NULL,
                        .first = first,
                        .count = count,
                        .row = row,
                        .queries = queries,
                        .context = context});
    rr_hooks_tick(hooks);
}

const float *rr_attention_weights(const rr_attention *attention, size_t query) {
    return attention->weights + attention->pair[query];
}

/* From the gradients of the weights of a query to those of its scores. */
static void softmax_backward(size_t count, const float *weights, float *d) {
    float mean = rr_dot(count, weights, d);
    for (size_t j = 0; j < count; j++) d[j] = weights[j] * (d[j] - mean);
}

/* Gradients of one score, d: of the query (dquery [key_size]), the key and, additive, of v. */
static void score_backward(const part *p, const reading *r, size_t query, size_t j, float d, float *hidden,
                           float *dquery) {
    const rr_attention *a = p->attention;
    size_t K = a->key_size;
    const float *key = r->keys + j * K;
    if (a->spec.kind != RR_ATTENTION_ADDITIVE) {
        float *dkeys = a->spec.kind == RR_ATTENTION_DOT ? a->dvalues : a->dkeys;
        rr_axpy(K, a->scale * d, key, dquery);
        rr_axpy(K, a->scale * d, r->query, dkeys + (r->first + j) * K);
        return;
    }
    hidden_layer(K, r->query, key, hidden);
    rr_axpy(K, d, hidden, a->dscore + p->row[query] * K);
    for (size_t k = 0; k < K; k++) hidden[k] = d * p->score[k] * fmaf(-hidden[k], hidden[k], 1);
    rr_axpy(K, 1, hidden, a->dkeys + (r->first + j) * K);
    rr_axpy(K, 1, hidden, dquery);
}

static void backward_share(void *ctx, size_t thread, size_t threads) {
    const part *p = ctx;
    const rr_attention *a = p->attention;
    rr_share rows = rr_share_of(a->values.rows, thread, threads);
    float *d = a->scratch + thread * a->scratch_floats, *hidden = d + a->scratch_floats / 2;
    size_t M = a->spec.memory_size, K = a->key_size;
    for (size_t q = 0; q < p->count; q++) {
        if (!mine(p, q, rows)) continue;
        reading r = reading_of(p, q);
        const float *dcontext = p->dcontext + q * M;
        float *dquery = p->dqueries + q * K;
        for (size_t j = 0; j < r.count; j++) {
            d[j] = rr_dot(M, dcontext, r.values + j * M);
            rr_axpy(M, r.weights[j], dcontext, a->dvalues + (r.first + j) * M);
        }
        softmax_backward(r.count, r.weights, d);
        if (!p->accumulate) memset(dquery, 0, K * sizeof *dquery);
        for (size_t j = 0; j < r.count; j++) score_backward(p, &r, q, j, d[j], hidden, dquery);
    }
}

void rr_attention_backward(rr_attention *attention, const rr_params *params, size_t first, size_t count,
                           const size_t *row, const float *queries, const float *dcontext, bool accumulate,
                           float *dqueries, const rr_hooks *hooks) {
    const rr_attention_spec *spec = &attention->spec;
    bool additive = spec->kind == RR_ATTENTION_ADDITIVE;
    part p = {.attention = attention,
              .score = additive ? rr_param_value(params, attention->score) : NULL,
              .first = first,
              .count = count,
              .row = row,
              .queries = queries,
              .dcontext = dcontext,
              .dqueries = additive ? attention->dprojected : dqueries,
              .accumulate = !additive && accumulate};
    rr_team_run(spec->team, backward_share, &p);
    rr_hooks_tick(hooks);
    if (additive)
        rr_linear_backward(&attention->query, params, count, queries, attention->dprojected, accumulate, dqueries,
                           false, hooks);
}

void rr_attention_end(rr_attention *attention, const rr_params *params, float *dmemory, const rr_hooks *hooks) {
    const rr_attention_spec *spec = &attention->spec;
    size_t vectors = attention->values.begin[attention->values.rows];
    memcpy(dmemory, attention->dvalues, vectors * spec->memory_size * sizeof *dmemory);
    if (spec->kind == RR_ATTENTION_DOT) return;
    if (spec->kind == RR_ATTENTION_ADDITIVE)
        for (size_t row = 0; row < attention->values.rows; row++)
            rr_axpy(spec->size, 1, attention->dscore + row * spec->size, rr_param_grad(params, attention->score));
    rr_linear_backward(&attention->memory, params, vectors, attention->values.values, attention->dkeys, true, dmemory,
                       false, hooks);
}
