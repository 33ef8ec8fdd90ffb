/*
 * From summed gradients to new weights: the norm of the gradients, and the optimiser over the parts of the arenas that
 * this rank owns. Without dist.shard_optimizer these are all parts, and ranks do the same work.
 */
#include <math.h>
#include <string.h>

#include "base/profile.h"
#include "optim/clip.h"
#include "train/run.h"

enum { LINE = 16 }; /* floats of a cache line: shares of threads end between lines */

typedef struct clip {
    rr_run *run;
    double max_value; /* NAN: no limit */
} clip;

/* A thread's share of the pieces of each bucket. */
static void clip_share(void *ctx, size_t thread, size_t threads) {
    const clip *c = ctx;
    const rr_run *run = c->run;
    const rr_params *params = &run->task->params;
    for (size_t b = 0; b < rr_reducer_buckets(run->reducer); b++) {
        rr_owned owned = rr_reducer_owned(run->reducer, b);
        if (owned.begin == owned.end) continue; /* may lie within a piece, which is then another rank's */
        size_t first = owned.begin / RR_CLIP_PIECE;
        rr_share share = rr_share_of(rr_clip_pieces(owned.end) - first, thread, threads);
        size_t begin = (first + share.first) * RR_CLIP_PIECE, end = (first + share.end) * RR_CLIP_PIECE;
        if (end > owned.end) end = owned.end;
        if (!isnan(c->max_value) && begin < end) rr_clip_value(params->grads + begin, end - begin, (float)c->max_value);
        rr_clip_squares(params->grads, params->total, first + share.first, first + share.end, run->squares);
    }
}

rr_status rr_run_clip(rr_run *run, double max_value, double max_norm, double *grad_norm, float *scale, bool *finite) {
    size_t pieces = rr_clip_pieces(run->task->params.total);
    if (rr_reducer_sharded(run->reducer))
        for (size_t i = 0; i < pieces; i++) run->squares[i] = 0;
    rr_team_run(run->team, clip_share, &(clip){run, max_value});
    if (rr_reducer_sharded(run->reducer)) RR_TRY(rr_comm_sum_disjoint(run->comm, run->squares, pieces));
    *finite = rr_clip_norm(run->squares, pieces, max_norm, grad_norm, scale) == RR_OK;
    return RR_OK;
}

typedef struct update {
    rr_run *run;
    rr_owned owned;
    double lr;
    float grad_scale;
} update;

/* Floats [begin, end) of the arena. */
static void update_trained(const update *u, size_t begin, size_t end) {
    rr_run *run = u->run;
    if (begin < end)
        run->optim.ops->update(&run->optim, &run->task->params, run->progress.position.step + 1, u->lr, u->grad_scale,
                               begin, end, u->owned.at + begin - u->owned.begin);
}

/* The same, but for what is frozen. */
static void update_part(const update *u, size_t begin, size_t end) {
    const rr_params *params = &u->run->task->params;
    size_t first = params->frozen_begin < params->frozen_end ? params->frozen_begin : end;
    update_trained(u, begin, first < end ? first : end);
    update_trained(u, params->frozen_end > begin ? params->frozen_end : begin, first < end ? end : 0);
}

static void update_share(void *ctx, size_t thread, size_t threads) {
    const update *u = ctx;
    size_t size = u->owned.end - u->owned.begin;
    rr_share lines = rr_share_of((size + LINE - 1) / LINE, thread, threads);
    size_t first = lines.first * LINE, end = lines.end * LINE < size ? lines.end * LINE : size;
    update_part(u, u->owned.begin + first, u->owned.begin + end);
}

rr_status rr_run_update(rr_run *run, double lr, float grad_scale, rr_reducer_times *times) {
    bool sharded = rr_reducer_sharded(run->reducer);
    const rr_hooks *hooks = rr_reducer_hooks(run->reducer);
    *times = (rr_reducer_times){0};
    if (sharded) rr_reducer_begin_gather(run->reducer, run->task->params.values);
    for (size_t b = 0; b < rr_reducer_buckets(run->reducer); b++) {
        rr_team_run(run->team, update_share, &(update){run, rr_reducer_owned(run->reducer, b), lr, grad_scale});
        if (!sharded) continue;
        rr_hooks_ready(hooks, rr_reducer_bucket_end(run->reducer, b)); /* weights travel while others are computed */
        rr_hooks_tick(hooks);
    }
    rr_profile_enter(RR_PHASE_EXPOSED_COMM);
    if (sharded) RR_TRY(rr_reducer_finish(run->reducer, times));
    rr_profile_enter(RR_PHASE_OTHER);
    rr_params_changed(&run->task->params);
    return RR_OK;
}

rr_status rr_run_gather(rr_run *run, float *arena) {
    rr_reducer_times times;
    if (!rr_reducer_sharded(run->reducer)) return RR_OK;
    rr_reducer_begin_gather(run->reducer, arena);
    return rr_reducer_finish(run->reducer, &times);
}

void rr_run_state_to_arena(const rr_run *run, const float *state, float *arena) {
    for (size_t b = 0; b < rr_reducer_buckets(run->reducer); b++) {
        rr_owned owned = rr_reducer_owned(run->reducer, b);
        memcpy(arena + owned.begin, state + owned.at, (owned.end - owned.begin) * sizeof *arena);
    }
}

void rr_run_arena_to_state(const rr_run *run, const float *arena, float *state) {
    for (size_t b = 0; b < rr_reducer_buckets(run->reducer); b++) {
        rr_owned owned = rr_reducer_owned(run->reducer, b);
        memcpy(state + owned.at, arena + owned.begin, (owned.end - owned.begin) * sizeof *state);
    }
}
