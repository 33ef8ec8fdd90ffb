/* Forward of a recurrent stack: one input product over all rows, then one recurrent product and one cell a time step.
 */
#include <string.h>

#include "math/gemm.h"
#include "math/pointwise.h"
#include "nn/rnn_parts.h"

/* gates [total, GH] = x w_ih^T + b_ih (+ b_hh where the cell adds both parts anyway). */
static void input_product(const rr_rnn *rnn, const rr_rnn_pass *pass, const rr_params *params, const float *x,
                          size_t input_size, size_t total, const rr_hooks *hooks) {
    const rr_cell_ops *cell = rnn->spec.cell;
    size_t GH = cell->gates * rnn->spec.hidden_size, block = rr_rnn_block_rows((double)GH * (double)input_size);
    const float *bias2 = cell->separate_recurrent ? NULL : rr_rnn_bias(params, pass->bias_hh);
    rr_bias_fill(total, GH, rr_rnn_bias(params, pass->bias_ih), bias2, pass->gates, GH);
    for (size_t first = 0; first < total; first += block) {
        size_t rows = total - first < block ? total - first : block;
        rr_gemm_forward(rows, GH, input_size, x + first * input_size, input_size,
                        rr_param_value(params, pass->weight_ih), input_size, true, pass->gates + first * GH, GH);
        rr_hooks_tick(hooks);
    }
}

/*
 * The time loop of one direction. h_prev and c_prev keep the state before every step in packed order, so that backward
 * has its weight gradient in one product. Going back in time, rows join when their end is reached, with their initial
 * state.
 */
static void time_loop(rr_rnn *rnn, rr_rnn_pass *pass, const rr_params *params, const rr_sequence *s, size_t direction,
                      const float *h0, const float *c0, float *y, float *h_out, float *c_out, const rr_hooks *hooks) {
    const rr_cell_ops *cell = rnn->spec.cell;
    size_t H = rnn->spec.hidden_size, GH = cell->gates * H, ldh = rnn->directions * H;
    size_t running = 0; /* rows whose state is in h_step */
    for (size_t i = 0; i < s->steps; i++) {
        size_t t = direction == 0 ? i : s->steps - 1 - i, rows = s->active[t], at = s->offset[t];
        float *h_prev = pass->h_prev + at * H, *c_prev = pass->c_prev != NULL ? pass->c_prev + at * H : NULL;
        size_t kept = rows < running ? rows : running;
        memcpy(h_prev, rnn->h_step, kept * H * sizeof *h_prev);
        if (c_prev != NULL) memcpy(c_prev, rnn->c_step, kept * H * sizeof *c_prev);
        if (rows > kept) { /* rows that start here */
            size_t bytes = (rows - kept) * H * sizeof(float);
            if (h0 != NULL)
                memcpy(h_prev + kept * H, h0 + kept * H, bytes);
            else
                memset(h_prev + kept * H, 0, bytes);
            if (c_prev != NULL && c0 != NULL)
                memcpy(c_prev + kept * H, c0 + kept * H, bytes);
            else if (c_prev != NULL)
                memset(c_prev + kept * H, 0, bytes);
        }
        float *recurrent = pass->gates + at * GH;
        if (cell->separate_recurrent) {
            recurrent = pass->recurrent + at * GH;
            rr_bias_fill(rows, GH, rr_rnn_bias(params, pass->bias_hh), NULL, recurrent, GH);
        }
        rr_recurrent_forward(rows, GH, H, h_prev, rr_param_value(params, pass->weight_hh), recurrent);
        rr_cell_step step = {.rows = rows,
                             .H = H,
                             .gates = pass->gates + at * GH,
                             .recurrent = recurrent,
                             .h_prev = h_prev,
                             .c_prev = c_prev,
                             .c = rnn->c_step,
                             .extra = pass->extra + at * cell->extra * H,
                             .h = y + at * ldh + direction * H,
                             .ldh = ldh};
        cell->forward(&step);
        for (size_t row = 0; row < rows; row++) memcpy(rnn->h_step + row * H, step.h + row * ldh, H * sizeof(float));
        running = rows;
        /* Rows whose last step this was. */
        size_t next = direction == 1 ? rows : t + 1 < s->steps ? s->active[t + 1] : 0;
        if (direction == 1 && t == 0) next = 0;
        if (h_out != NULL && next < rows) {
            memcpy(h_out + next * H, rnn->h_step + next * H, (rows - next) * H * sizeof(float));
            if (c_out != NULL) memcpy(c_out + next * H, rnn->c_step + next * H, (rows - next) * H * sizeof(float));
        }
        rr_hooks_tick(hooks);
    }
}

const float *rr_rnn_forward(rr_rnn *rnn, const rr_params *params, const rr_sequence *sequence, const float *x,
                            const float *state, float *state_out, const rr_dropout *dropout, const rr_hooks *hooks) {
    const rr_cell_ops *cell = rnn->spec.cell;
    size_t H = rnn->spec.hidden_size, L = rnn->spec.num_layers, D = rnn->directions, part = sequence->rows * H;
    rnn->x = x;
    rnn->has_dropout = dropout != NULL && rnn->spec.dropout > 0;
    if (rnn->has_dropout) rnn->dropout = *dropout;
    for (size_t l = 0; l < L; l++) {
        rr_rnn_layer *layer = &rnn->layers[l];
        if (l > 0 && rnn->has_dropout)
            rr_dropout_apply(dropout, rnn->spec.dropout_layer + (uint32_t)l - 1, rnn->spec.dropout, sequence, D * H,
                             rnn->layers[l - 1].y, layer->input);
        const float *input = rr_rnn_layer_input(rnn, l);
        for (size_t d = 0; d < D; d++) {
            rr_rnn_pass *pass = &layer->pass[d];
            size_t h_at = (l * D + d) * part, c_at = (L * D + l * D + d) * part;
            bool two = cell->states > 1;
            input_product(rnn, pass, params, input, layer->input_size, sequence->total, hooks);
            time_loop(rnn, pass, params, sequence, d, state != NULL ? state + h_at : NULL,
                      state != NULL && two ? state + c_at : NULL, layer->y, state_out != NULL ? state_out + h_at : NULL,
                      state_out != NULL && two ? state_out + c_at : NULL, hooks);
        }
    }
    return rnn->layers[L - 1].y;
}
