#include "train/footprint.h"

#include "train/by_rows.h"
#include "train/gradients.h"

/* What the gradient of an embedding needs that goes as rows: at most `tokens` of them, in the global batch. */
static void add_row_sums(rr_row_way way, const rr_param *param, size_t tokens, size_t ranks, rr_footprint *sizes) {
    double height = (double)param->dims[0], row = (double)(param->dims[1] + 1), all = (double)tokens;
    double gathered = way == RR_ROWS_BY_OWNER && all > height ? height : all, mine = all / (double)ranks + 1;
    sizes->row_floats += gathered * row;
    /* a slot of each rank, or of each owner; before that, what goes to owners and comes to this one */
    double floats = (gathered + (double)ranks) * row;
    if (way == RR_ROWS_BY_OWNER) floats += (mine + gathered + (double)ranks) * (row + 1);
    if (ranks > 1) sizes->row_sums += floats * sizeof(float);
}

/* As listed, where the list is for so many ranks; else evenly, for nobody knows how fast they are. */
static rr_status share_shards(const rr_dist_config *dist, size_t ranks, rr_shard_parts *out) {
    const rr_sizes *listed = &dist->shards_per_rank.sizes;
    if (listed->count == ranks) return rr_shard_parts_of_counts(listed->values, ranks, 0, out);
    return rr_shard_parts_create(dist->logical_shards, ranks, 0, out);
}

/* The last of those with the most. */
static size_t rank_with_most(const rr_shard_parts *parts) {
    size_t most = 0;
    for (size_t rank = 1; rank < parts->ranks; rank++)
        if (parts->first[rank + 1] - parts->first[rank] >= parts->first[most + 1] - parts->first[most]) most = rank;
    return most;
}

/* Arenas of gradients and rows of the rank that has the most: with even shares the last has as many as any. */
static rr_status plan_gradients(const rr_settings *settings, rr_task *task, size_t ranks, rr_footprint *sizes,
                                size_t *rows) {
    rr_gradients_spec spec = {.rows = settings->train.global_batch_size,
                              .micro_rows = settings->train.micro_batch_size,
                              .ranks = ranks,
                              .shared = 1};
    rr_shard_parts parts = {.first = NULL};
    size_t rank = ranks - 1;
    if (settings->dist.logical_shards > 0) {
        RR_TRY(share_shards(&settings->dist, ranks, &parts));
        rank = rank_with_most(&parts);
        spec.shared = rr_shard_parts_most(&parts);
        spec.parts = &parts;
    }
    rr_gradients sums;
    task->shards = settings->dist.logical_shards;
    rr_status status = rr_gradients_plan(&spec, task, rank, &sums);
    *rows = sums.end - sums.begin;
    sizes->micro_rows = sums.call_rows;
    sizes->gradients = (double)(sums.shared + sums.extra) * sizes->parameters;
    rr_gradients_free(&sums);
    rr_shard_parts_free(&parts);
    return status;
}

rr_status rr_footprint_of(const rr_settings *settings, rr_task *task, size_t ranks, size_t nodes, rr_footprint *out) {
    const rr_params *params = &task->params;
    size_t bytes = params->total * sizeof(float), rows;
    rr_footprint sizes = {.parameters = (double)bytes};
    RR_TRY(plan_gradients(settings, task, ranks, &sizes, &rows));
    sizes.states = rr_optims[settings->optim.type]->states(&settings->optim);
    rr_arena measure = {0};
    task->ops->plan(task, &measure, sizes.micro_rows, 0, rows, true);
    sizes.activations = (double)measure.used;
    bool sharded = settings->dist.shard_optimizer && ranks > 1;
    sizes.optimiser = (double)(bytes * sizes.states) / (sharded ? (double)ranks : 1);
    sizes.optimiser_saved = sharded ? (double)(bytes * sizes.states) : 0;
    size_t first = rr_by_rows_first(settings, task, ranks, nodes), tokens = rr_by_rows_most(settings, task, ranks);
    for (size_t i = 0; i < first; i++) sizes.dense_floats += (double)params->items[i].count;
    for (size_t i = first; i < params->count; i++)
        add_row_sums(rr_by_rows_way(settings, task, &params->items[i], ranks, nodes), &params->items[i], tokens, ranks,
                     &sizes);
    sizes.sent_floats = (2 * sizes.dense_floats + sizes.row_floats) * (double)(ranks - 1) / (double)ranks;
    sizes.total = sizes.parameters + sizes.gradients + sizes.optimiser + sizes.activations + sizes.row_sums;
    size_t carried = task->ops->carry_size(task) * settings->train.global_batch_size;
    sizes.checkpoint =
        sizeof(float) * ((double)rr_params_scalars(params) * (double)(1 + sizes.states) + (double)carried);
    *out = sizes;
    return RR_OK;
}
