#include "train/gradients.h"

#include <stdlib.h>
#include <string.h>

#include "base/profile.h"
#include "math/pointwise.h"

enum { TILE = 4096 }; /* floats that are added to all arenas below before the next: they stay in the first cache */

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

static size_t first_row_of_shard(size_t rows, size_t shards, size_t shard) { return rows * shard / shards; }

size_t rr_gradients_first_row(const rr_gradients *gradients, size_t rank) {
    if (gradients->shards == 0) return gradients->batch * rank / gradients->ranks;
    return first_row_of_shard(gradients->batch, gradients->shards, gradients->parts.first[rank]);
}

void rr_gradients_free(rr_gradients *gradients) {
    size_t arenas = gradients->shared + gradients->extra;
    for (size_t a = 1; gradients->rows != NULL && a < arenas; a++)
        for (size_t i = 0; i < RR_REDUCER_ROW_SUMS; i++) rr_row_list_free(gradients->rows[a][i]);
    free(gradients->rows);
    free(gradients->groups);
    rr_arena_release(&gradients->memory);
    rr_shard_parts_free(&gradients->parts);
    *gradients = (rr_gradients){0};
}

/* While groups are found: how rows may be taken together. */
typedef struct grouping {
    size_t rows, shards; /* of the global batch */
    size_t together;     /* rows of several shards, at most */
    size_t call_rows;    /* 0: a group is one call */
} grouping;

static size_t rows_of(const grouping *g, rr_tree_node node) {
    return first_row_of_shard(g->rows, g->shards, node.end) - first_row_of_shard(g->rows, g->shards, node.first);
}

/* Counts, or lists in nodes, the groups of a node of the tree. */
static size_t divide(const grouping *g, rr_tree_node node, rr_tree_node *nodes) {
    if (node.end - node.first == 1 || rows_of(g, node) <= g->together) {
        if (nodes != NULL) *nodes = node;
        return 1;
    }
    rr_tree_node left, right;
    rr_tree_split(node, &left, &right);
    size_t count = divide(g, left, nodes);
    return count + divide(g, right, nodes != NULL ? nodes + count : NULL);
}

static rr_status add_group(rr_gradients *gradients, rr_row_group group) {
    rr_row_group *groups = realloc(gradients->groups, (gradients->group_count + 1) * sizeof *groups);
    if (groups == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the rows of a step");
    gradients->groups = groups;
    groups[gradients->group_count++] = group;
    if (group.call_rows > gradients->call_rows) gradients->call_rows = group.call_rows;
    return RR_OK;
}

/* The groups of whole node `number` of this rank's run. The first goes into the arena of that number, others into extra
 * ones, of which as many are in use at a time as the tree is deep. */
static rr_status add_node(rr_gradients *gradients, const grouping *g, rr_tree_node node, size_t number) {
    size_t count = divide(g, node, NULL), top = 0;
    rr_tree_node *nodes = malloc(count * sizeof *nodes);
    rr_tree_sum sum = {0};
    rr_status status = nodes != NULL ? RR_OK : rr_fail(RR_ERR_NOMEM, "no memory for the rows of a step");
    if (status == RR_OK && nodes != NULL) {
        divide(g, node, nodes);
        status = rr_tree_sum_create(g->shards, nodes, count, &sum);
    }
    for (size_t i = 0; i < count && status == RR_OK && nodes != NULL; i++) {
        size_t begin = first_row_of_shard(g->rows, g->shards, nodes[i].first), rows = rows_of(g, nodes[i]);
        size_t arena = top == 0 ? number : gradients->shared + top - 1;
        status = add_group(gradients, (rr_row_group){.begin = begin,
                                                     .end = begin + rows,
                                                     .call_rows = g->call_rows > 0 ? smaller(g->call_rows, rows) : rows,
                                                     .arena = arena,
                                                     .merges = sum.merges[i],
                                                     .bottom = number});
        top += 1 - sum.merges[i];
        if (sum.depth - 1 > gradients->extra) gradients->extra = sum.depth - 1;
    }
    rr_tree_sum_free(&sum);
    free(nodes);
    return status;
}

static rr_status plan_shards(const rr_gradients_spec *spec, const rr_task *task, size_t rank, rr_gradients *out) {
    rr_tree_node nodes[RR_TREE_NODES];
    size_t most = (spec->rows + out->shards - 1) / out->shards, micro = spec->micro_rows; /* most: of one shard */
    size_t together = task->ops->rows_together != NULL ? task->ops->rows_together(task) : 0;
    grouping g = {.rows = spec->rows, .shards = out->shards, .together = together};
    if (micro > 0) g.together = micro < most ? 0 : smaller(together, micro);
    if (micro > 0 && micro < most) g.call_rows = micro;
    size_t count = rr_shard_parts_nodes(&out->parts, rank, nodes);
    for (size_t i = 0; i < count; i++) RR_TRY(add_node(out, &g, nodes[i], i));
    return RR_OK;
}

rr_status rr_gradients_plan(const rr_gradients_spec *spec, const rr_task *task, size_t rank, rr_gradients *out) {
    *out = (rr_gradients){.batch = spec->rows, .ranks = spec->ranks, .call_rows = 1, .shared = spec->shared};
    if (spec->parts != NULL) {
        RR_TRY(rr_shard_parts_copy(spec->parts, &out->parts));
        out->shards = spec->parts->shards;
    }
    out->begin = rr_gradients_first_row(out, rank);
    out->end = rr_gradients_first_row(out, rank + 1);
    if (out->shards > 0) return plan_shards(spec, task, rank, out);
    size_t mine = out->end - out->begin;
    if (mine == 0) return RR_OK;
    return add_group(out, (rr_row_group){.begin = out->begin,
                                         .end = out->end,
                                         .call_rows = spec->micro_rows > 0 ? smaller(spec->micro_rows, mine) : mine});
}

size_t rr_gradients_floats(const rr_gradients *gradients, size_t total) { return gradients->shared * total; }

rr_status rr_gradients_reserve(rr_gradients *gradients, rr_params *params, size_t first_by_rows) {
    size_t arenas = gradients->shared + gradients->extra;
    gradients->params = params;
    gradients->first = params->grads;
    gradients->stride = gradients->parts.stride = params->total;
    gradients->first_by_rows = first_by_rows;
    gradients->rows = calloc(arenas, sizeof *gradients->rows);
    if (gradients->rows == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the lists of rows");
    for (size_t i = first_by_rows; i < params->count; i++) {
        gradients->rows[0][i - first_by_rows] = params->items[i].rows;
        for (size_t a = 1; a < arenas; a++)
            RR_TRY(rr_row_list_create(params->items[i].dims[0], &gradients->rows[a][i - first_by_rows]));
    }
    return rr_arena_reserve(gradients->extra * gradients->stride * sizeof(float), &gradients->memory);
}

static float *arena_of(const rr_gradients *gradients, size_t index) {
    if (index < gradients->shared) return gradients->first + index * gradients->stride;
    return (float *)(void *)gradients->memory.base + (index - gradients->shared) * gradients->stride;
}

/* What layers write from now on goes there. */
static void use(const rr_gradients *gradients, size_t index) {
    rr_params *params = gradients->params;
    params->grads = arena_of(gradients, index);
    for (size_t i = gradients->first_by_rows; i < params->count; i++)
        params->items[i].rows = gradients->rows[index][i - gradients->first_by_rows];
}

/* The arena that is `below` that of a group: the one before in the order of use. */
static size_t arena_below(const rr_gradients *gradients, const rr_row_group *group, size_t below) {
    size_t depth = group->arena < gradients->shared ? 0 : group->arena - gradients->shared + 1;
    return below == depth ? group->bottom : gradients->shared + depth - below - 1;
}

/* Floats [begin, end) of the group's arena are added to those below it. */
static void merge_floats(const rr_gradients *gradients, const rr_row_group *group, size_t begin, size_t end) {
    for (size_t at = begin; at < end && group->merges > 0; at += TILE) {
        const float *from = arena_of(gradients, group->arena);
        for (size_t m = 1; m <= group->merges; m++) {
            float *to = arena_of(gradients, arena_below(gradients, group, m));
            rr_axpy(smaller(end - at, TILE), 1.0f, from + at, to + at);
            from = to;
        }
    }
}

/* The rows of a parameter that an arena lists go to another, and are cleared. */
static void merge_rows_of(const rr_gradients *gradients, size_t index, size_t from, size_t to) {
    const rr_param *param = &gradients->params->items[index];
    rr_row_list *rows = gradients->rows[from][index - gradients->first_by_rows];
    size_t width = param->count / param->dims[0];
    float *source = arena_of(gradients, from) + param->offset, *sum = arena_of(gradients, to) + param->offset;
    for (size_t i = 0; i < rows->count; i++) {
        size_t row = (size_t)rows->numbers[i];
        rr_axpy(width, 1.0f, source + row * width, sum + row * width);
        rr_row_list_add(gradients->rows[to][index - gradients->first_by_rows], row);
    }
    rr_row_list_clear(rows, source, width);
}

static void merge_rows(const rr_gradients *gradients, const rr_row_group *group) {
    for (size_t m = 1, from = group->arena; m <= group->merges; m++) {
        size_t to = arena_below(gradients, group, m);
        for (size_t i = gradients->first_by_rows; i < gradients->params->count; i++)
            merge_rows_of(gradients, i, from, to);
        from = to;
    }
}

/* Floats that are not listed by rows. */
static size_t dense(const rr_gradients *gradients) {
    const rr_params *params = gradients->params;
    return gradients->first_by_rows < params->count ? params->items[gradients->first_by_rows].offset : params->total;
}

static void merge_until(rr_gradients *gradients, size_t end) {
    rr_phase outer = rr_profile_enter(RR_PHASE_WEIGHT_GRADIENT);
    size_t all = dense(gradients);
    if (gradients->merged < smaller(end, all)) {
        merge_floats(gradients, gradients->merging, gradients->merged, smaller(end, all));
        gradients->merged = smaller(end, all);
    }
    rr_profile_enter(outer);
}

/* The last group of all tells what is ready when that is added to the arenas below; rows by themselves at the end. */
static void ready(void *ctx, size_t end) {
    rr_gradients *gradients = ctx;
    merge_until(gradients, end);
    rr_hooks_ready(gradients->outer, smaller(end, gradients->merged));
}

static void tick(void *ctx) {
    const rr_gradients *gradients = ctx;
    rr_hooks_tick(gradients->outer);
}

static rr_status compute_group(rr_gradients *gradients, const rr_row_group *group, rr_task *task, float scale,
                               const rr_dropout *dropout, const rr_hooks *last_hooks, const rr_hooks *tick_hooks,
                               double *loss) {
    for (size_t begin = group->begin; begin < group->end; begin += group->call_rows) {
        size_t end = smaller(begin + group->call_rows, group->end);
        double part;
        RR_TRY(task->ops->train(task, begin, end, scale, dropout, end == group->end ? last_hooks : tick_hooks, &part));
        *loss += part;
    }
    rr_params_settle_grads(gradients->params);
    merge_until(gradients, SIZE_MAX);
    merge_rows(gradients, group);
    return RR_OK;
}

rr_status rr_gradients_compute(rr_gradients *gradients, rr_task *task, float scale, const rr_dropout *dropout,
                               rr_reducer *reducer, double *loss) {
    const rr_hooks *ticks = rr_reducer_tick_hooks(reducer);
    rr_status status = RR_OK;
    *loss = 0;
    gradients->hooks = (rr_hooks){.ready = ready, .tick = tick, .ctx = gradients};
    gradients->outer = rr_reducer_hooks(reducer);
    if (gradients->group_count == 0) { /* no rows: the sum of the others comes here */
        rr_params_clear_grads(gradients->params);
        rr_params_settle_grads(gradients->params);
    }
    for (size_t i = 0; i < gradients->group_count && status == RR_OK; i++) {
        const rr_row_group *group = &gradients->groups[i];
        const rr_hooks *last = group->merges > 0 ? &gradients->hooks : gradients->outer;
        if (gradients->shards > 0) use(gradients, group->arena);
        gradients->merging = group;
        gradients->merged = 0;
        rr_params_clear_grads(gradients->params);
        status = compute_group(gradients, group, task, scale, dropout, i + 1 < gradients->group_count ? ticks : last,
                               ticks, loss);
    }
    if (gradients->shards > 0) use(gradients, 0);
    return status;
}
