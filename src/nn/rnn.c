/* A recurrent stack: its parameters and its memory. */
#include "nn/rnn.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/profile.h"
#include "math/pointwise.h"
#include "nn/rnn_parts.h"

rr_status rr_rnn_create(const rr_rnn_spec *spec, rr_rnn **out) {
    rr_rnn *rnn = calloc(1, sizeof *rnn);
    rr_rnn_layer *layers = calloc(spec->num_layers, sizeof *layers);
    if (rnn == NULL || layers == NULL) {
        free(rnn);
        free(layers);
        return rr_fail(RR_ERR_NOMEM, "no memory for %zu recurrent layers", spec->num_layers);
    }
    rnn->spec = *spec;
    rnn->directions = spec->bidirectional ? 2 : 1;
    rnn->layers = layers;
    for (size_t l = 0; l < spec->num_layers; l++)
        layers[l].input_size = l == 0 ? spec->input_size : rnn->directions * spec->hidden_size;
    *out = rnn;
    return RR_OK;
}

void rr_rnn_free(rr_rnn *rnn) {
    if (rnn == NULL) return;
    free(rnn->layers);
    free(rnn);
}

static rr_status declare(rr_params *params, const char *prefix, const char *what, size_t layer, size_t direction,
                         rr_param param, size_t *index) {
    snprintf(param.name, sizeof param.name, "%s.%s_l%zu%s", prefix, what, layer, direction == 1 ? "_reverse" : "");
    return rr_params_add(params, &param, index);
}

rr_status rr_rnn_declare(rr_rnn *rnn, rr_params *params, const char *prefix) {
    const rr_cell_ops *cell = rnn->spec.cell;
    size_t H = rnn->spec.hidden_size;
    for (size_t l = rnn->spec.num_layers; l-- > 0;)
        for (size_t d = 0; d < rnn->directions; d++) {
            rr_rnn_pass *pass = &rnn->layers[l].pass[d];
            rr_param param = {.kind = RR_PARAM_WEIGHT,
                              .dims = {cell->gates * H, rnn->layers[l].input_size},
                              .dim_count = 2,
                              .fan_in = H,
                              .gates = cell->gates,
                              .overwritten = true,
                              .forget_gate = cell->forget_gate};
            RR_TRY(declare(params, prefix, "weight_ih", l, d, param, &pass->weight_ih));
            param.kind = RR_PARAM_RECURRENT;
            param.dims[1] = H;
            RR_TRY(declare(params, prefix, "weight_hh", l, d, param, &pass->weight_hh));
            pass->bias_ih = pass->bias_hh = (size_t)-1;
            if (!rnn->spec.bias) continue;
            param.kind = RR_PARAM_GATE_BIAS;
            param.overwritten = false;
            param.dim_count = 1;
            RR_TRY(declare(params, prefix, "bias_ih", l, d, param, &pass->bias_ih));
            RR_TRY(declare(params, prefix, "bias_hh", l, d, param, &pass->bias_hh));
        }
    return RR_OK;
}

void rr_rnn_plan(rr_rnn *rnn, rr_arena *arena, size_t max_total, size_t max_steps, size_t max_rows, bool training) {
    const rr_cell_ops *cell = rnn->spec.cell;
    size_t H = rnn->spec.hidden_size, GH = cell->gates * H, out = rnn->directions * H;
    size_t group = rnn->max_shards > 0 ? max_total : rr_rnn_group_capacity(max_total, max_rows), widest = H;
    (void)max_steps;
    rnn->training = training;
    rnn->packed_version = UINT64_MAX;
    for (size_t l = 0; l < rnn->spec.num_layers; l++) {
        rr_rnn_layer *layer = &rnn->layers[l];
        for (size_t d = 0; d < rnn->directions; d++) {
            rr_rnn_pass *pass = &layer->pass[d];
            pass->input = rr_panels_plan(arena, layer->input_size, cell->gates, H);
            pass->recurrent = rr_panels_plan(arena, H, cell->gates, H);
            pass->bias = rnn->spec.bias ? rr_arena_floats(arena, GH) : NULL;
            if (training) {
                pass->input_back = rr_panels_plan(arena, GH, 1, layer->input_size);
                pass->recurrent_back = rr_panels_plan(arena, GH, 1, H);
            }
            pass->gates = rr_arena_floats(arena, max_total * GH);
            pass->recurrent_part = cell->separate_recurrent ? rr_arena_floats(arena, max_total * GH) : NULL;
            pass->extra = rr_arena_floats(arena, max_total * cell->extra * H);
            pass->h_prev = rr_arena_floats(arena, max_total * H);
            pass->c_prev = cell->states > 1 ? rr_arena_floats(arena, max_total * H) : NULL;
        }
        if (layer->input_size > widest) widest = layer->input_size;
        layer->y = rr_arena_floats(arena, max_total * out);
        layer->input = training && l > 0 && rnn->spec.dropout > 0 ? rr_arena_floats(arena, max_total * out) : NULL;
    }
    rnn->c_step = cell->states > 1 ? rr_arena_floats(arena, max_rows * H) : NULL;
    if (!training) return;
    size_t threads = rr_team_size(rnn->spec.team), share = (rr_strips_count(GH) + threads - 1) / threads;
    size_t block = share * rr_panel_columns() < RR_RNN_BLOCK_ROWS ? share * rr_panel_columns() : RR_RNN_BLOCK_ROWS;
    rnn->block_floats = group * block;
    rnn->block_strips = rr_arena_floats(arena, threads * rnn->block_floats);
    rnn->values_strips = rr_arena_floats(arena, rr_strips_floats(group, widest));
    if (rnn->max_shards > 0) {
        size_t depth = rr_tree_depth(rnn->max_shards);
        rnn->tile_floats = rr_strips_scratch(depth);
        rnn->shard_tiles = rr_arena_floats(arena, rr_team_size(rnn->spec.team) * rnn->tile_floats);
        rnn->shard_bias = rr_arena_floats(arena, depth * GH);
    }
    rnn->dh = rr_arena_floats(arena, max_rows * H);
    rnn->dc = rr_arena_floats(arena, max_rows * H);
    rnn->dh_before = rr_arena_floats(arena, max_rows * H);
    rnn->d_below = rr_arena_floats(arena, max_total * out);
}

void rr_rnn_by_shards(rr_rnn *rnn, size_t max_shards) { rnn->max_shards = max_shards; }

typedef struct packing {
    const rr_rnn *rnn;
    const rr_params *params;
} packing;

static void pack_pass(const packing *p, const rr_rnn_pass *pass, size_t input_size, size_t thread, size_t threads) {
    const float *w_ih = rr_param_value(p->params, pass->weight_ih), *w_hh = rr_param_value(p->params, pass->weight_hh);
    const rr_rnn *rnn = p->rnn;
    size_t H = rnn->spec.hidden_size;
    rr_share hidden = rr_rnn_units_of(H, thread, threads).panels;
    rr_panels_pack_transposed(&pass->input, hidden.first, hidden.end, w_ih, input_size);
    rr_panels_pack_transposed(&pass->recurrent, hidden.first, hidden.end, w_hh, H);
    if (thread == 0 && pass->bias != NULL) /* both parts, unless the cell keeps them apart */
        rr_bias_fill(1, rnn->spec.cell->gates * H, rr_rnn_bias(p->params, pass->bias_ih),
                     rnn->spec.cell->separate_recurrent ? NULL : rr_rnn_bias(p->params, pass->bias_hh), pass->bias, 0);
    if (!rnn->training) return;
    rr_share input = rr_share_of(rr_panels_count(&pass->input_back), thread, threads);
    rr_panels_pack(&pass->input_back, input.first, input.end, w_ih, input_size);
    rr_panels_pack(&pass->recurrent_back, hidden.first, hidden.end, w_hh, H);
}

static void pack_share(void *ctx, size_t thread, size_t threads) {
    const packing *p = ctx;
    for (size_t l = 0; l < p->rnn->spec.num_layers; l++)
        for (size_t d = 0; d < p->rnn->directions; d++)
            pack_pass(p, &p->rnn->layers[l].pass[d], p->rnn->layers[l].input_size, thread, threads);
}

void rr_rnn_pack(rr_rnn *rnn, const rr_params *params) {
    if (rnn->packed_version == params->version) return;
    rr_phase outer = rr_profile_enter(RR_PHASE_PACK);
    rr_team_run(rnn->spec.team, pack_share, &(packing){rnn, params});
    rnn->packed_version = params->version;
    rr_profile_enter(outer);
}

size_t rr_rnn_state_size(const rr_rnn *rnn) {
    return rnn->spec.cell->states * rnn->spec.num_layers * rnn->directions * rnn->spec.hidden_size;
}

double rr_rnn_macs_per_token(const rr_rnn_spec *spec) {
    double H = (double)spec->hidden_size, directions = spec->bidirectional ? 2 : 1, sum = 0;
    for (size_t l = 0; l < spec->num_layers; l++) {
        double input = l == 0 ? (double)spec->input_size : directions * H;
        sum += directions * (double)spec->cell->gates * H * (input + H);
    }
    return sum;
}
