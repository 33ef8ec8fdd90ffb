/* Back-propagation through time: one recurrent product a time step, then the weight gradients in one product each. */
#include <string.h>

#include "math/gemm.h"
#include "math/pointwise.h"
#include "nn/rnn_parts.h"

/*
 * Gradients of the gates of one direction, [total, GH], step after step against its time. dy [total, D * H] is the
 * gradient of the layer's output; dh_end, dc_end those of the state after the last step, dh_start, dc_start get those
 * of the initial state (each [rows, H] or NULL).
 */
static void time_loop(rr_rnn *rnn, const rr_rnn_pass *pass, const rr_params *params, const rr_sequence *s,
                      size_t direction, const float *dy, const float *dh_end, const float *dc_end, float *dh_start,
                      float *dc_start, const rr_hooks *hooks) {
    const rr_cell_ops *cell = rnn->spec.cell;
    size_t H = rnn->spec.hidden_size, GH = cell->gates * H, D = rnn->directions, running = 0;
    for (size_t i = 0; i < s->steps; i++) {
        size_t t = direction == 0 ? s->steps - 1 - i : i, rows = s->active[t], at = s->offset[t];
        /* rnn->dh holds, for the rows that were running in the step after, what came back through it. */
        size_t kept = rows < running ? rows : running;
        if (rows > kept) { /* rows whose last step this is */
            size_t bytes = (rows - kept) * H * sizeof(float);
            if (dh_end != NULL)
                memcpy(rnn->dh + kept * H, dh_end + kept * H, bytes);
            else
                memset(rnn->dh + kept * H, 0, bytes);
            if (dc_end != NULL)
                memcpy(rnn->dc + kept * H, dc_end + kept * H, bytes);
            else
                memset(rnn->dc + kept * H, 0, bytes);
        }
        for (size_t row = 0; row < rows; row++)
            rr_axpy(H, 1.0f, dy + (at + row) * D * H + direction * H, rnn->dh + row * H);
        float *dgates = rnn->dgates + at * GH,
              *drecurrent = cell->separate_recurrent ? rnn->drecurrent + at * GH : dgates;
        rr_cell_step step = {.rows = rows,
                             .H = H,
                             .gates = pass->gates + at * GH,
                             .recurrent = pass->recurrent != NULL ? pass->recurrent + at * GH : NULL,
                             .h_prev = pass->h_prev + at * H,
                             .c_prev = pass->c_prev != NULL ? pass->c_prev + at * H : NULL,
                             .extra = pass->extra + at * cell->extra * H,
                             .dh = rnn->dh,
                             .dc = rnn->dc,
                             .dgates = dgates,
                             .drecurrent = drecurrent,
                             .dh_prev = rnn->dh_before};
        cell->backward(&step);
        rr_recurrent_backward(rows, GH, H, drecurrent, rr_param_value(params, pass->weight_hh), cell->direct_dh_prev,
                              rnn->dh_before);
        float *swap = rnn->dh;
        rnn->dh = rnn->dh_before;
        rnn->dh_before = swap;
        running = rows;
        /* Rows whose first step this was: what is left belongs to their initial state. */
        size_t next = direction == 0 ? (t == 0 ? 0 : rows) : t + 1 < s->steps ? s->active[t + 1] : 0;
        if (dh_start != NULL && next < rows) {
            memcpy(dh_start + next * H, rnn->dh + next * H, (rows - next) * H * sizeof(float));
            if (dc_start != NULL) memcpy(dc_start + next * H, rnn->dc + next * H, (rows - next) * H * sizeof(float));
        }
        rr_hooks_tick(hooks);
    }
}

/* dw [GH, width] += dgates^T values, in blocks of rows. */
static void weight_gradient(size_t total, size_t GH, size_t width, const float *dgates, const float *values, float *dw,
                            const rr_hooks *hooks) {
    size_t block = rr_rnn_block_rows((double)GH * (double)width);
    for (size_t first = 0; first < total; first += block) {
        size_t rows = total - first < block ? total - first : block;
        rr_gemm_backward_weight(rows, GH, width, dgates + first * GH, GH, values + first * width, width, dw, width);
        rr_hooks_tick(hooks);
    }
}

static void input_gradient(const rr_rnn *rnn, const rr_rnn_pass *pass, const rr_params *params, size_t input_size,
                           size_t total, bool accumulate, float *dx, const rr_hooks *hooks) {
    size_t GH = rnn->spec.cell->gates * rnn->spec.hidden_size,
           block = rr_rnn_block_rows((double)GH * (double)input_size);
    for (size_t first = 0; first < total; first += block) {
        size_t rows = total - first < block ? total - first : block;
        rr_gemm_backward_input(rows, GH, input_size, rnn->dgates + first * GH, GH,
                               rr_param_value(params, pass->weight_ih), input_size, accumulate, dx + first * input_size,
                               input_size);
        rr_hooks_tick(hooks);
    }
}

void rr_rnn_backward(rr_rnn *rnn, const rr_params *params, const rr_sequence *sequence, const float *x, float *dy,
                     const float *dstate_out, float *dx, float *dstate, const rr_hooks *hooks) {
    const rr_cell_ops *cell = rnn->spec.cell;
    size_t H = rnn->spec.hidden_size, L = rnn->spec.num_layers, D = rnn->directions, GH = cell->gates * H;
    size_t part = sequence->rows * H, total = sequence->total;
    bool two = cell->states > 1;
    for (size_t l = L; l-- > 0;) {
        const rr_rnn_layer *layer = &rnn->layers[l];
        const float *input = l == 0 ? x : rr_rnn_layer_input(rnn, l);
        float *d_input = l == 0 ? dx : rnn->d_below;
        for (size_t d = 0; d < D; d++) {
            const rr_rnn_pass *pass = &layer->pass[d];
            size_t h_at = (l * D + d) * part, c_at = (L * D + l * D + d) * part;
            time_loop(rnn, pass, params, sequence, d, dy, dstate_out != NULL ? dstate_out + h_at : NULL,
                      dstate_out != NULL && two ? dstate_out + c_at : NULL, dstate != NULL ? dstate + h_at : NULL,
                      dstate != NULL && two ? dstate + c_at : NULL, hooks);
            const float *drecurrent = cell->separate_recurrent ? rnn->drecurrent : rnn->dgates;
            weight_gradient(total, GH, layer->input_size, rnn->dgates, input, rr_param_grad(params, pass->weight_ih),
                            hooks);
            weight_gradient(total, GH, H, drecurrent, pass->h_prev, rr_param_grad(params, pass->weight_hh), hooks);
            if (rnn->spec.bias) {
                rr_bias_backward(total, GH, rnn->dgates, GH, rr_param_grad(params, pass->bias_ih));
                rr_bias_backward(total, GH, drecurrent, GH, rr_param_grad(params, pass->bias_hh));
            }
            size_t last = rnn->spec.bias ? pass->bias_hh : pass->weight_hh;
            rr_hooks_ready(hooks, rr_param_end(params, last));
            if (l > 0 || dx != NULL) input_gradient(rnn, pass, params, layer->input_size, total, d > 0, d_input, hooks);
        }
        if (l == 0) break;
        if (rnn->has_dropout)
            rr_dropout_apply(&rnn->dropout, rnn->spec.dropout_layer + (uint32_t)l - 1, rnn->spec.dropout, sequence,
                             D * H, rnn->d_below, rnn->d_below);
        memcpy(dy, rnn->d_below, total * D * H * sizeof *dy);
    }
}
