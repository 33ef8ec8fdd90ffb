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
    const rr_hooks *hooks;
    bool reverse;
    const float *x; /* [total, input_size] */
    size_t input_size;
    const float *h0, *c0; /* [rows, H], NULL for zeros */
    float *y;             /* [total, ldh], at this direction's columns */
    size_t ldh;
    float *h_out, *c_out; /* [rows, H] or NULL */
} direction;

/* One recurrent product and the cell, a block of units after the other. */
static void compute_units(const direction *d, const rr_rnn_units *units, rr_cell_step *step, const float *add,
                          size_t ld_add) {
    const rr_panels *panels = &d->pass->recurrent;
    size_t width = rr_panel_columns(), GH = panels->groups * panels->columns;
    rr_phase outer = rr_profile_enter(RR_PHASE_RECURRENT_FORWARD);
    for (size_t first = units->panels.first; first < units->panels.end; first += BLOCK_PANELS) {
        size_t end = first + BLOCK_PANELS < units->panels.end ? first + BLOCK_PANELS : units->panels.end;
        rr_panels_multiply(panels, first, end, step->rows, step->h_prev, step->H, add, ld_add, step->recurrent, GH);
        step->first = first * width;
        step->end = end * width < units->end ? end * width : units->end;
        rr_profile_enter(RR_PHASE_POINTWISE);
        d->rnn->spec.cell->forward(step);
        rr_profile_enter(RR_PHASE_RECURRENT_FORWARD);
    }
    rr_profile_enter(outer);
}

static void time_step(const direction *d, const rr_rnn_units *units, size_t t) {
    const rr_rnn *rnn = d->rnn;
    const rr_cell_ops *cell = rnn->spec.cell;
    size_t H = rnn->spec.hidden_size, GH = cell->gates * H, at = d->sequence->offset[t];
    float *gates = d->pass->gates + at * GH;
    rr_cell_step step = {.rows = d->sequence->active[t],
                         .H = H,
                         .gates = gates,
                         .recurrent = cell->separate_recurrent ? d->pass->recurrent_part + at * GH : gates,
                         .h_prev = d->pass->h_prev + at * H,
                         .c_prev = d->pass->c_prev != NULL ? d->pass->c_prev + at * H : NULL,
                         .c = rnn->c_step,
                         .extra = d->pass->extra + at * cell->extra * H,
                         .h = d->y + at * d->ldh,
                         .ldh = d->ldh};
    if (cell->separate_recurrent)
        compute_units(d, units, &step, rr_rnn_bias(d->params, d->pass->bias_hh), 0);
    else
        compute_units(d, units, &step, gates, GH);
}

/*
 * The state that step t starts from: what step `before`, of that many rows, ended with; rows beyond them start here
 * with their initial state (all of them at the first step; going back in time, rows join when their end is reached).
 * It is kept in packed order, for the weight gradient.
 */
static void hand_on(const direction *d, const rr_rnn_units *units, size_t before, size_t running, size_t t) {
    size_t H = d->rnn->spec.hidden_size, rows = d->sequence->active[t], kept = rows < running ? rows : running;
    float *h_prev = d->pass->h_prev + d->sequence->offset[t] * H;
    rr_rnn_copy(units, 0, kept, d->y + d->sequence->offset[before] * d->ldh, d->ldh, h_prev, H);
    rr_rnn_copy(units, kept, rows, d->h0, H, h_prev, H);
    if (d->pass->c_prev == NULL) return;
    float *c_prev = d->pass->c_prev + d->sequence->offset[t] * H;
    rr_rnn_copy(units, 0, kept, d->rnn->c_step, H, c_prev, H);
    rr_rnn_copy(units, kept, rows, d->c0, H, c_prev, H);
}

/* The final state of rows whose last step was t. */
static void hand_out(const direction *d, const rr_rnn_units *units, size_t t, size_t going_on) {
    size_t H = d->rnn->spec.hidden_size, rows = d->sequence->active[t];
    if (d->h_out != NULL)
        rr_rnn_copy(units, going_on, rows, d->y + d->sequence->offset[t] * d->ldh, d->ldh, d->h_out, H);
    if (d->c_out != NULL) rr_rnn_copy(units, going_on, rows, d->rnn->c_step, H, d->c_out, H);
}

/* One thread's units in all steps; it needs the other units of the state before a step, so all meet after each. */
static void run_share(void *ctx, size_t thread, size_t threads) {
    const direction *d = ctx;
    const rr_sequence *s = d->sequence;
    const rr_hooks *hooks = thread == 0 ? d->hooks : NULL;
    size_t GH = d->rnn->spec.cell->gates * d->rnn->spec.hidden_size, last = d->reverse ? 0 : s->steps - 1;
    rr_rnn_units units = rr_rnn_units_of(d->rnn->spec.hidden_size, thread, threads);
    size_t start = d->reverse ? s->steps - 1 : 0;
    hand_on(d, &units, start, 0, start);
    rr_team_barrier(d->rnn->spec.team);
    for (size_t done = 0; done < s->steps;) {
        rr_rnn_chunk chunk = d->reverse ? rr_rnn_chunk_backward(s, s->steps - done) : rr_rnn_chunk_forward(s, done);
        rr_phase outer = rr_profile_enter(RR_PHASE_INPUT_GEMM);
        rr_rnn_multiply(&d->pass->input, units.panels, chunk.rows, d->x + chunk.first * d->input_size, d->input_size,
                        d->pass->bias, 0, d->pass->gates + chunk.first * GH, GH, hooks);
        rr_profile_enter(outer);
        for (size_t i = 0; i < chunk.end - chunk.begin; i++) {
            size_t t = d->reverse ? chunk.end - 1 - i : chunk.begin + i, next = d->reverse ? t - 1 : t + 1;
            time_step(d, &units, t);
            size_t going_on = t == last ? 0 : s->active[next] < s->active[t] ? s->active[next] : s->active[t];
            hand_out(d, &units, t, going_on);
            if (t != last) hand_on(d, &units, t, s->active[t], next);
            rr_team_barrier(d->rnn->spec.team);
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
                           .hooks = hooks,
                           .reverse = side == 1,
                           .x = rr_rnn_layer_input(rnn, l),
                           .input_size = layer->input_size,
                           .h0 = state != NULL ? state + h_at : NULL,
                           .c0 = state != NULL && two ? state + c_at : NULL,
                           .y = layer->y + side * H,
                           .ldh = D * H,
                           .h_out = state_out != NULL ? state_out + h_at : NULL,
                           .c_out = state_out != NULL && two ? state_out + c_at : NULL};
            rr_team_run(rnn->spec.team, run_share, &d);
        }
    }
    return rnn->layers[L - 1].y;
}
