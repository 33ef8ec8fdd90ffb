#include "nn/pooling.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "math/pointwise.h"
#include "nn/linear.h"

const char *const rr_pooling_names[] = {"last", "mean", "max", "attention", NULL};

struct rr_pooling {
    rr_pooling_spec spec;
    size_t width;
    rr_linear hidden; /* attention alone, as what follows */
    size_t score;     /* index of the parameter [1, width] */
    float *u;         /* [N, width] tanh(W x + b); gradients in backward */
    float *weights;   /* [N] softmax over the steps of a row */
    float *dweights;  /* [N] */
    uint32_t *winner; /* [rows, width] max alone: the step that each maximum is from */
};

rr_status rr_pooling_create(const rr_pooling_spec *spec, rr_pooling **out) {
    rr_pooling *pooling = calloc(1, sizeof *pooling);
    if (pooling == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a pooling layer");
    pooling->spec = *spec;
    pooling->width = spec->hidden_size * spec->directions;
    *out = pooling;
    return RR_OK;
}

void rr_pooling_free(rr_pooling *pooling) { free(pooling); }

rr_status rr_pooling_declare(rr_pooling *pooling, rr_params *params, const char *prefix) {
    if (pooling->spec.kind != RR_POOLING_ATTENTION) return RR_OK;
    char name[RR_PARAM_NAME];
    rr_param score = {.kind = RR_PARAM_WEIGHT,
                      .dims = {1, pooling->width},
                      .dim_count = 2,
                      .fan_in = pooling->width,
                      .gates = 1,
                      .forget_gate = -1};
    snprintf(score.name, sizeof score.name, "%s.score.weight", prefix);
    RR_TRY(rr_params_add(params, &score, &pooling->score));
    snprintf(name, sizeof name, "%s.hidden", prefix);
    return rr_linear_declare(&pooling->hidden, params, name, pooling->width, pooling->width, true, (size_t)-1);
}

void rr_pooling_plan(rr_pooling *pooling, rr_arena *arena, size_t max_total, size_t max_rows, bool training) {
    if (pooling->spec.kind == RR_POOLING_MAX)
        pooling->winner = rr_arena_take(arena, max_rows * pooling->width * sizeof *pooling->winner);
    if (pooling->spec.kind != RR_POOLING_ATTENTION) return;
    pooling->u = rr_arena_floats(arena, max_total * pooling->width);
    pooling->weights = rr_arena_floats(arena, max_total);
    pooling->dweights = rr_arena_floats(arena, max_total);
    rr_linear_plan(&pooling->hidden, arena, pooling->spec.team, max_total, training);
}

/* Where the output of a direction after its last step lies: of the backward one that is the first in time. */
static size_t last_of(const rr_sequence *sequence, size_t row, size_t direction) {
    return sequence->offset[direction == 0 ? sequence->lengths[row] - 1 : 0] + row;
}

static void last_forward(const rr_pooling *p, const rr_sequence *sequence, const float *x, float *y) {
    size_t H = p->spec.hidden_size;
    for (size_t row = 0; row < sequence->rows; row++)
        for (size_t d = 0; d < p->spec.directions; d++)
            memcpy(y + row * p->width + d * H, x + last_of(sequence, row, d) * p->width + d * H, H * sizeof *y);
}

static void mean_forward(const rr_pooling *p, const rr_sequence *sequence, const float *x, float *y) {
    memset(y, 0, sequence->rows * p->width * sizeof *y);
    for (size_t row = 0; row < sequence->rows; row++) {
        for (size_t t = 0; t < sequence->lengths[row]; t++)
            rr_axpy(p->width, 1, x + (sequence->offset[t] + row) * p->width, y + row * p->width);
        rr_scale(p->width, 1 / (float)sequence->lengths[row], y + row * p->width);
    }
}

/* Of equal values the first wins. */
static void max_forward(const rr_pooling *p, const rr_sequence *sequence, const float *x, float *y) {
    for (size_t row = 0; row < sequence->rows; row++) {
        float *best = y + row * p->width;
        uint32_t *winner = p->winner + row * p->width;
        memcpy(best, x + row * p->width, p->width * sizeof *best);
        memset(winner, 0, p->width * sizeof *winner);
        for (size_t t = 1; t < sequence->lengths[row]; t++) {
            const float *now = x + (sequence->offset[t] + row) * p->width;
            for (size_t i = 0; i < p->width; i++)
                if (now[i] > best[i] || isnan(now[i])) {
                    best[i] = now[i];
                    winner[i] = (uint32_t)t;
                }
        }
    }
}

/* Scores of a row become weights. */
static void softmax_over_time(const rr_sequence *sequence, size_t row, float *scores) {
    float most = scores[row], sum = 0;
    for (size_t t = 0; t < sequence->lengths[row]; t++) most = fmaxf(most, scores[sequence->offset[t] + row]);
    for (size_t t = 0; t < sequence->lengths[row]; t++) {
        float *score = &scores[sequence->offset[t] + row];
        *score -= most;
        rr_exp(1, score, score);
        sum += *score;
    }
    for (size_t t = 0; t < sequence->lengths[row]; t++) scores[sequence->offset[t] + row] /= sum;
}

static void attention_forward(rr_pooling *p, const rr_params *params, const rr_sequence *sequence, const float *x,
                              float *y, const rr_hooks *hooks) {
    const float *score = rr_param_value(params, p->score);
    rr_linear_forward(&p->hidden, params, sequence->total, x, p->u, hooks);
    rr_tanh(sequence->total * p->width, p->u, p->u);
    for (size_t i = 0; i < sequence->total; i++) p->weights[i] = rr_dot(p->width, p->u + i * p->width, score);
    memset(y, 0, sequence->rows * p->width * sizeof *y);
    for (size_t row = 0; row < sequence->rows; row++) {
        softmax_over_time(sequence, row, p->weights);
        for (size_t t = 0; t < sequence->lengths[row]; t++) {
            size_t at = sequence->offset[t] + row;
            rr_axpy(p->width, p->weights[at], x + at * p->width, y + row * p->width);
        }
    }
}

void rr_pooling_forward(rr_pooling *pooling, const rr_params *params, const rr_sequence *sequence, const float *x,
                        float *y, const rr_hooks *hooks) {
    switch (pooling->spec.kind) {
    case RR_POOLING_LAST:
        last_forward(pooling, sequence, x, y);
        break;
    case RR_POOLING_MEAN:
        mean_forward(pooling, sequence, x, y);
        break;
    case RR_POOLING_MAX:
        max_forward(pooling, sequence, x, y);
        break;
    case RR_POOLING_ATTENTION:
        attention_forward(pooling, params, sequence, x, y, hooks);
        break;
    }
    rr_hooks_tick(hooks);
}

/* dx is 0 on entry of these. */
static void last_backward(const rr_pooling *p, const rr_sequence *sequence, const float *dy, float *dx) {
    size_t H = p->spec.hidden_size;
    for (size_t row = 0; row < sequence->rows; row++)
        for (size_t d = 0; d < p->spec.directions; d++)
            memcpy(dx + last_of(sequence, row, d) * p->width + d * H, dy + row * p->width + d * H, H * sizeof *dx);
}

static void mean_backward(const rr_pooling *p, const rr_sequence *sequence, const float *dy, float *dx) {
    for (size_t row = 0; row < sequence->rows; row++)
        for (size_t t = 0; t < sequence->lengths[row]; t++)
            rr_axpy(p->width, 1 / (float)sequence->lengths[row], dy + row * p->width,
                    dx + (sequence->offset[t] + row) * p->width);
}

static void max_backward(const rr_pooling *p, const rr_sequence *sequence, const float *dy, float *dx) {
    for (size_t row = 0; row < sequence->rows; row++)
        for (size_t i = 0; i < p->width; i++) {
            size_t at = row * p->width + i;
            dx[(sequence->offset[p->winner[at]] + row) * p->width + i] = dy[at];
        }
}

/* The gradient of the weights through the softmax of a row, to that of its scores. */
static void softmax_backward(const rr_pooling *p, const rr_sequence *sequence, size_t row) {
    float mean = 0;
    for (size_t t = 0; t < sequence->lengths[row]; t++) {
        size_t at = sequence->offset[t] + row;
        mean = fmaf(p->weights[at], p->dweights[at], mean);
    }
    for (size_t t = 0; t < sequence->lengths[row]; t++) {
        size_t at = sequence->offset[t] + row;
        p->dweights[at] = p->weights[at] * (p->dweights[at] - mean);
    }
}

static void attention_backward(rr_pooling *p, const rr_params *params, const rr_sequence *sequence, const float *x,
                               const float *dy, float *dx, const rr_hooks *hooks) {
    const float *score = rr_param_value(params, p->score);
    float *dscore = rr_param_grad(params, p->score);
    for (size_t row = 0; row < sequence->rows; row++) {
        for (size_t t = 0; t < sequence->lengths[row]; t++) {
            size_t at = sequence->offset[t] + row;
            p->dweights[at] = rr_dot(p->width, x + at * p->width, dy + row * p->width);
            rr_axpy(p->width, p->weights[at], dy + row * p->width, dx + at * p->width);
        }
        softmax_backward(p, sequence, row);
    }
    for (size_t i = 0; i < sequence->total; i++) {
        float *u = p->u + i * p->width;
        rr_axpy(p->width, p->dweights[i], u, dscore);
        for (size_t k = 0; k < p->width; k++) u[k] = p->dweights[i] * score[k] * fmaf(-u[k], u[k], 1);
    }
    rr_linear_backward(&p->hidden, params, sequence->total, x, p->u, true, dx, false, hooks);
}

void rr_pooling_backward(rr_pooling *pooling, const rr_params *params, const rr_sequence *sequence, const float *x,
                         const float *dy, float *dx, const rr_hooks *hooks) {
    memset(dx, 0, sequence->total * pooling->width * sizeof *dx);
    switch (pooling->spec.kind) {
    case RR_POOLING_LAST:
        last_backward(pooling, sequence, dy, dx);
        break;
    case RR_POOLING_MEAN:
        mean_backward(pooling, sequence, dy, dx);
        break;
    case RR_POOLING_MAX:
        max_backward(pooling, sequence, dy, dx);
        break;
    case RR_POOLING_ATTENTION:
        attention_backward(pooling, params, sequence, x, dy, dx, hooks);
        break;
    }
    rr_hooks_tick(hooks);
}
