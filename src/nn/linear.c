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
                      .overwritten = true,
                      .forget_gate = -1};
    if (tied_weight != (size_t)-1) {
        params->items[tied_weight].rowwise = false; /* this layer writes all of its gradient */
    } else {
        snprintf(param.name, sizeof param.name, "%s.weight", prefix);
        RR_TRY(rr_params_add(params, &param, &linear->weight));
    }
    if (!has_bias) return RR_OK;
    param.kind = RR_PARAM_BIAS;
    param.overwritten = false;
    param.dim_count = 1;
    snprintf(param.name, sizeof param.name, "%s.bias", prefix);
    return rr_params_add(params, &param, &linear->bias);
}

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

void rr_linear_plan(rr_linear *linear, rr_arena *arena, rr_team *team, size_t max_rows, bool training) {
    size_t in = linear->in_size, out = linear->out_size, least = 2 * rr_panel_columns(), threads = rr_team_size(team);
    size_t fits = CHUNK_FLOATS / in / least * least;
    linear->team = team;
    linear->training = training;
    linear->packed_version = UINT64_MAX;
    linear->forward_chunk = training ? smaller(out, fits > least ? fits : least) : out;
    size_t before = arena->used;
    linear->forward = rr_panels_plan(arena, in, 1, linear->forward_chunk);
    if (!training) return;
    linear->forward_floats = (arena->used - before) / sizeof(float);
    rr_arena_floats(arena, (threads - 1) * linear->forward_floats);
    linear->backward_chunk = smaller(out, BACKWARD_CHUNK);
    linear->backward = rr_panels_plan(arena, linear->backward_chunk, 1, in);
    linear->x_strips = rr_arena_floats(arena, rr_strips_floats(max_rows, in));
    linear->dy_floats = rr_strips_floats(max_rows, linear->backward_chunk);
    linear->dy_strips = rr_arena_floats(arena, threads * linear->dy_floats);
}

void rr_linear_plan_shards(rr_linear *linear, rr_arena *arena, size_t max_shards) {
    size_t threads = rr_team_size(linear->team), depth = rr_tree_depth(max_shards);
    linear->tile_floats = rr_strips_scratch(depth);
    linear->shard_tiles = rr_arena_floats(arena, threads * linear->tile_floats);
    linear->bias_floats = depth * linear->backward_chunk;
    linear->shard_bias = rr_arena_floats(arena, threads * linear->bias_floats);
}

/* One call of forward or backward. */
typedef struct pass {
    rr_linear *linear;
    const rr_params *params;
    size_t rows;
    const float *x, *dy;
    float *y, *dx;
    bool accumulate;             /* to dx */
    bool last;                   /* its gradients are ready then */
    bool adds;                   /* to the gradient of the weight */
    const rr_shard_rows *shards; /* or not, but these */
    const rr_hooks *hooks;
} pass;

/* Without training: the thread's share of the panels, which are packed if the weight has changed. */
static void forward_packed(const pass *p, size_t thread, size_t threads, const float *bias) {
    const rr_linear *linear = p->linear;
    const rr_panels *panels = &linear->forward;
    rr_share share = rr_share_of(rr_panels_count(panels), thread, threads);
    if (linear->packed_version != p->params->version)
        rr_panels_pack_transposed(panels, share.first, share.end, rr_param_value(p->params, linear->weight),
                                  linear->in_size);
    rr_panels_multiply(panels, share.first, share.end, p->rows, p->x, linear->in_size, bias, 0, p->y, linear->out_size);
}

/* In training: chunks of outputs, every thread its own. */
static void forward_share(void *ctx, size_t thread, size_t threads) {
    const pass *p = ctx;
    const rr_linear *linear = p->linear;
    const float *bias = linear->bias != (size_t)-1 ? rr_param_value(p->params, linear->bias) : NULL;
    if (!linear->training) {
        forward_packed(p, thread, threads, bias);
        return;
    }
    size_t in = linear->in_size, out = linear->out_size, chunk = linear->forward_chunk;
    rr_share share = rr_share_of((out + chunk - 1) / chunk, thread, threads);
    for (size_t first = share.first * chunk; first < smaller(out, share.end * chunk); first += chunk) {
        rr_panels panels = linear->forward;
        panels.columns = smaller(chunk, out - first);
        panels.data += thread * linear->forward_floats;
        rr_phase outer = rr_profile_enter(RR_PHASE_PACK);
        rr_panels_pack_transposed(&panels, 0, SIZE_MAX, rr_param_value(p->params, linear->weight) + first * in, in);
        rr_profile_enter(outer);
        rr_panels_multiply(&panels, 0, rr_panels_count(&panels), p->rows, p->x, in, bias != NULL ? bias + first : NULL,
                           0, p->y + first, out);
        if (thread == 0) rr_hooks_tick(p->hooks);
    }
}

void rr_linear_forward(rr_linear *linear, const rr_params *params, size_t rows, const float *x, float *y,
                       const rr_hooks *hooks) {
    pass p = {.linear = linear, .params = params, .rows = rows, .x = x, .y = y, .hooks = hooks};
    rr_team_run(linear->team, forward_share, &p);
    linear->packed_version = params->version;
}

static void pack(const pass *p, size_t columns, size_t first, size_t end, const float *x, size_t ldx, float *strips) {
    if (p->shards == NULL)
        rr_strips_pack(p->rows, columns, first, end, x, ldx, strips);
    else
        rr_strips_pack_rows(p->shards->order, p->rows, columns, first, end, x, ldx, strips);
}

/* Outputs [first, first + count) of the gradients of weight and bias. */
static void weight_gradient(const pass *p, size_t thread, size_t first, size_t count, const float *dy_strips) {
    const rr_linear *linear = p->linear;
    size_t in = linear->in_size, out = linear->out_size;
    float *grad = rr_param_grad(p->params, linear->weight) + first * in;
    float *bias = linear->bias != (size_t)-1 ? rr_param_grad(p->params, linear->bias) + first : NULL;
    if (p->shards != NULL) {
        rr_strips_multiply_shards(p->rows, count, in, dy_strips, linear->x_strips, 0, count, &p->shards->strips,
                                  linear->shard_tiles + thread * linear->tile_floats, grad, in);
        if (bias != NULL)
            rr_shard_rows_bias(p->shards, count, p->dy + first, out, linear->shard_bias + thread * linear->bias_floats,
                               bias);
        return;
    }
    rr_strips_multiply(p->rows, count, in, dy_strips, linear->x_strips, 0, count, p->adds, grad, in);
    if (bias != NULL) rr_bias_backward(p->rows, count, p->dy + first, out, bias);
}

/* The thread's outputs of the gradients of weight and bias, and its columns of the gradient of x. */
static void backward_share(void *ctx, size_t thread, size_t threads) {
    const pass *p = ctx;
    const rr_linear *linear = p->linear;
    const rr_hooks *hooks = thread == 0 ? p->hooks : NULL;
    size_t in = linear->in_size, out = linear->out_size, rows = p->rows, chunk = linear->backward_chunk;
    const float *weight = rr_param_value(p->params, linear->weight);
    float *dy_strips = linear->dy_strips + thread * linear->dy_floats;
    rr_share columns = rr_share_of(rr_strips_count(in), thread, threads);
    rr_share chunks = rr_share_of((out + chunk - 1) / chunk, thread, threads);
    rr_phase outer = rr_profile_enter(RR_PHASE_PACK);
    pack(p, in, columns.first, columns.end, p->x, in, linear->x_strips);
    rr_team_barrier(linear->team);
    for (size_t first = chunks.first * chunk; first < smaller(out, chunks.end * chunk); first += chunk) {
        size_t count = smaller(chunk, out - first);
        rr_profile_enter(RR_PHASE_PACK);
        pack(p, count, 0, SIZE_MAX, p->dy + first, out, dy_strips);
        rr_profile_enter(outer);
        weight_gradient(p, thread, first, count, dy_strips);
        if (p->last && threads == 1)
            rr_hooks_ready(hooks, p->params->items[linear->weight].offset + (first + count) * in);
        rr_hooks_tick(hooks);
    }
    if (p->last && threads > 1) rr_team_barrier(linear->team);
    if (p->last) rr_hooks_ready(hooks, rr_param_end(p->params, linear->weight));
    for (size_t first = 0; p->dx != NULL && first < out; first += chunk) {
        rr_panels panels = linear->backward;
        panels.depth = smaller(chunk, out - first);
        /* Into the thread's own part of the memory, also where the last chunk is shorter: others may be at another. */
        panels.data += columns.first * rr_panel_columns() * (chunk - panels.depth);
        rr_profile_enter(RR_PHASE_PACK);
        rr_panels_pack(&panels, columns.first, columns.end, weight + first * in, in);
        rr_profile_enter(outer);
        rr_panels_multiply(&panels, columns.first, columns.end, rows, p->dy + first, out,
                           p->accumulate || first > 0 ? p->dx : NULL, in, p->dx, in);
        rr_hooks_tick(hooks);
    }
    rr_profile_enter(outer);
}

void rr_linear_backward(rr_linear *linear, const rr_params *params, size_t rows, const float *x, const float *dy,
                        bool accumulate, float *dx, bool last, const rr_hooks *hooks) {
    pass p = {.linear = linear,
              .params = params,
              .rows = rows,
              .x = x,
              .dy = dy,
              .dx = dx,
              .accumulate = accumulate,
              .last = last,
              .adds = rr_param_adds(params, linear->weight),
              .hooks = hooks};
    rr_team_run(linear->team, backward_share, &p);
}

void rr_linear_backward_shards(rr_linear *linear, const rr_params *params, size_t rows, const float *x, const float *dy,
                               rr_shard_rows *shards, float *dx, const rr_hooks *hooks) {
    pass p = {.linear = linear,
              .params = params,
              .rows = rows,
              .x = x,
              .dy = dy,
              .dx = dx,
              .last = true,
              .adds = rr_param_adds(params, linear->weight), /* from now on it would */
              .shards = shards,
              .hooks = hooks};
    rr_shard_rows_whole(shards);
    rr_team_run(linear->team, backward_share, &p);
}
