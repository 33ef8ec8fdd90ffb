#include "nn/init.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/rng.h"

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

/* Box & Muller 1958. */
static double normal(const stream *s, size_t index) {
    uint32_t counter[4] = {(uint32_t)(index / 2), (uint32_t)((uint64_t)(index / 2) >> 32), 1, 0}, words[4];
    rr_philox(s->seed, RR_RNG_INIT, counter, words);
    double radius = sqrt(-2 * log(((double)words[0] + 0.5) * 0x1p-32)),
           angle = 2 * 3.14159265358979323846 * (double)words[1] * 0x1p-32;
    return radius * (index % 2 == 0 ? cos(angle) : sin(angle));
}

static void fill_uniform(const stream *s, double bound, size_t count, float *out) {
    for (size_t i = 0; i < count; i++) out[i] = (float)((2 * uniform(s, i) - 1) * bound);
}

static void fill_xavier(const stream *s, const rr_param *param, float *out) {
    size_t fan_out = param->dims[0] / param->gates, fan_in = param->dims[1];
    fill_uniform(s, sqrt(6 / (double)(fan_in + fan_out)), param->count, out);
}

/* Each gate's [H, H] block: rows of normal numbers made orthonormal by Gram & Schmidt, twice for accuracy. */
static rr_status fill_orthogonal(const stream *s, const rr_param *param, float *out) {
    size_t H = param->dims[1];
    double *q = calloc(H * H, sizeof *q);
    if (q == NULL) return rr_fail(RR_ERR_NOMEM, "no memory to initialise %s", param->name);
    for (size_t gate = 0; gate < param->gates; gate++) {
        for (size_t i = 0; i < H * H; i++) q[i] = normal(s, gate * H * H + i);
        for (size_t row = 0; row < H; row++) {
            double *v = q + row * H, norm = 0;
            for (int twice = 0; twice < 2; twice++)
                for (size_t before = 0; before < row; before++) {
                    double dot = 0;
                    const double *u = q + before * H;
                    for (size_t k = 0; k < H; k++) dot += u[k] * v[k];
                    for (size_t k = 0; k < H; k++) v[k] -= dot * u[k];
                }
            for (size_t k = 0; k < H; k++) norm += v[k] * v[k];
            norm = sqrt(norm);
            for (size_t k = 0; k < H; k++) v[k] /= norm;
        }
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
            for (size_t i = 0; i < param->count; i++) out[i] = (float)normal(s, i);
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
