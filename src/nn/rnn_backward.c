/*
 * Back-propagation through time, in chunks of time steps: one recurrent product a step, then the gradients of the input
 * and of the weights from the whole chunk while its gates' gradients are in cache. Those of the weights come last, and
 * in the last chunk each piece of them is said to be ready as soon as it is: its sum over ranks then hides behind the
 * rest.
 */
#include <string.h>

#include "base/profile.h"
#include "math/pointwise.h"
#include "nn/rnn_parts.h"
#include "nn/shard_rows.h"

/* Everything about one direction of one layer in this pass. */
typedef struct direction {
    const rr_rnn *rnn;
    const rr_rnn_pass *pass;
    const rr_params *params;
    const rr_sequence *sequence;
    const rr_hooks *hooks;
    bool reverse;
    const float *x; /* [total, input_size] */
    size_t input_size;
    const float *dy; /* [total, ldh], at this direction's columns */
    size_t ldh;
    const float *dh_end, *dc_end; /* [rows, H] or NULL */
    float *dx;                    /* [total, input_size] or NULL */
    bool add_to_dx;               /* the other direction was there before */
    float *dh_start, *dc_start;   /* [rows, H] or NULL */
    bool adds_ih, adds_hh;        /* to the gradients of the weights, already in the first chunk */
    const rr_shard_rows *shards;  /* by which they are added, from what all chunks leave; NULL: chunk by chunk */
} direction;

/* One thread's part of it. */
typedef struct worker {
    const direction *d;
    const rr_hooks *hooks; /* of thread 0 */
    size_t thread, threads;
    rr_rnn_units units;
    bool chunks_before;    /* this is not the first, */
    bool last_chunk;       /* and this the last: what one thread finishes is final */
    size_t running;        /* rows for which dh holds what came back through the step after */
    float *dh, *dh_before; /* [rows, H]; they change places after each step */
} worker;

/* Gradients of the gates of step t, which are kept from packed row `chunk` on, and from them dh of the step before. */
static void time_step(worker *p, size_t t, size_t chunk) {
    const direction *d = p->d;
    const rr_rnn *rnn = d->rnn;
    const rr_cell_ops *cell = rnn->spec.cell;
    const rr_sequence *s = d->sequence;
    const rr_rnn_units *units = &p->units;
    size_t H = rnn->spec.hidden_size, GH = cell->gates * H, rows = s->active[t], at = s->offset[t];
    size_t kept = rows < p->running ? rows : p->running; /* the others have their last step here */
    rr_phase outer = rr_profile_enter(RR_PHASE_POINTWISE);
    rr_rnn_copy(units, kept, rows, d->dh_end, H, p->dh, H);
    rr_rnn_copy(units, kept, rows, d->dc_end, H, rnn->dc, H);
    for (size_t row = 0; row < rows; row++)
        rr_axpy(units->end - units->first, 1.0f, d->dy + (at + row) * d->ldh + units->first,
                p->dh + row * H + units->first);
    float *dgates = rnn->dgates + (at - chunk) * GH;
    float *drecurrent = cell->separate_recurrent ? rnn->drecurrent + (at - chunk) * GH : dgates;
    rr_cell_step step = {.rows = rows,
                         .H = H,
                         .first = units->first,
                         .end = units->end,
                         .gates = d->pass->gates + at * GH,
                         .recurrent = d->pass->recurrent_part != NULL ? d->pass->recurrent_part + at * GH : NULL,
                         .h_prev = d->pass->h_prev + at * H,
                         .c_prev = d->pass->c_prev != NULL ? d->pass->c_prev + at * H : NULL,
                         .extra = d->pass->extra + at * cell->extra * H,
                         .dh = p->dh,
                         .dc = rnn->dc,
                         .dgates = dgates,
                         .drecurrent = drecurrent,
                         .dh_prev = p->dh_before};
    cell->backward(&step);
    rr_team_barrier(rnn->spec.team); /* the product needs the gradients of all units */
    rr_profile_enter(RR_PHASE_RECURRENT_BACKWARD);
    rr_panels_multiply(&d->pass->recurrent_back, units->panels.first, units->panels.end, rows, drecurrent, GH,
                       cell->direct_dh_prev ? p->dh_before : NULL, H, p->dh_before, H);
    rr_profile_enter(outer);
    float *swap = p->dh;
    p->dh = p->dh_before;
    p->dh_before = swap;
    p->running = rows;
    /* Rows whose first step this was: what is left belongs to their initial state. */
    bool goes_on = d->reverse ? t + 1 < s->steps : t > 0;
    size_t next = !goes_on ? 0 : d->reverse ? s->active[t + 1] : rows;
    if (d->dh_start != NULL) rr_rnn_copy(units, next, rows, p->dh, H, d->dh_start, H);
    if (d->dc_start != NULL) rr_rnn_copy(units, next, rows, rnn->dc, H, d->dc_start, H);
}

/* This thread's rows, those of its strips, of dw [GH, width] += dgates^T values. */
static void weight_gradient(const worker *p, rr_share strips, size_t rows, size_t width, const float *values_strips,
                            bool adds, size_t weight) {
    float *dw = rr_param_grad(p->d->params, weight);
    const rr_rnn *rnn = p->d->rnn;
    size_t GH = rnn->spec.cell->gates * rnn->spec.hidden_size, panel = rr_panel_columns();
    size_t block = RR_RNN_TICK_MACS / (rows * width * panel + 1) + 1;
    for (size_t first = strips.first; first < strips.end; first += block) {
        size_t end = first + block < strips.end ? first + block : strips.end;
        rr_strips_multiply(rows, GH, width, rnn->dgates_strips, values_strips, first * panel, end * panel, adds, dw,
                           width);
        size_t written = end * panel < GH ? end * panel : GH;
        if (p->last_chunk && p->threads == 1)
            rr_hooks_ready(p->hooks, p->d->params->items[weight].offset + written * width);
        rr_hooks_tick(p->hooks);
    }
}

static void bias_gradient(const worker *p, rr_share strips, size_t rows, const float *dgates, size_t bias) {
    const rr_rnn *rnn = p->d->rnn;
    size_t GH = rnn->spec.cell->gates * rnn->spec.hidden_size, first = strips.first * rr_panel_columns();
    size_t end = strips.end * rr_panel_columns() < GH ? strips.end * rr_panel_columns() : GH;
    if (bias == (size_t)-1 || first >= end) return;
    rr_bias_backward(rows, end - first, dgates + first, GH, rr_param_grad(p->d->params, bias) + first);
}

static void pack_values(const worker *p, size_t rows, size_t width, const float *values, float *strips) {
    rr_share share = rr_share_of(rr_strips_count(width), p->thread, p->threads);
    rr_strips_pack(rows, width, share.first, share.end, values, width, strips);
}

static void weight_gradients(const worker *p, const rr_rnn_chunk *chunk) {
    const direction *d = p->d;
    const rr_rnn *rnn = d->rnn;
    size_t H = rnn->spec.hidden_size, GH = rnn->spec.cell->gates * H;
    rr_share strips = rr_share_of(rr_strips_count(GH), p->thread, p->threads);
    const float *drecurrent = rnn->spec.cell->separate_recurrent ? rnn->drecurrent : rnn->dgates;
    rr_phase outer = rr_profile_enter(RR_PHASE_PACK);
    pack_values(p, chunk->rows, d->input_size, d->x + chunk->first * d->input_size, rnn->x_strips);
    pack_values(p, chunk->rows, H, d->pass->h_prev + chunk->first * H, rnn->h_strips);
    rr_strips_pack(chunk->rows, GH, strips.first, strips.end, rnn->dgates, GH, rnn->dgates_strips);
    rr_team_barrier(rnn->spec.team); /* the strips of x and h are everybody's, those of dgates each thread's own */
    rr_profile_enter(RR_PHASE_WEIGHT_GRADIENT);
    weight_gradient(p, strips, chunk->rows, d->input_size, rnn->x_strips, p->chunks_before || d->adds_ih,
                    d->pass->weight_ih);
    bias_gradient(p, strips, chunk->rows, rnn->dgates, d->pass->bias_ih);
    if (drecurrent != rnn->dgates)
        rr_strips_pack(chunk->rows, GH, strips.first, strips.end, drecurrent, GH, rnn->dgates_strips);
    weight_gradient(p, strips, chunk->rows, H, rnn->h_strips, p->chunks_before || d->adds_hh, d->pass->weight_hh);
    bias_gradient(p, strips, chunk->rows, drecurrent, d->pass->bias_hh);
    rr_profile_enter(outer);
}

/* The same of all time steps, by shards: strips have their rows in the order of shards. */
static void weight_gradient_by_shards(const worker *p, rr_share strips, size_t width, const float *values_strips,
                                      float *dw) {
    const rr_rnn *rnn = p->d->rnn;
    size_t GH = rnn->spec.cell->gates * rnn->spec.hidden_size, panel = rr_panel_columns();
    size_t rows = p->d->sequence->total, block = RR_RNN_TICK_MACS / (rows * width * panel + 1) + 1;
    for (size_t first = strips.first; first < strips.end; first += block) {
        size_t end = first + block < strips.end ? first + block : strips.end;
        rr_strips_multiply_shards(rows, GH, width, rnn->dgates_strips, values_strips, first * panel, end * panel,
                                  &p->d->shards->strips, rnn->shard_tiles + p->thread * rnn->tile_floats, dw, width);
        rr_hooks_tick(p->hooks);
    }
}

static void bias_gradient_by_shards(const worker *p, rr_share strips, const float *dgates, size_t bias) {
    const rr_rnn *rnn = p->d->rnn;
    size_t GH = rnn->spec.cell->gates * rnn->spec.hidden_size, first = strips.first * rr_panel_columns();
    size_t end = strips.end * rr_panel_columns() < GH ? strips.end * rr_panel_columns() : GH;
    if (bias == (size_t)-1 || first >= end) return;
    rr_shard_rows_bias(p->d->shards, end - first, dgates + first, GH,
                       rnn->shard_bias + p->d->shards->strips.depth * first, rr_param_grad(p->d->params, bias) + first);
}

static void weight_gradients_by_shards(const worker *p) {
    const direction *d = p->d;
    const rr_rnn *rnn = d->rnn;
    const uint32_t *order = d->shards->order;
    size_t H = rnn->spec.hidden_size, GH = rnn->spec.cell->gates * H, rows = d->sequence->total;
    rr_share strips = rr_share_of(rr_strips_count(GH), p->thread, p->threads);
    rr_share x = rr_share_of(rr_strips_count(d->input_size), p->thread, p->threads);
    rr_share h = rr_share_of(rr_strips_count(H), p->thread, p->threads);
    const float *drecurrent = rnn->spec.cell->separate_recurrent ? rnn->drecurrent : rnn->dgates;
    rr_phase outer = rr_profile_enter(RR_PHASE_PACK);
    rr_strips_pack_rows(order, rows, d->input_size, x.first, x.end, d->x, d->input_size, rnn->x_strips);
    rr_strips_pack_rows(order, rows, H, h.first, h.end, d->pass->h_prev, H, rnn->h_strips);
    rr_strips_pack_rows(order, rows, GH, strips.first, strips.end, rnn->dgates, GH, rnn->dgates_strips);
    rr_team_barrier(rnn->spec.team);
    rr_profile_enter(RR_PHASE_WEIGHT_GRADIENT);
    weight_gradient_by_shards(p, strips, d->input_size, rnn->x_strips, rr_param_grad(d->params, d->pass->weight_ih));
    bias_gradient_by_shards(p, strips, rnn->dgates, d->pass->bias_ih);
    if (drecurrent != rnn->dgates)
        rr_strips_pack_rows(order, rows, GH, strips.first, strips.end, drecurrent, GH, rnn->dgates_strips);
    weight_gradient_by_shards(p, strips, H, rnn->h_strips, rr_param_grad(d->params, d->pass->weight_hh));
    bias_gradient_by_shards(p, strips, drecurrent, d->pass->bias_hh);
    rr_profile_enter(outer);
    rr_team_barrier(rnn->spec.team); /* before dgates and the strips are written anew */
}

static void run_share(void *ctx, size_t thread, size_t threads) {
    const direction *d = ctx;
    const rr_sequence *s = d->sequence;
    const rr_rnn *rnn = d->rnn;
    size_t GH = rnn->spec.cell->gates * rnn->spec.hidden_size;
    worker p = {.d = d,
                .hooks = thread == 0 ? d->hooks : NULL,
                .thread = thread,
                .threads = threads,
                .units = rr_rnn_units_of(rnn->spec.hidden_size, thread, threads),
                .dh = rnn->dh,
                .dh_before = rnn->dh_before};
    for (size_t done = 0; done < s->steps;) {
        rr_rnn_chunk chunk = d->reverse ? rr_rnn_chunk_forward(s, done) : rr_rnn_chunk_backward(s, s->steps - done);
        size_t kept = d->shards == NULL ? chunk.first : 0; /* the packed row from which on dgates are kept */
        for (size_t i = 0; i < chunk.end - chunk.begin; i++) {
            time_step(&p, d->reverse ? chunk.begin + i : chunk.end - 1 - i, kept);
            rr_hooks_tick(p.hooks);
        }
        if (d->dx != NULL) {
            float *dx = d->dx + chunk.first * d->input_size;
            rr_phase outer = rr_profile_enter(RR_PHASE_INPUT_GEMM);
            rr_rnn_multiply(&d->pass->input_back, rr_share_of(rr_panels_count(&d->pass->input_back), thread, threads),
                            chunk.rows, rnn->dgates + (chunk.first - kept) * GH, GH, d->add_to_dx ? dx : NULL,
                            d->input_size, dx, d->input_size, p.hooks);
            rr_profile_enter(outer);
        }
        done += chunk.end - chunk.begin;
        p.last_chunk = done == s->steps;
        if (d->shards == NULL) weight_gradients(&p, &chunk);
        p.chunks_before = true;
        rr_team_barrier(rnn->spec.team); /* before dgates and the strips are written anew */
    }
    if (d->shards != NULL) weight_gradients_by_shards(&p);
}

void rr_rnn_backward(rr_rnn *rnn, const rr_params *params, const rr_sequence *sequence, const float *x, float *dy,
                     const float *dstate_out, float *dx, float *dstate, const rr_hooks *hooks) {
    const rr_cell_ops *cell = rnn->spec.cell;
    size_t H = rnn->spec.hidden_size, L = rnn->spec.num_layers, D = rnn->directions, total = sequence->total;
    size_t part = sequence->rows * H, first = sequence->offset[0] * D * H;
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
                           .hooks = hooks,
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
                           .dc_start = dstate != NULL && two ? dstate + c_at : NULL,
                           .adds_ih = rr_param_adds(params, pass->weight_ih),
                           .adds_hh = rr_param_adds(params, pass->weight_hh)};
            d.shards = sequence->shards;
            if (sequence->shards != NULL) rr_shard_rows_chunks(sequence->shards, d.reverse);
            rr_team_run(rnn->spec.team, run_share, &d);
            rr_hooks_ready(hooks, rr_param_end(params, rnn->spec.bias ? pass->bias_hh : pass->weight_hh));
        }
        if (l == 0) break;
        if (rnn->has_dropout)
            rr_dropout_apply(&rnn->dropout, rnn->spec.dropout_layer + (uint32_t)l - 1, rnn->spec.dropout, sequence,
                             D * H, rnn->d_below, rnn->d_below);
        memcpy(dy + first, rnn->d_below + first, total * D * H * sizeof *dy);
    }
}
