/*
 * With a = exp(alpha - max alpha) and W = exp(transitions), a step of the forward algorithm is the product of a vector
 * and a matrix, and no exponential of pairs is ever taken. Rows are done one after the other: sums have one order.
 */
#include "nn/crf.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "math/pointwise.h"

static rr_status declare(rr_params *params, const char *prefix, const char *what, size_t tags, size_t dims,
                         size_t *index) {
    rr_param param = {.kind = dims == 2 ? RR_PARAM_WEIGHT : RR_PARAM_BIAS,
                      .dims = {tags, tags},
                      .dim_count = dims,
                      .fan_in = 100, /* bound 0.1, as torchcrf */
                      .gates = 1,
                      .forget_gate = -1};
    snprintf(param.name, sizeof param.name, "%s.%s", prefix, what);
    return rr_params_add(params, &param, index);
}

rr_status rr_crf_declare(rr_crf *crf, rr_params *params, const char *prefix, size_t tags) {
    crf->tags = tags;
    RR_TRY(declare(params, prefix, "start_transitions", tags, 1, &crf->start));
    RR_TRY(declare(params, prefix, "end_transitions", tags, 1, &crf->end));
    return declare(params, prefix, "transitions", tags, 2, &crf->transitions);
}

void rr_crf_plan(rr_crf *crf, rr_arena *arena, size_t max_steps) {
    size_t K = crf->tags;
    crf->weights = rr_arena_floats(arena, K * K);
    crf->products = rr_arena_floats(arena, K * K);
    crf->alpha = rr_arena_floats(arena, max_steps * K);
    crf->beta = rr_arena_floats(arena, max_steps * K);
    crf->scratch = rr_arena_floats(arena, 2 * K);
    crf->back = rr_arena_take(arena, max_steps * K * sizeof *crf->back);
}

static float largest(size_t count, const float *x) {
    float most = x[0];
    for (size_t i = 1; i < count; i++) most = x[i] > most ? x[i] : most;
    return most;
}

/* out = exp(x - most) */
static void exp_from(size_t count, float most, const float *x, float *out) {
    for (size_t i = 0; i < count; i++) out[i] = x[i] - most;
    rr_exp(count, out, out);
}

/* log(x) + shift; what has vanished stays far away, but finite. */
static void log_to(size_t count, float shift, float *x) {
    for (size_t i = 0; i < count; i++) x[i] = x[i] > 1e-37F ? x[i] : 1e-37F;
    rr_log(count, x, x);
    for (size_t i = 0; i < count; i++) x[i] += shift;
}

static double log_sum(size_t count, const float *x) {
    double most = (double)largest(count, x), sum = 0;
    for (size_t i = 0; i < count; i++) sum += exp((double)x[i] - most);
    return most + log(sum > 1 ? sum : 1); /* the largest adds 1 */
}

/* A row of a packed batch. */
typedef struct row {
    const rr_sequence *sequence;
    size_t index, length;
} row;

static size_t at(const row *r, size_t t) { return r->sequence->offset[t] + r->index; }

/* alpha of all steps, emissions included; returns log Z. */
static double forward(rr_crf *crf, const rr_params *params, const row *r, const float *emissions) {
    size_t K = crf->tags;
    const float *start = rr_param_value(params, crf->start), *end = rr_param_value(params, crf->end);
    for (size_t k = 0; k < K; k++) crf->alpha[k] = start[k] + emissions[at(r, 0) * K + k];
    for (size_t t = 1; t < r->length; t++) {
        const float *before = crf->alpha + (t - 1) * K;
        float *alpha = crf->alpha + t * K, most = largest(K, before);
        exp_from(K, most, before, crf->scratch);
        memset(alpha, 0, K * sizeof *alpha);
        for (size_t k = 0; k < K; k++) rr_axpy(K, crf->scratch[k], crf->weights + k * K, alpha);
        log_to(K, most, alpha);
        rr_axpy(K, 1, emissions + at(r, t) * K, alpha);
    }
    for (size_t k = 0; k < K; k++) crf->scratch[k] = crf->alpha[(r->length - 1) * K + k] + end[k];
    return log_sum(K, crf->scratch);
}

/* beta of all steps, their own emissions not included. */
static void backward(rr_crf *crf, const rr_params *params, const row *r, const float *emissions) {
    size_t K = crf->tags;
    memcpy(crf->beta + (r->length - 1) * K, rr_param_value(params, crf->end), K * sizeof *crf->beta);
    for (size_t t = r->length - 1; t-- > 0;) {
        const float *after = crf->beta + (t + 1) * K, *emission = emissions + at(r, t + 1) * K;
        float *beta = crf->beta + t * K;
        for (size_t k = 0; k < K; k++) crf->scratch[K + k] = after[k] + emission[k];
        float most = largest(K, crf->scratch + K);
        exp_from(K, most, crf->scratch + K, crf->scratch);
        for (size_t k = 0; k < K; k++) beta[k] = rr_dot(K, crf->weights + k * K, crf->scratch);
        log_to(K, most, beta);
    }
}

static double score(const rr_crf *crf, const rr_params *params, const row *r, const float *emissions,
                    const int32_t *targets) {
    size_t K = crf->tags;
    const float *transitions = rr_param_value(params, crf->transitions);
    double sum = (double)rr_param_value(params, crf->start)[targets[at(r, 0)]] +
                 (double)rr_param_value(params, crf->end)[targets[at(r, r->length - 1)]];
    for (size_t t = 0; t < r->length; t++) {
        size_t tag = (size_t)targets[at(r, t)];
        sum += (double)emissions[at(r, t) * K + tag];
        if (t > 0) sum += (double)transitions[(size_t)targets[at(r, t - 1)] * K + tag];
    }
    return sum;
}

/* Adds what pairs of neighbours are expected to be: the product of both sides, times exp(transition) in the end. */
static void add_pairs(rr_crf *crf, const row *r, const float *emissions, double log_z) {
    size_t K = crf->tags;
    float *from = crf->scratch, *to = crf->scratch + K;
    for (size_t t = 0; t + 1 < r->length; t++) {
        const float *alpha = crf->alpha + t * K;
        for (size_t k = 0; k < K; k++) to[k] = crf->beta[(t + 1) * K + k] + emissions[at(r, t + 1) * K + k];
        float most_from = largest(K, alpha), most_to = largest(K, to);
        exp_from(K, most_from, alpha, from);
        exp_from(K, most_to, to, to);
        float factor = (float)exp((double)most_from + (double)most_to - log_z);
        for (size_t k = 0; k < K; k++) rr_axpy(K, factor * from[k], to, crf->products + k * K);
    }
}

/* Marginals of a step, from alpha and beta. */
static void marginals(const rr_crf *crf, size_t t, double log_z, float *p) {
    for (size_t k = 0; k < crf->tags; k++)
        p[k] = (float)((double)crf->alpha[t * crf->tags + k] + (double)crf->beta[t * crf->tags + k] - log_z);
    rr_exp(crf->tags, p, p);
}

/* Gradients of a row: marginals minus what is true. Of the transitions here only what is true. */
static void row_gradients(rr_crf *crf, const rr_params *params, const row *r, float *emissions, const int32_t *targets,
                          float scale, double log_z) {
    size_t K = crf->tags, last = r->length - 1;
    float *dtransitions = rr_param_grad(params, crf->transitions);
    backward(crf, params, r, emissions);
    add_pairs(crf, r, emissions, log_z);
    for (size_t t = 0; t < r->length; t++) {
        float *gradient = emissions + at(r, t) * K;
        size_t tag = (size_t)targets[at(r, t)];
        marginals(crf, t, log_z, gradient);
        gradient[tag] -= 1;
        rr_scale(K, scale, gradient);
        if (t > 0) dtransitions[(size_t)targets[at(r, t - 1)] * K + tag] -= scale;
    }
    rr_axpy(K, 1, emissions + at(r, 0) * K, rr_param_grad(params, crf->start));
    rr_axpy(K, 1, emissions + at(r, last) * K, rr_param_grad(params, crf->end));
}

static void take_weights(rr_crf *crf, const rr_params *params) {
    rr_exp(crf->tags * crf->tags, rr_param_value(params, crf->transitions), crf->weights);
}

void rr_crf_nll(rr_crf *crf, const rr_params *params, const rr_sequence *sequence, float *emissions,
                const int32_t *targets, float scale, double *nll) {
    size_t pairs = crf->tags * crf->tags;
    take_weights(crf, params);
    if (scale != 0) memset(crf->products, 0, pairs * sizeof *crf->products);
    for (size_t i = 0; i < sequence->rows; i++) {
        row r = {sequence, i, sequence->lengths[i]};
        double log_z = forward(crf, params, &r, emissions);
        nll[i] = log_z - score(crf, params, &r, emissions, targets);
        if (scale != 0) row_gradients(crf, params, &r, emissions, targets, scale, log_z);
    }
    if (scale == 0) return;
    rr_multiply(pairs, crf->products, crf->weights, crf->products);
    rr_axpy(pairs, scale, crf->products, rr_param_grad(params, crf->transitions));
}

void rr_crf_marginals(rr_crf *crf, const rr_params *params, const rr_sequence *sequence, const float *emissions,
                      const int32_t *tags, float *p) {
    take_weights(crf, params);
    for (size_t i = 0; i < sequence->rows; i++) {
        row r = {sequence, i, sequence->lengths[i]};
        double log_z = forward(crf, params, &r, emissions);
        backward(crf, params, &r, emissions);
        for (size_t t = 0; t < r.length; t++) {
            marginals(crf, t, log_z, crf->scratch);
            p[at(&r, t)] = crf->scratch[tags[at(&r, t)]];
        }
    }
}

void rr_crf_decode(rr_crf *crf, const rr_params *params, const rr_sequence *sequence, const float *emissions,
                   int32_t *tags) {
    size_t K = crf->tags;
    const float *start = rr_param_value(params, crf->start), *end = rr_param_value(params, crf->end);
    const float *transitions = rr_param_value(params, crf->transitions);
    for (size_t i = 0; i < sequence->rows; i++) {
        row r = {sequence, i, sequence->lengths[i]};
        float *best = crf->alpha, *next = crf->beta;
        for (size_t k = 0; k < K; k++) best[k] = start[k] + emissions[at(&r, 0) * K + k];
        for (size_t t = 1; t < r.length; t++) {
            for (size_t k = 0; k < K; k++) {
                size_t from = 0;
                for (size_t j = 1; j < K; j++)
                    if (best[j] + transitions[j * K + k] > best[from] + transitions[from * K + k]) from = j;
                crf->back[t * K + k] = (int32_t)from;
                next[k] = best[from] + transitions[from * K + k] + emissions[at(&r, t) * K + k];
            }
            memcpy(best, next, K * sizeof *best);
        }
        size_t last = 0;
        for (size_t k = 1; k < K; k++)
            if (best[k] + end[k] > best[last] + end[last]) last = k;
        for (size_t t = r.length; t-- > 0;) {
            tags[at(&r, t)] = (int32_t)last;
            if (t > 0) last = (size_t)crf->back[t * K + last];
        }
    }
}
