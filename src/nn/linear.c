#include "nn/linear.h"

#include <stdio.h>

#include "base/profile.h"
#include "math/pointwise.h"

enum {
    CHUNK_FLOATS = 48 * 1024, /* of packed weights, so that they stay in the second cache while all rows pass by */
    BACKWARD_CHUNK = 256      /* outputs, the depth of one product of the gradient of x */
};

rr_status rr_linear_declare(rr_linear *linear, rr_params *params, const char *prefix, size_t in_size, size_t out_size,
                            bool has_bias, size_t tied_weight) {
    *linear = (rr_linear){.in_size = in_size, .out_size = out_size, .weight = tied_weight, .bias = (size_t)-1};
    rr_param param = {.kind = RR_PARAM_WEIGHT,
                      .dims = {out_size, in_size},
                      .dim_count = 2,
                      .fan_in = in_size,
                      .gates = 1,
                      .forget_gate = -1};
    if (tied_weight == (size_t)-1) {
        snprintf(param.name, sizeof param.name, "%s.weight", prefix);
        RR_TRY(rr_params_add(params, &param, &linear->weight));
    }
    if (!has_bias) return RR_OK;
    param.kind = RR_PARAM_BIAS;
    param.dim_count = 1;
    snprintf(param.name, sizeof param.name, "%s.bias", prefix);
    return rr_params_add(params, &param, &linear->bias);
}

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

void rr_linear_plan(rr_linear *linear, rr_arena *arena, size_t max_rows, bool training) {
    size_t in = linear->in_size, out = linear->out_size, least = 2 * rr_panel_columns();
    size_t fits = CHUNK_FLOATS / in / least * least;
    linear->training = training;
    linear->packed_version = UINT64_MAX;
    linear->forward_chunk = training ? smaller(out, fits > least ? fits : least) : out;
    linear->forward = rr_panels_plan(arena, in, 1, linear->forward_chunk);
    if (!training) return;
    linear->backward_chunk = smaller(out, BACKWARD_CHUNK);
    linear->backward = rr_panels_plan(arena, linear->backward_chunk, 1, in);
    linear->x_strips = rr_arena_floats(arena, rr_strips_floats(max_rows, in));
    linear->dy_strips = rr_arena_floats(arena, rr_strips_floats(max_rows, linear->backward_chunk));
}

/* Packs outputs [first, first + panels->columns) of the weight, unless all of it is packed already. */
static void pack(rr_linear *linear, const rr_params *params, size_t first, const rr_panels *panels) {
    if (!linear->training && linear->packed_version == params->version) return;
    rr_phase outer = rr_profile_enter(RR_PHASE_PACK);
    rr_panels_pack_transposed(panels, rr_param_value(params, linear->weight) + first * linear->in_size,
                              linear->in_size);
    linear->packed_version = params->version;
    rr_profile_enter(outer);
}

void rr_linear_forward(rr_linear *linear, const rr_params *params, size_t rows, const float *x, float *y,
                       const rr_hooks *hooks) {
    const float *bias = linear->bias != (size_t)-1 ? rr_param_value(params, linear->bias) : NULL;
    for (size_t first = 0; first < linear->out_size; first += linear->forward_chunk) {
        rr_panels panels = linear->forward;
        panels.columns = smaller(linear->forward_chunk, linear->out_size - first);
        pack(linear, params, first, &panels);
        rr_panels_multiply(&panels, 0, rr_panels_count(&panels), rows, x, linear->in_size,
                           bias != NULL ? bias + first : NULL, 0, y + first, linear->out_size);
        rr_hooks_tick(hooks);
    }
}

void rr_linear_backward(rr_linear *linear, const rr_params *params, size_t rows, const float *x, const float *dy,
                        bool accumulate, float *dx, const rr_hooks *hooks) {
    size_t in = linear->in_size, out = linear->out_size;
    const float *weight = rr_param_value(params, linear->weight);
    float *grad = rr_param_grad(params, linear->weight);
    rr_phase outer = rr_profile_enter(RR_PHASE_PACK);
    rr_strips_pack(rows, in, x, in, linear->x_strips);
    for (size_t first = 0; first < out; first += linear->backward_chunk) {
        size_t count = smaller(linear->backward_chunk, out - first);
        rr_profile_enter(RR_PHASE_PACK);
        rr_strips_pack(rows, count, dy + first, out, linear->dy_strips);
        rr_profile_enter(outer);
        rr_strips_multiply(rows, count, in, linear->dy_strips, linear->x_strips, 0, count, true, grad + first * in, in);
        rr_hooks_tick(hooks);
        if (dx == NULL) continue;
        rr_panels panels = linear->backward;
        panels.depth = count;
        rr_profile_enter(RR_PHASE_PACK);
        rr_panels_pack(&panels, weight + first * in, in);
        rr_profile_enter(outer);
        rr_panels_multiply(&panels, 0, rr_panels_count(&panels), rows, dy + first, out,
                           accumulate || first > 0 ? dx : NULL, in, dx, in);
        rr_hooks_tick(hooks);
    }
    if (linear->bias != (size_t)-1) rr_bias_backward(rows, out, dy, out, rr_param_grad(params, linear->bias));
    rr_profile_enter(outer);
}
