/*
 * Back-propagation through time, in chunks of time steps: one recurrent product a step, then the gradient of the input
 * from the chunk. The gradients of the weights are made of several chunks together, up to a thousand rows, as each
 * piece of a weight then goes through memory once. In the last group each piece is said to be ready as soon as it is:
 * its sum over ranks then hides behind the rest.
 *
 * What comes when at the end of a layer: input weights, gradient of the input, recurrent weights. The products of the
 * input weights keep the link busy while that gradient is computed, on which the layers below wait; those of the
 * recurrent weights, in the lowest layer, hide the embedding, whose gradient is many bytes and no products.
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
    bool adds_ih, adds_hh;        /* to the gradients of the weights, already in the first group */
    bool leaves_rest;             /* the recurrent weights wait for rr_rnn_backward_rest */
    const rr_shard_rows *shards;  /* by which they are added; NULL: chunk by chunk */
} direction;

/* Chunks from which the gradients of the weights are made together: packed rows [first, first + rows). */
typedef struct group {
    size_t first, rows, count;
    rr_strip_piece chunks[RR_RNN_GROUP_ROWS / RR_RNN_CHUNK_ROWS + 1]; /* in the order in which they are added */
    bool is_last;                                                     /* what one thread finishes is final */
} group;

/* One thread's part of it. */
typedef struct worker {
    const direction *d;
    const rr_hooks *hooks; /* of thread 0 */
    size_t thread, threads;
    rr_rnn_units units;
    size_t running;        /* rows for which dh holds what came back through the step after */
    float *dh, *dh_before; /* [rows, H]; they change places after each step */
} worker;

/* Gradients of the gates of step t, in the place of the gates, and from them dh of the step before. */
static void time_step(worker *p, size_t t) {
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
    float *gates = d->pass->gates + at * GH;
    float *recurrent = d->pass->recurrent_part != NULL ? d->pass->recurrent_part + at * GH : gates;
    rr_cell_step step = {.rows = rows,
                         .H = H,
                         .first = units->first,
                         .end = units->end,
                         .gates = gates,
                         .recurrent = recurrent,
                         .h_prev = d->pass->h_prev + at * H,
                         .c_prev = d->pass->c_prev != NULL ? d->pass->c_prev + at * H : NULL,
                         .extra = d->pass->extra + at * cell->extra * H,
                         .dh = p->dh,
                         .dc = rnn->dc,
                         .dgates = gates,
                         .drecurrent = recurrent,
                         .dh_prev = p->dh_before};
    cell->backward(&step);
    rr_team_barrier(rnn->spec.team); /* the product needs the gradients of all units */
    rr_profile_enter(RR_PHASE_RECURRENT_BACKWARD);
    rr_panels_multiply(&d->pass->recurrent_back, units->panels.first, units->panels.end, rows, recurrent, GH,
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

/* The gradient of the input from a chunk. */
static void input_gradient(const worker *p, const rr_rnn_chunk *chunk) {
    const direction *d = p->d;
    size_t GH = d->rnn->spec.cell->gates * d->rnn->spec.hidden_size;
    if (d->dx == NULL) return;
    float *dx = d->dx + chunk->first * d->input_size;
    rr_phase outer = rr_profile_enter(RR_PHASE_INPUT_GEMM);
    rr_rnn_multiply(&d->pass->input_back, rr_share_of(rr_panels_count(&d->pass->input_back), p->thread, p->threads),
                    chunk->rows, d->pass->gates + chunk->first * GH, GH, d->add_to_dx ? dx : NULL, d->input_size, dx,
                    d->input_size, p->hooks);
    rr_profile_enter(outer);
}

static rr_rnn_chunk next_chunk(const direction *d, size_t done) {
    return d->reverse ? rr_rnn_chunk_forward(d->sequence, done)
                      : rr_rnn_chunk_backward(d->sequence, d->sequence->steps - done);
}

/* Adds the next chunk to a group. */
static void extend(const direction *d, group *g, const rr_rnn_chunk *chunk) {
    g->first = g->rows == 0 || chunk->first < g->first ? chunk->first : g->first;
    g->rows += chunk->rows;
    if (d->shards == NULL) g->chunks[g->count++] = (rr_strip_piece){chunk->first, chunk->first + chunk->rows};
}

/* Whether a group is complete when `rows` of all are done: groups are of about the same size. */
static bool is_complete(const direction *d, size_t number, size_t rows) {
    size_t total = d->sequence->total, groups = (total + RR_RNN_GROUP_ROWS - 1) / RR_RNN_GROUP_ROWS;
    return d->shards == NULL ? rows * groups >= total * (number + 1) : rows == total;
}

/* One of the two weights of a direction: dw [GH, width] += dgates^T values. */
typedef struct factors {
    size_t weight, bias, width;
    const float *values; /* [total, width] */
    const float *dgates; /* [total, GH] */
    bool adds;           /* to what is in dw already */
} factors;

static factors factors_ih(const direction *d, bool groups_before) {
    return (factors){.weight = d->pass->weight_ih,
                     .bias = d->pass->bias_ih,
                     .width = d->input_size,
                     .values = d->x,
                     .dgates = d->pass->gates,
                     .adds = groups_before || d->adds_ih};
}

static factors factors_hh(const direction *d, bool groups_before) {
    return (factors){.weight = d->pass->weight_hh,
                     .bias = d->pass->bias_hh,
                     .width = d->rnn->spec.hidden_size,
                     .values = d->pass->h_prev,
                     .dgates = d->pass->recurrent_part != NULL ? d->pass->recurrent_part : d->pass->gates,
                     .adds = groups_before || d->adds_hh};
}

/* Strips [first, end) of what a group's rows have of x [total, columns], by shards in their order. */
static void pack(const direction *d, const group *g, size_t columns, size_t first, size_t end, const float *x,
                 size_t ldx, float *strips) {
    rr_phase outer = rr_profile_enter(RR_PHASE_PACK);
    if (d->shards != NULL)
        rr_strips_pack_rows(d->shards->order, g->rows, columns, first, end, x, ldx, strips);
    else
        rr_strips_pack(g->rows, columns, first, end, x + g->first * ldx, ldx, strips);
    rr_profile_enter(outer);
}

/* Rows [first, first + count) of a weight's gradient, and columns [from, to). Chunk by chunk, or by shards the pieces
 * that they have of it. */
static void multiply(const worker *p, const group *g, const factors *f, size_t first, size_t count, size_t from,
                     size_t to) {
    const direction *d = p->d;
    const rr_rnn *rnn = d->rnn;
    const float *dgates = rnn->block_strips + p->thread * rnn->block_floats;
    const float *values = rnn->values_strips + from * g->rows;
    float *dw = rr_param_grad(d->params, f->weight) + first * f->width + from;
    if (d->shards != NULL)
        rr_strips_multiply_shards(g->rows, count, to - from, dgates, values, 0, count, &d->shards->strips,
                                  rnn->shard_tiles + p->thread * rnn->tile_floats, dw, f->width);
    for (size_t i = 0; i < g->count; i++) {
        rr_strip_piece chunk = {g->chunks[i].begin - g->first, g->chunks[i].end - g->first};
        rr_strips_multiply_piece(chunk, g->rows, count, to - from, dgates, values, 0, count, f->adds || i > 0, dw,
                                 f->width);
    }
}

static void bias_gradient(const worker *p, const group *g, const factors *f, size_t first, size_t count) {
    const direction *d = p->d;
    size_t GH = d->rnn->spec.cell->gates * d->rnn->spec.hidden_size;
    const float *dgates = f->dgates + first;
    if (f->bias == (size_t)-1) return;
    float *bias = rr_param_grad(d->params, f->bias) + first;
    if (d->shards != NULL)
        rr_shard_rows_bias(d->shards, count, dgates, GH, d->rnn->shard_bias + d->shards->strips.depth * first, bias);
    for (size_t i = 0; i < g->count; i++)
        rr_bias_backward(g->chunks[i].end - g->chunks[i].begin, count, dgates + g->chunks[i].begin * GH, GH, bias);
}

/* Rows [first, first + count) of both. */
static void gradient_of_rows(const worker *p, const group *g, const factors *f, size_t first, size_t count) {
    const rr_rnn *rnn = p->d->rnn;
    size_t GH = rnn->spec.cell->gates * rnn->spec.hidden_size;
    size_t columns = RR_RNN_TICK_MACS / (g->rows * count + 1) / RR_RNN_BLOCK_COLUMNS * RR_RNN_BLOCK_COLUMNS;
    if (columns == 0) columns = RR_RNN_BLOCK_COLUMNS;
    pack(p->d, g, count, 0, SIZE_MAX, f->dgates + first, GH, rnn->block_strips + p->thread * rnn->block_floats);
    bias_gradient(p, g, f, first, count);
    for (size_t from = 0; from < f->width; from += columns) {
        multiply(p, g, f, first, count, from, from + columns < f->width ? from + columns : f->width);
        rr_hooks_tick(p->hooks);
    }
}

/* What a group adds to one of the weights: this thread's rows of it, some at a time. In the last group they are final.
 */
static void weight_gradient(const worker *p, const group *g, const factors *f) {
    const direction *d = p->d;
    const rr_rnn *rnn = d->rnn;
    size_t GH = rnn->spec.cell->gates * rnn->spec.hidden_size, panel = rr_panel_columns();
    rr_share strips = rr_share_of(rr_strips_count(GH), p->thread, p->threads);
    rr_share values = rr_share_of(rr_strips_count(f->width), p->thread, p->threads);
    size_t block = RR_RNN_BLOCK_ROWS / panel;
    pack(d, g, f->width, values.first, values.end, f->values, f->width, rnn->values_strips);
    rr_team_barrier(rnn->spec.team); /* the strips of the values are everybody's, those of dgates each thread's own */
    rr_phase outer = rr_profile_enter(RR_PHASE_WEIGHT_GRADIENT);
    for (size_t first = strips.first; first < strips.end; first += block) {
        size_t end = first + block < strips.end ? first + block : strips.end;
        size_t written = end * panel < GH ? end * panel : GH;
        gradient_of_rows(p, g, f, first * panel, written - first * panel);
        if (g->is_last && p->threads == 1)
            rr_hooks_ready(p->hooks, d->params->items[f->weight].offset + written * f->width);
    }
    rr_profile_enter(outer);
    rr_team_barrier(rnn->spec.team); /* before the strips are written anew */
}

static worker worker_of(const direction *d, size_t thread, size_t threads) {
    return (worker){.d = d,
                    .hooks = thread == 0 ? d->hooks : NULL,
                    .thread = thread,
                    .threads = threads,
                    .units = rr_rnn_units_of(d->rnn->spec.hidden_size, thread, threads),
                    .dh = d->rnn->dh,
                    .dh_before = d->rnn->dh_before};
}

static void run_share(void *ctx, size_t thread, size_t threads) {
    const direction *d = ctx;
    worker p = worker_of(d, thread, threads);
    for (size_t number = 0, done = 0, rows = 0; done < d->sequence->steps; number++) {
        group g = {.first = 0};
        rr_rnn_chunk chunk;
        do {
            chunk = next_chunk(d, done);
            for (size_t i = 0; i < chunk.end - chunk.begin; i++) {
                time_step(&p, d->reverse ? chunk.begin + i : chunk.end - 1 - i);
                rr_hooks_tick(p.hooks);
            }
            extend(d, &g, &chunk);
            done += chunk.end - chunk.begin;
            rows += chunk.rows;
            g.is_last = done == d->sequence->steps;
            if (!g.is_last) input_gradient(&p, &chunk);
        } while (!is_complete(d, number, rows));
        factors ih = factors_ih(d, number > 0), hh = factors_hh(d, number > 0);
        weight_gradient(&p, &g, &ih);
        if (g.is_last) input_gradient(&p, &chunk);
        if (!g.is_last || !d->leaves_rest) weight_gradient(&p, &g, &hh);
    }
}

/* The recurrent weights from the last group. */
static void run_rest(void *ctx, size_t thread, size_t threads) {
    const direction *d = ctx;
    worker p = worker_of(d, thread, threads);
    group g = {.is_last = true};
    size_t number = 0;
    for (size_t done = 0, rows = 0; done < d->sequence->steps;) {
        rr_rnn_chunk chunk = next_chunk(d, done);
        extend(d, &g, &chunk);
        done += chunk.end - chunk.begin;
        rows += chunk.rows;
        if (done == d->sequence->steps || !is_complete(d, number, rows)) continue;
        g = (group){.is_last = true};
        number++;
    }
    factors hh = factors_hh(d, number > 0);
    weight_gradient(&p, &g, &hh);
}

static void tell_ready(const rr_rnn *rnn, const rr_rnn_pass *pass, const rr_params *params, const rr_hooks *hooks) {
    rr_hooks_ready(hooks, rr_param_end(params, rnn->spec.bias ? pass->bias_hh : pass->weight_hh));
}

void rr_rnn_backward_input(rr_rnn *rnn, const rr_params *params, const rr_sequence *sequence, const float *x, float *dy,
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
            bool rest_follows = l == 0 && side + 1 == D;
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
                           .adds_hh = rr_param_adds(params, pass->weight_hh),
                           .leaves_rest = rest_follows,
                           .shards = sequence->shards};
            if (sequence->shards != NULL) rr_shard_rows_chunks(sequence->shards, d.reverse);
            rr_team_run(rnn->spec.team, run_share, &d);
            if (rest_follows)
                rnn->rest_adds = d.adds_hh;
            else
                tell_ready(rnn, pass, params, hooks);
        }
        if (l == 0) break;
        if (rnn->has_dropout)
            rr_dropout_apply(&rnn->dropout, rnn->spec.dropout_layer + (uint32_t)l - 1, rnn->spec.dropout, sequence,
                             D * H, rnn->d_below, rnn->d_below);
        memcpy(dy + first, rnn->d_below + first, total * D * H * sizeof *dy);
    }
}

void rr_rnn_backward_rest(rr_rnn *rnn, const rr_params *params, const rr_sequence *sequence, const rr_hooks *hooks) {
    const rr_rnn_pass *pass = &rnn->layers[0].pass[rnn->directions - 1];
    direction d = {.rnn = rnn,
                   .pass = pass,
                   .params = params,
                   .sequence = sequence,
                   .hooks = hooks,
                   .reverse = rnn->directions == 2,
                   .adds_hh = rnn->rest_adds,
                   .shards = sequence->shards};
    if (sequence->shards != NULL) rr_shard_rows_chunks(sequence->shards, d.reverse);
    rr_team_run(rnn->spec.team, run_rest, &d);
    tell_ready(rnn, pass, params, hooks);
}

void rr_rnn_backward(rr_rnn *rnn, const rr_params *params, const rr_sequence *sequence, const float *x, float *dy,
                     const float *dstate_out, float *dx, float *dstate, const rr_hooks *hooks) {
    rr_rnn_backward_input(rnn, params, sequence, x, dy, dstate_out, dx, dstate, hooks);
    rr_rnn_backward_rest(rnn, params, sequence, hooks);
}
