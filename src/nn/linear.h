/* y = x W^T + b, as torch.nn.Linear; the weight may be another layer's (tied to an embedding). */
#ifndef RR_NN_LINEAR_H
#define RR_NN_LINEAR_H

#include <stdbool.h>

#include "base/hooks.h"
#include "math/panels.h"
#include "math/team.h"
#include "nn/params.h"
#include "nn/shard_rows.h"

typedef struct rr_linear {
    size_t in_size, out_size;
    size_t weight; /* index of the parameter [out_size, in_size] */
    size_t bias;   /* index, or (size_t)-1 */
    /* What plan took. In training the weight changes every step and is packed a chunk at a time, each time it is used;
     * without training it is packed once. */
    rr_team *team;
    bool training;
    size_t forward_chunk, backward_chunk; /* outputs */
    rr_panels forward;                    /* [in_size, forward_chunk]: y = x W^T; in training one for each thread */
    rr_panels backward;                   /* [backward_chunk, in_size]: dx = dy W; every thread has its columns */
    float *x_strips;                      /* [rows, in_size] packed */
    float *dy_strips;                     /* [rows, backward_chunk] packed, one for each thread */
    size_t forward_floats, dy_floats;     /* from those of a thread to those of the next */
    float *shard_tiles, *shard_bias;      /* scratch of backward by shards, for each thread; NULL without */
    size_t tile_floats, bias_floats;      /* from those of a thread to those of the next */
    uint64_t packed_version;              /* of the parameters, without training */
} rr_linear;

/** Adds "<prefix>.weight" (unless tied_weight is a parameter's index; (size_t)-1 for none) and "<prefix>.bias" if
 * has_bias. */
rr_status rr_linear_declare(rr_linear *linear, rr_params *params, const char *prefix, size_t in_size, size_t out_size,
                            bool has_bias, size_t tied_weight);

/**
 * Takes working memory for up to max_rows rows at a time. Call on a measuring arena, then on the real one. The team
 * (NULL: the caller alone) is borrowed; results are the same bits for any number of threads.
 */
void rr_linear_plan(rr_linear *linear, rr_arena *arena, rr_team *team, size_t max_rows, bool training);

/** y [rows, out_size] from x [rows, in_size], both contiguous. */
void rr_linear_forward(rr_linear *linear, const rr_params *params, size_t rows, const float *x, float *y,
                       const rr_hooks *hooks);

/**
 * Adds to the gradients of weight and bias; dx [rows, in_size] (+= if accumulate) unless NULL. last: no more is added
 * to these gradients in this step, so it says ready as they are finished, before it turns to dx; else only tick.
 */
void rr_linear_backward(rr_linear *linear, const rr_params *params, size_t rows, const float *x, const float *dy,
                        bool accumulate, float *dx, bool last, const rr_hooks *hooks);

/** After plan: memory for backward by shards, at most so many. */
void rr_linear_plan_shards(rr_linear *linear, rr_arena *arena, size_t max_shards);
/** The only backward pass of these gradients in a step: they are overwritten, added by shards. */
void rr_linear_backward_shards(rr_linear *linear, const rr_params *params, size_t rows, const float *x, const float *dy,
                               rr_shard_rows *shards, float *dx, const rr_hooks *hooks);

#endif
