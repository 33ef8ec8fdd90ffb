/*
 * Forward of a recurrent stack. Time steps are taken in chunks: one input product over the rows of a chunk, then one
 * recurrent product and one cell a step, while the chunk's gates are still in cache.
 */
#include <string.h>

#include "base/profile.h"
#include "nn/rnn_parts.h"

enum {
    BLOCK_PANELS = 2
}; /* panels of each gate whose columns go through the cell at once, straight after the product */

/* Everything about one direction of one layer in this pass. */
typedef struct direction {
    rr_rnn *rnn;
    rr_rnn_pass *pass;
    const rr_params *params;
    const rr_sequence *sequence;
    bool reverse;
    const float *x; /* [total, input_size] */
    size_t input_size;
    const float *h0, *c0; /* [rows, H], NULL for zeros */
    float *y;             /* [total, ldh], at this direction's columns */
    size_t ldh;
    float *h_out, *c_out; /* [rows, H] or NULL */
    size_t running;       /* rows whose state is in h_step and c_step */
} direction;

/* One recurrent product and the cell, a block of units after the other. */
static void compute_units(const direction *d, rr_cell_step *step, const float *add, size_t ld_add) {
    const rr_panels *panels = &d->pass->recurrent;
    size_t count = rr_panels_count(panels), width = rr_panel_columns(), GH = panels->groups * panels->columns;
    rr_phase outer = rr_profile_enter(RR_PHASE_RECURRENT_FORWARD);
    for (size_t first = 0; first < count; first += BLOCK_PANELS) {
        size_t end = first + BLOCK_PANELS < count ? first + BLOCK_PANELS : count;
        rr_panels_multiply(panels, first, end, step->rows, step->h_prev, step->H, add, ld_add, step->recurrent, GH);
        step->first = first * width;
        step->end = end < count ? end * width : step->H;
        rr_profile_enter(RR_PHASE_POINTWISE);
        d->rnn->spec.cell->forward(step);
        rr_profile_enter(RR_PHASE_RECURRENT_FORWARD);
    }
    rr_profile_enter(outer);
}

/*
 * One time step. h_prev and c_prev keep the state before every step in packed order, for the weight gradient. Going
 * back in time, rows join when their end is reached, with their initial state.
 */
static void time_step(direction *d, size_t t) {
    rr_rnn *rnn = d->rnn;
    const rr_cell_ops *cell = rnn->spec.cell;
    const rr_sequence *s = d->sequence;
    size_t H = rnn->spec.hidden_size, GH = cell->gates * H, rows = s->active[t], at = s->offset[t];
    size_t kept = rows < d->running ? rows : d->running;
    float *h_prev = d->pass->h_prev + at * H, *c_prev = d->pass->c_prev != NULL ? d->pass->c_prev + at * H : NULL;
    rr_rnn_copy_rows(h_prev, rnn->h_step, 0, kept, H);
    rr_rnn_copy_rows(h_prev, d->h0, kept, rows, H);
    if (c_prev != NULL) {
        rr_rnn_copy_rows(c_prev, rnn->c_step, 0, kept, H);
        rr_rnn_copy_rows(c_prev, d->c0, kept, rows, H);
    }
    float *gates = d->pass->gates + at * GH;
    rr_cell_step step = {.rows = rows,
                         .H = H,
                         .gates = gates,
                         .recurrent = cell->separate_recurrent ? d->pass->recurrent_part + at * GH : gates,
                         .h_prev = h_prev,
                         .c_prev = c_prev,
                         .c = rnn->c_step,
                         .extra = d->pass->extra + at * cell->extra * H,
                         .h = d->y + at * d->ldh,
                         .ldh = d->ldh};
    if (cell->separate_recurrent)
        compute_units(d, &step, rr_rnn_bias(d->params, d->pass->bias_hh), 0);
    else
        compute_units(d, &step, gates, GH);
    for (size_t row = 0; row < rows; row++) memcpy(rnn->h_step + row * H, step.h + row * d->ldh, H * sizeof(float));
    d->running = rows;
    /* Rows whose last step this was. */
    bool goes_on = d->reverse ? t > 0 : t + 1 < s->steps;
    size_t next = !goes_on ? 0 : d->reverse ? rows : s->active[t + 1];
    if (d->h_out != NULL) rr_rnn_copy_rows(d->h_out, rnn->h_step, next, rows, H);
    if (d->c_out != NULL) rr_rnn_copy_rows(d->c_out, rnn->c_step, next, rows, H);
}

static void run_direction(direction *d, const rr_hooks *hooks) {
    const rr_sequence *s = d->sequence;
    size_t GH = d->rnn->spec.cell->gates * d->rnn->spec.hidden_size;
    for (size_t done = 0; done < s->steps;) {
        rr_rnn_chunk chunk = d->reverse ? rr_rnn_chunk_backward(s, s->steps - done) : rr_rnn_chunk_forward(s, done);
        rr_phase outer = rr_profile_enter(RR_PHASE_INPUT_GEMM);
        rr_rnn_multiply(&d->pass->input, chunk.rows, d->x + chunk.first * d->input_size, d->input_size, d->pass->bias,
                        0, d->pass->gates + chunk.first * GH, GH, hooks);
        rr_profile_enter(outer);
        for (size_t i = 0; i < chunk.end - chunk.begin; i++) {
            time_step(d, d->reverse ? chunk.end - 1 - i : chunk.begin + i);
            rr_hooks_tick(hooks);
        }
        done += chunk.end - chunk.begin;
    }
}

const float *rr_rnn_forward(rr_rnn *rnn, const rr_params *params, const rr_sequence *sequence, const float *x,
                            const float *state, float *state_out, const rr_dropout *dropout, const rr_hooks *hooks) {
    const rr_cell_ops *cell = rnn->spec.cell;
    size_t H = rnn->spec.hidden_size, L = rnn->spec.num_layers, D = rnn->directions, part = sequence->rows * H;
    rr_rnn_pack(rnn, params);
    rnn->x = x;
    rnn->has_dropout = dropout != NULL && rnn->spec.dropout > 0;
    if (rnn->has_dropout) rnn->dropout = *dropout;
    for (size_t l = 0; l < L; l++) {
        rr_rnn_layer *layer = &rnn->layers[l];
        if (l > 0 && rnn->has_dropout)
            rr_dropout_apply(dropout, rnn->spec.dropout_layer + (uint32_t)l - 1, rnn->spec.dropout, sequence, D * H,
                             rnn->layers[l - 1].y, layer->input);
        for (size_t side = 0; side < D; side++) {
            size_t h_at = (l * D + side) * part, c_at = (L * D + l * D + side) * part;
            bool two = cell->states > 1;
            direction d = {.rnn = rnn,
                           .pass = &layer->pass[side],
                           .params = params,
                           .sequence = sequence,
                           .reverse = side == 1,
                           .x = rr_rnn_layer_input(rnn, l),
                           .input_size = layer->input_size,
                           .h0 = state != NULL ? state + h_at : NULL,
                           .c0 = state != NULL && two ? state + c_at : NULL,
                           .y = layer->y + side * H,
                           .ldh = D * H,
                           .h_out = state_out != NULL ? state_out + h_at : NULL,
                           .c_out = state_out != NULL && two ? state_out + c_at : NULL};
            run_direction(&d, hooks);
        }
    }
    return rnn->layers[L - 1].y;
}
