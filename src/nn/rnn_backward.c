/*
 * Back-propagation through time, in chunks of time steps: one recurrent product a step, then the gradients of the
 * weights and of the input from the whole chunk while its gates' gradients are in cache.
 */
#include <string.h>

#include "base/profile.h"
#include "math/pointwise.h"
#include "nn/rnn_parts.h"

/* Everything about one direction of one layer in this pass. */
typedef struct direction {
    rr_rnn *rnn;
    const rr_rnn_pass *pass;
    const rr_params *params;
    const rr_sequence *sequence;
    bool reverse;
    const float *x; /* [total, input_size] */
    size_t input_size;
    const float *dy; /* [total, ldh], at this direction's columns */
    size_t ldh;
    const float *dh_end, *dc_end; /* [rows, H] or NULL */
    float *dx;                    /* [total, input_size] or NULL */
    bool add_to_dx;               /* the other direction was there before */
    float *dh_start, *dc_start;   /* [rows, H] or NULL */
    size_t running;               /* rows for which rnn->dh holds what came back through the step after */
} direction;

/* Gradients of the gates of step t, whose chunk starts at packed row `chunk`, and from them rnn->dh of the step before.
 */
static void time_step(direction *d, size_t t, size_t chunk) {
    rr_rnn *rnn = d->rnn;
    const rr_cell_ops *cell = rnn->spec.cell;
    const rr_sequence *s = d->sequence;
    size_t H = rnn->spec.hidden_size, GH = cell->gates * H, rows = s->active[t], at = s->offset[t];
    size_t kept = rows < d->running ? rows : d->running; /* the others have their last step here */
    rr_rnn_copy_rows(rnn->dh, d->dh_end, kept, rows, H);
    rr_rnn_copy_rows(rnn->dc, d->dc_end, kept, rows, H);
    for (size_t row = 0; row < rows; row++) rr_axpy(H, 1.0f, d->dy + (at + row) * d->ldh, rnn->dh + row * H);
    float *dgates = rnn->dgates + (at - chunk) * GH;
    float *drecurrent = cell->separate_recurrent ? rnn->drecurrent + (at - chunk) * GH : dgates;
    rr_cell_step step = {.rows = rows,
                         .H = H,
                         .first = 0,
                         .end = H,
                         .gates = d->pass->gates + at * GH,
                         .recurrent = d->pass->recurrent_part != NULL ? d->pass->recurrent_part + at * GH : NULL,
                         .h_prev = d->pass->h_prev + at * H,
                         .c_prev = d->pass->c_prev != NULL ? d->pass->c_prev + at * H : NULL,
                         .extra = d->pass->extra + at * cell->extra * H,
                         .dh = rnn->dh,
                         .dc = rnn->dc,
                         .dgates = dgates,
                         .drecurrent = drecurrent,
                         .dh_prev = rnn->dh_before};
    rr_phase outer = rr_profile_enter(RR_PHASE_POINTWISE);
    cell->backward(&step);
    rr_profile_enter(RR_PHASE_RECURRENT_BACKWARD);
    const rr_panels *panels = &d->pass->recurrent_back;
    rr_panels_multiply(panels, 0, rr_panels_count(panels), rows, drecurrent, GH,
                       cell->direct_dh_prev ? rnn->dh_before : NULL, H, rnn->dh_before, H);
    rr_profile_enter(outer);
    float *swap = rnn->dh;
    rnn->dh = rnn->dh_before;
    rnn->dh_before = swap;
    d->running = rows;
    /* Rows whose first step this was: what is left belongs to their initial state. */
    bool goes_on = d->reverse ? t + 1 < s->steps : t > 0;
    size_t next = !goes_on ? 0 : d->reverse ? s->active[t + 1] : rows;
    if (d->dh_start != NULL) rr_rnn_copy_rows(d->dh_start, rnn->dh, next, rows, H);
    if (d->dc_start != NULL) rr_rnn_copy_rows(d->dc_start, rnn->dc, next, rows, H);
}

/* dw [GH, width] += dgates^T values, where the strips of dgates are made already. */
static void weight_gradient(const rr_rnn *rnn, size_t rows, size_t width, const float *values, float *dw,
                            const rr_hooks *hooks) {
    size_t GH = rnn->spec.cell->gates * rnn->spec.hidden_size, panel = rr_panel_columns();
    size_t block = (RR_RNN_TICK_MACS / (rows * width * panel + 1) + 1) * panel;
    rr_phase outer = rr_profile_enter(RR_PHASE_PACK);
    rr_strips_pack(rows, width, values, width, rnn->values_strips);
    rr_profile_enter(RR_PHASE_WEIGHT_GRADIENT);
    for (size_t first = 0; first < GH; first += block) {
        rr_strips_multiply(rows, GH, width, rnn->dgates_strips, rnn->values_strips, first, first + block, true, dw,
                           width);
        rr_hooks_tick(hooks);
    }
    rr_profile_enter(outer);
}

static void weight_gradients(const direction *d, const rr_rnn_chunk *chunk, const rr_hooks *hooks) {
    const rr_rnn *rnn = d->rnn;
    const rr_params *params = d->params;
    size_t H = rnn->spec.hidden_size, GH = rnn->spec.cell->gates * H;
    const float *drecurrent = rnn->spec.cell->separate_recurrent ? rnn->drecurrent : rnn->dgates;
    rr_phase outer = rr_profile_enter(RR_PHASE_PACK);
    rr_strips_pack(chunk->rows, GH, rnn->dgates, GH, rnn->dgates_strips);
    weight_gradient(rnn, chunk->rows, d->input_size, d->x + chunk->first * d->input_size,
                    rr_param_grad(params, d->pass->weight_ih), hooks);
    if (drecurrent != rnn->dgates) rr_strips_pack(chunk->rows, GH, drecurrent, GH, rnn->dgates_strips);
    weight_gradient(rnn, chunk->rows, H, d->pass->h_prev + chunk->first * H, rr_param_grad(params, d->pass->weight_hh),
                    hooks);
    rr_profile_enter(RR_PHASE_WEIGHT_GRADIENT);
    if (rnn->spec.bias) {
        rr_bias_backward(chunk->rows, GH, rnn->dgates, GH, rr_param_grad(params, d->pass->bias_ih));
        rr_bias_backward(chunk->rows, GH, drecurrent, GH, rr_param_grad(params, d->pass->bias_hh));
    }
    rr_profile_enter(outer);
}

static void run_direction(direction *d, const rr_hooks *hooks) {
    const rr_sequence *s = d->sequence;
    size_t GH = d->rnn->spec.cell->gates * d->rnn->spec.hidden_size;
    for (size_t done = 0; done < s->steps;) {
        rr_rnn_chunk chunk = d->reverse ? rr_rnn_chunk_forward(s, done) : rr_rnn_chunk_backward(s, s->steps - done);
        for (size_t i = 0; i < chunk.end - chunk.begin; i++) {
            time_step(d, d->reverse ? chunk.begin + i : chunk.end - 1 - i, chunk.first);
            rr_hooks_tick(hooks);
        }
        weight_gradients(d, &chunk, hooks);
        if (d->dx != NULL) {
            float *dx = d->dx + chunk.first * d->input_size;
            rr_phase outer = rr_profile_enter(RR_PHASE_INPUT_GEMM);
            rr_rnn_multiply(&d->pass->input_back, chunk.rows, d->rnn->dgates, GH, d->add_to_dx ? dx : NULL,
                            d->input_size, dx, d->input_size, hooks);
            rr_profile_enter(outer);
        }
        done += chunk.end - chunk.begin;
    }
}

void rr_rnn_backward(rr_rnn *rnn, const rr_params *params, const rr_sequence *sequence, const float *x, float *dy,
                     const float *dstate_out, float *dx, float *dstate, const rr_hooks *hooks) {
    const rr_cell_ops *cell = rnn->spec.cell;
    size_t H = rnn->spec.hidden_size, L = rnn->spec.num_layers, D = rnn->directions, total = sequence->total;
    size_t part = sequence->rows * H;
    bool two = cell->states > 1;
    for (size_t l = L; l-- > 0;) {
        const rr_rnn_layer *layer = &rnn->layers[l];
        for (size_t side = 0; side < D; side++) {
            const rr_rnn_pass *pass = &layer->pass[side];
            size_t h_at = (l * D + side) * part, c_at = (L * D + l * D + side) * part;
            direction d = {.rnn = rnn,
                           .pass = pass,
                           .params = params,
                           .sequence = sequence,
                           .reverse = side == 1,
                           .x = l == 0 ? x : rr_rnn_layer_input(rnn, l),
                           .input_size = layer->input_size,
                           .dy = dy + side * H,
                           .ldh = D * H,
                           .dh_end = dstate_out != NULL ? dstate_out + h_at : NULL,
                           .dc_end = dstate_out != NULL && two ? dstate_out + c_at : NULL,
                           .dx = l == 0 ? dx : rnn->d_below,
                           .add_to_dx = side > 0,
                           .dh_start = dstate != NULL ? dstate + h_at : NULL,
                           .dc_start = dstate != NULL && two ? dstate + c_at : NULL};
            run_direction(&d, hooks);
            rr_hooks_ready(hooks, rr_param_end(params, rnn->spec.bias ? pass->bias_hh : pass->weight_hh));
        }
        if (l == 0) break;
        if (rnn->has_dropout)
            rr_dropout_apply(&rnn->dropout, rnn->spec.dropout_layer + (uint32_t)l - 1, rnn->spec.dropout, sequence,
                             D * H, rnn->d_below, rnn->d_below);
        memcpy(dy, rnn->d_below, total * D * H * sizeof *dy);
    }
}
