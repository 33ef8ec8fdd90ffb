#include "nn/init.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/rng.h"
#include "nn/normal.h"

/* The numbers of a parameter depend on the seed and its name alone. */
typedef struct stream {
    uint64_t seed;
} stream;

static stream stream_of(uint64_t seed, const char *name) { return (stream){seed ^ rr_hash64(name, strlen(name), 0)}; }

static double uniform(const stream *s, size_t index) {
    uint32_t counter[4] = {(uint32_t)(index / 4), (uint32_t)((uint64_t)(index / 4) >> 32), 0, 0}, words[4];
    rr_philox(s->seed, RR_RNG_INIT, counter, words);
    return ((double)words[index % 4] + 0.5) * 0x1p-32; /* never 0 */
}

/* Two normal numbers, of index 2 * pair and the one after it. */
static void normal_pair(const stream *s, size_t pair, double out[2]) {
    uint32_t counter[4] = {(uint32_t)pair, (uint32_t)((uint64_t)pair >> 32), 1, 0}, words[4];
    rr_philox(s->seed, RR_RNG_INIT, counter, words);
    rr_normal_pair(words[0], words[1], out);
}

static void fill_normal(const stream *s, size_t count, float *out) {
    for (size_t i = 0; i < count; i += 2) {
        double pair[2];
        normal_pair(s, i / 2, pair);
        out[i] = (float)pair[0];
        if (i + 1 < count) out[i + 1] = (float)pair[1];
    }
}

static void fill_uniform(const stream *s, double bound, size_t count, float *out) {
    for (size_t i = 0; i < count; i++) out[i] = (float)((2 * uniform(s, i) - 1) * bound);
}

static void fill_xavier(const stream *s, const rr_param *param, float *out) {
    size_t fan_out = param->dims[0] / param->gates, fan_in = param->dims[1], kernel = 1;
    for (size_t i = 2; i < param->dim_count; i++) kernel *= param->dims[i];
    fill_uniform(s, sqrt(6 / (double)((fan_in + fan_out) * kernel)), param->count, out);
}

enum { LANES = 8 }; /* sums side by side, which the compiler may keep in vectors; their order is fixed */

static double dot(size_t count, const double *a, const double *b) {
    double lanes[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (size_t k = 0; k < LANES; k++) lanes[k] += a[i + k] * b[i + k];
    for (size_t k = 0; i < count; i++, k++) lanes[k] += a[i] * b[i];
    double sum = 0;
    for (size_t k = 0; k < LANES; k++) sum += lanes[k];
    return sum;
}

/*
 * Makes row v orthonormal to the `count` rows before it, which are orthonormal (Gram & Schmidt, modified). Where little
 * of the row is left, that is mostly rounding, and it is done again.
 */
static void orthonormalise(size_t H, size_t count, const double *rows, double *v) {
    double before, left = dot(H, v, v);
    int passes = 0;
    do {
        before = left;
        for (size_t row = 0; row < count; row++) {
            const double *u = rows + row * H;
            double along = dot(H, u, v);
            for (size_t k = 0; k < H; k++) v[k] -= along * u[k];
        }
        left = dot(H, v, v);
    } while (left < 1e-6 * before && ++passes < 3);
    double norm = sqrt(left);
    for (size_t k = 0; k < H; k++) v[k] /= norm;
}

/* Each gate's [H, H] block: rows of normal numbers made orthonormal. */
static rr_status fill_orthogonal(const stream *s, const rr_param *param, float *out) {
    size_t H = param->dims[1];
    double *q = calloc(H * H + 1, sizeof *q); /* numbers are drawn in pairs */
    if (q == NULL) return rr_fail(RR_ERR_NOMEM, "no memory to initialise %s", param->name);
    for (size_t gate = 0; gate < param->gates; gate++) {
        size_t pairs = (H * H + 1) / 2;
        for (size_t i = 0; i < pairs; i++) normal_pair(s, gate * pairs + i, q + 2 * i);
        for (size_t row = 0; row < H; row++) orthonormalise(H, row, q, q + row * H);
        for (size_t i = 0; i < H * H; i++) out[gate * H * H + i] = (float)q[i];
    }
    free(q);
    return RR_OK;
}

static rr_status fill(const rr_init_config *config, const stream *s, const rr_param *param, float *out) {
    bool bias = param->kind == RR_PARAM_BIAS || param->kind == RR_PARAM_GATE_BIAS;
    switch ((rr_init_scheme)config->scheme) {
    case RR_INIT_UNIFORM:
        fill_uniform(s, config->range, param->count, out);
        break;
    case RR_INIT_PYTORCH:
        if (param->kind == RR_PARAM_EMBEDDING)
            fill_normal(s, param->count, out);
        else
            fill_uniform(s, 1 / sqrt((double)param->fan_in), param->count, out);
        break;
    case RR_INIT_XAVIER:
    case RR_INIT_ORTHOGONAL:
        if (bias)
            memset(out, 0, param->count * sizeof *out);
        else if (param->kind == RR_PARAM_RECURRENT && config->scheme == RR_INIT_ORTHOGONAL)
            return fill_orthogonal(s, param, out);
        else
            fill_xavier(s, param, out);
        break;
    }
    return RR_OK;
}

static void set_forget_bias(double value, const rr_param *param, float *out) {
    size_t H = param->count / param->gates;
    bool input_side = strstr(param->name, "bias_ih") != NULL;
    for (size_t u = 0; u < H; u++) out[(size_t)param->forget_gate * H + u] = input_side ? (float)value : 0.0f;
}

rr_status rr_init_values(const rr_init_config *config, uint64_t seed, const rr_params *params) {
    for (size_t i = 0; i < params->count; i++) {
        const rr_param *param = &params->items[i];
        float *out = rr_param_value(params, i);
        stream s = stream_of(seed, param->name);
        RR_TRY(fill(config, &s, param, out));
        if (param->kind == RR_PARAM_GATE_BIAS && param->forget_gate >= 0 && !isnan(config->forget_bias))
            set_forget_bias(config->forget_bias, param, out);
    }
    return RR_OK;
}
