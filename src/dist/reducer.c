#include "dist/reducer.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "dist/allreduces.h"
#include "dist/comm_private.h"

/* Sums under way at once. More would hide more latency, but every tick asks for each of them. */
enum { SLOTS = 8 };

typedef struct grad_bucket {
    size_t begin, count; /* floats of the arena */
    size_t algorithm;    /* index in rr_allreduces */
    rr_owned owned;
} grad_bucket;

/*
 * Buckets [first, end) start in index order, on all ranks alike; bucket b uses slot b % SLOTS. first <= finished <=
 * started <= ready <= end. There are two such lines, as the tail may be ready before what lies below it.
 */
typedef struct bucket_line {
    size_t first, end;
    size_t ready, started, finished; /* finished: all below it are */
    bool done[SLOTS];
    rr_allreduce **operations; /* [SLOTS, rr_allreduce_count]; NULL where no bucket needs one */
} bucket_line;

enum { BODY, TAIL, LINES };

struct rr_reducer {
    rr_comm *comm;
    float *grads; /* [count] */
    size_t dense, tail, unit;
    bool sharded;
    const rr_shard_parts *parts; /* NULL: sums are those of the ranks, in an order that the algorithm has */
    rr_sum_rows *row_sums[RR_REDUCER_ROW_SUMS]; /* of what lies behind `dense` */
    size_t row_sum_count, row_sums_started, row_sums_done;
    grad_bucket *buckets;
    size_t bucket_count;
    bucket_line lines[LINES];
    rr_exchange exchange;        /* under way, */
    float *arena;                /* on this */
    rr_status status;            /* the first failure, kept for finish: hooks return nothing */
    bool busy;                   /* something is under way, */
    double busy_since_s, busy_s; /* since when, and how long before that in this exchange */

    rr_hooks hooks, tick_hooks;
    void (*on_tick)(void *ctx);
    void *on_tick_ctx;
};

/*
 * Cuts the arena into buckets of whole units, but for the last of each kind; out may be NULL to count them. A bucket
 * closes at the first cut at or beyond target floats, or, where the parameter that ends there is itself larger, is
 * divided into equal parts of about target at most.
 */
static size_t cut_buckets(const rr_reducer *reducer, const size_t *cuts, size_t cut_count, size_t target,
                          grad_bucket *out) {
    size_t count = 0, begin = 0, unit = reducer->unit;
    for (size_t i = 0; i < cut_count; i++) {
        bool last = i + 1 == cut_count || cuts[i] == reducer->dense || cuts[i] == reducer->tail;
        size_t end = last ? cuts[i] : cuts[i] / unit * unit, size = end > begin ? end - begin : 0;
        size_t parameter = cuts[i] - (i > 0 ? cuts[i - 1] : 0);
        if (size == 0 || (size < target && !last)) continue;
        size_t units = (size - 1) / unit + 1, parts = parameter > target ? (size - 1) / target + 1 : 1;
        if (parts > units) parts = units;
        for (size_t part = 0; part < parts; part++, count++) {
            rr_range range = rr_range_of_units(size, unit, part, parts);
            if (out != NULL) out[count] = (grad_bucket){.begin = begin + range.begin, .count = range.end - range.begin};
        }
        begin = end;
    }
    return count;
}

static rr_status check_cuts(const size_t *cuts, size_t cut_count, size_t count) {
    for (size_t i = 1; i < cut_count; i++)
        if (cuts[i] < cuts[i - 1])
            return rr_fail(RR_ERR_RUNTIME, "cut %zu of the gradients lies before the one before it", i);
    if ((cut_count > 0 ? cuts[cut_count - 1] : 0) != count)
        return rr_fail(RR_ERR_RUNTIME, "the last cut of the gradients is not their end");
    return RR_OK;
}

static size_t target_floats(const rr_dist_config *config) {
    double floats = config->bucket_mb * (1024 * 1024 / (double)sizeof(float));
    return floats < 1 ? 1 : (size_t)floats;
}

static size_t index_of(const rr_allreduce_ops *ops) {
    size_t index = 0;
    while (rr_allreduces[index] != ops) index++;
    return index;
}

static const rr_allreduce_ops *choose(const rr_reducer *reducer, const rr_dist_config *config, size_t count) {
    const rr_comm *comm = reducer->comm;
    return rr_allreduce_choose((size_t)config->allreduce, count * sizeof(float), comm->size, comm->nodes);
}

/* What takes the place of `shared` where memory cannot be shared. */
static const rr_allreduce_ops *replacement(const rr_reducer *reducer) {
    return reducer->parts != NULL ? &rr_allreduce_tree : &rr_allreduce_ring;
}

/* By shards there are two: `shared`, and `tree`. */
static const rr_allreduce_ops *choose_by_shards(const rr_reducer *reducer, const rr_dist_config *config) {
    const rr_comm *comm = reducer->comm;
    if (config->allreduce != RR_ALLREDUCE_AUTO) return rr_allreduces[config->allreduce - 1];
    return comm->nodes == comm->size || !rr_comm_nodes_are_runs(comm) ? &rr_allreduce_tree : &rr_allreduce_shared;
}

/* On several nodes, and by shards, `shared` needs memory that is shared. */
static bool can_share(const rr_reducer *reducer) {
    const rr_comm *comm = reducer->comm;
    rr_shared_place place;
    if (comm->nodes == 1 && reducer->parts == NULL) return true;
    if (reducer->parts != NULL && !rr_comm_nodes_are_runs(comm)) return false;
    return rr_shared_find(comm, reducer->grads, 1, &place);
}

/* Where memory cannot be shared `auto` means something else. */
static rr_status choose_algorithms(rr_reducer *reducer, const rr_dist_config *config) {
    bool shares = can_share(reducer);
    for (size_t b = 0; b < reducer->bucket_count; b++) {
        const rr_allreduce_ops *ops = reducer->parts != NULL ? choose_by_shards(reducer, config)
                                                             : choose(reducer, config, reducer->buckets[b].count);
        if (ops == &rr_allreduce_shared && !shares) {
            if (config->allreduce != RR_ALLREDUCE_AUTO)
                return rr_fail(RR_ERR_NOMEM,
                               "dist.allreduce shared: /dev/shm of a node has no room for the gradients%s",
                               reducer->parts != NULL ? ", or the ranks of a node do not follow one another" : "");
            ops = replacement(reducer);
        }
        reducer->buckets[b].algorithm = index_of(ops);
    }
    return RR_OK;
}

/* Everything that one rank does alone. */
static rr_status plan(rr_reducer *reducer, const rr_dist_config *config, size_t count, const size_t *cuts,
                      size_t cut_count) {
    RR_TRY(check_cuts(cuts, cut_count, count));
    size_t target = target_floats(config);
    reducer->bucket_count = cut_buckets(reducer, cuts, cut_count, target, NULL);
    reducer->buckets = calloc(reducer->bucket_count + 1, sizeof *reducer->buckets);
    for (size_t i = 0; i < LINES; i++)
        reducer->lines[i].operations = calloc(SLOTS * rr_allreduce_count, sizeof(rr_allreduce *));
    if (reducer->buckets == NULL || reducer->lines[BODY].operations == NULL || reducer->lines[TAIL].operations == NULL)
        return rr_fail(RR_ERR_NOMEM, "no memory for %zu gradient buckets", reducer->bucket_count);
    cut_buckets(reducer, cuts, cut_count, target, reducer->buckets);
    size_t body = 0;
    while (body < reducer->bucket_count && reducer->buckets[body].begin < reducer->tail) body++;
    reducer->lines[BODY].end = reducer->lines[TAIL].first = body;
    reducer->lines[TAIL].end = reducer->bucket_count;
    return choose_algorithms(reducer, config);
}

static void free_operations(rr_reducer *reducer) {
    for (bucket_line *line = reducer->lines; line < reducer->lines + LINES; line++)
        for (size_t i = 0; line->operations != NULL && i < SLOTS * rr_allreduce_count; i++) {
            if (line->operations[i] != NULL) rr_allreduces[i % rr_allreduce_count]->free(line->operations[i]);
            line->operations[i] = NULL;
        }
}

static rr_status create_operation(const rr_reducer *reducer, size_t algorithm, size_t count, size_t tag,
                                  rr_allreduce **out) {
    const rr_allreduce_ops *ops = rr_allreduces[algorithm];
    if (reducer->parts == NULL) return ops->create(reducer->comm, count, reducer->unit, tag, out);
    if (ops == &rr_allreduce_shared)
        return rr_allreduce_shared_create(reducer->comm, reducer->parts, count, reducer->unit, tag, out);
    if (ops == &rr_allreduce_tree)
        return rr_allreduce_tree_create(reducer->comm, reducer->parts, count, reducer->unit, tag, out);
    return rr_fail(RR_ERR_INPUT, "dist.allreduce %s does not add in the order of shards", ops->name);
}

/* Collective. Every slot of a line gets an operation of each algorithm that one of its buckets uses, for the largest of
 * them. */
static rr_status create_operations_of(rr_reducer *reducer, bucket_line *line) {
    size_t all = SLOTS * rr_allreduce_count, tag = (size_t)(line - reducer->lines) * all;
    for (size_t index = 0; index < all; index++) {
        size_t largest = 0, slot = index / rr_allreduce_count;
        for (size_t b = line->first; b < line->end; b++)
            if (b % SLOTS == slot && reducer->buckets[b].algorithm == index % rr_allreduce_count &&
                reducer->buckets[b].count > largest)
                largest = reducer->buckets[b].count;
        if (largest == 0) continue;
        RR_TRY(rr_comm_agree(reducer->comm, create_operation(reducer, index % rr_allreduce_count, largest, tag + index,
                                                             &line->operations[index])));
    }
    return RR_OK;
}

static rr_status create_operations(rr_reducer *reducer) {
    RR_TRY(create_operations_of(reducer, &reducer->lines[BODY]));
    return create_operations_of(reducer, &reducer->lines[TAIL]);
}

/* Where `auto` meets a node that cannot share even the buffers of its ranks, messages do it. */
static bool replace_shared(rr_reducer *reducer, const rr_dist_config *config) {
    bool replaced = false;
    for (size_t b = 0; b < reducer->bucket_count && config->allreduce == RR_ALLREDUCE_AUTO; b++) {
        if (rr_allreduces[reducer->buckets[b].algorithm] != &rr_allreduce_shared) continue;
        reducer->buckets[b].algorithm = index_of(replacement(reducer));
        replaced = true;
    }
    return replaced;
}

static rr_status create_possible_operations(rr_reducer *reducer, const rr_dist_config *config) {
    rr_status status = create_operations(reducer);
    if (status == RR_OK || !rr_comm_agreed(reducer->comm) || !replace_shared(reducer, config)) return status;
    free_operations(reducer);
    return create_operations(reducer);
}

/* Gradients of this bucket are not summed whole. */
static bool is_by_rows(const rr_reducer *reducer, size_t b) {
    return reducer->exchange != RR_ALLGATHER && reducer->buckets[b].begin >= reducer->dense;
}

static rr_allreduce *operation_of(const rr_reducer *reducer, size_t b) {
    const bucket_line *line = &reducer->lines[b < reducer->lines[BODY].end ? BODY : TAIL];
    return line->operations[b % SLOTS * rr_allreduce_count + reducer->buckets[b].algorithm];
}

/* When the operations are there: they know who owns what. */
static void find_owned(rr_reducer *reducer) {
    size_t at = 0;
    for (size_t b = 0; b < reducer->bucket_count; b++) {
        grad_bucket *bucket = &reducer->buckets[b];
        rr_range own = {0, bucket->count};
        if (reducer->sharded) own = rr_allreduces[bucket->algorithm]->own(operation_of(reducer, b), bucket->count);
        bucket->owned = (rr_owned){bucket->begin + own.begin, bucket->begin + own.end, at};
        at += own.end - own.begin;
    }
}

static bool is_under_way(const rr_reducer *reducer) {
    const bucket_line *body = &reducer->lines[BODY], *tail = &reducer->lines[TAIL];
    return body->started > body->finished || tail->started > tail->finished ||
           reducer->row_sums_started > reducer->row_sums_done;
}

/* The time during which something is under way: before it is started, and after something may have ended. */
static void note_start(rr_reducer *reducer) {
    if (!reducer->busy) reducer->busy_since_s = rr_clock_seconds();
    reducer->busy = true;
}

static void note_end(rr_reducer *reducer) {
    if (!reducer->busy || is_under_way(reducer)) return;
    reducer->busy_s += rr_clock_seconds() - reducer->busy_since_s;
    reducer->busy = false;
}

static void start_ready(rr_reducer *reducer, bucket_line *line) {
    while (reducer->status == RR_OK && line->started < line->ready && line->started - line->finished < SLOTS) {
        size_t b = line->started++;
        const grad_bucket *bucket = &reducer->buckets[b];
        line->done[b % SLOTS] = is_by_rows(reducer, b);
        if (line->done[b % SLOTS]) continue;
        note_start(reducer);
        reducer->status = rr_allreduces[bucket->algorithm]->start(operation_of(reducer, b), reducer->exchange,
                                                                  reducer->arena + bucket->begin, bucket->count);
    }
}

/* Rows are summed when the backward pass has written the last. */
static void progress_rows(rr_reducer *reducer) {
    const bucket_line *tail = &reducer->lines[TAIL];
    if (reducer->exchange == RR_ALLGATHER || tail->ready < tail->end) return;
    for (; reducer->row_sums_started < reducer->row_sum_count && reducer->status == RR_OK;
         reducer->row_sums_started++) {
        note_start(reducer);
        reducer->status = rr_sum_rows_start(reducer->row_sums[reducer->row_sums_started]);
    }
    for (bool done = true; done && reducer->row_sums_done < reducer->row_sums_started && reducer->status == RR_OK;) {
        reducer->status = rr_sum_rows_test(reducer->row_sums[reducer->row_sums_done], &done);
        if (done) reducer->row_sums_done++;
    }
}

static bool is_finished(const rr_reducer *reducer) {
    const bucket_line *body = &reducer->lines[BODY], *tail = &reducer->lines[TAIL];
    return body->finished == body->end && tail->finished == tail->end &&
           (reducer->exchange == RR_ALLGATHER || reducer->row_sums_done == reducer->row_sum_count);
}

static void progress_line(rr_reducer *reducer, bucket_line *line) {
    for (size_t b = line->finished; b < line->started && reducer->status == RR_OK; b++) {
        bool *done = &line->done[b % SLOTS];
        if (*done) continue;
        reducer->status = rr_allreduces[reducer->buckets[b].algorithm]->test(operation_of(reducer, b), done);
    }
    while (line->finished < line->started && line->done[line->finished % SLOTS]) line->finished++;
    start_ready(reducer, line);
}

/* Moves all sums under way on, and starts what has become possible. */
static void progress(rr_reducer *reducer) {
    progress_line(reducer, &reducer->lines[BODY]);
    progress_line(reducer, &reducer->lines[TAIL]);
    progress_rows(reducer);
    note_end(reducer);
}

static void ready_in_line(rr_reducer *reducer, bucket_line *line, size_t end) {
    while (line->ready < line->end && reducer->buckets[line->ready].begin + reducer->buckets[line->ready].count <= end)
        line->ready++;
    start_ready(reducer, line);
}

static void ready(void *ctx, size_t end) {
    rr_reducer *reducer = ctx;
    if (rr_comm_size(reducer->comm) == 1) return;
    ready_in_line(reducer, &reducer->lines[BODY], end);
    ready_in_line(reducer, &reducer->lines[TAIL], end);
}

static void tail_ready(void *ctx, size_t begin) {
    rr_reducer *reducer = ctx;
    bucket_line *line = &reducer->lines[TAIL];
    if (rr_comm_size(reducer->comm) == 1 || begin > reducer->tail) return;
    line->ready = line->end;
    start_ready(reducer, line);
    progress_rows(reducer);
}

static void tick(void *ctx) {
    rr_reducer *reducer = ctx;
    if (is_under_way(reducer)) progress(reducer);
    if (reducer->on_tick != NULL) reducer->on_tick(reducer->on_tick_ctx);
}

static void not_yet_ready(void *ctx, size_t end) { (void)ctx, (void)end; }

rr_status rr_reducer_create(rr_comm *comm, const rr_dist_config *config, float *grads, size_t count, size_t dense,
                            size_t tail, size_t unit, const size_t *cuts, size_t cut_count, rr_reducer **out) {
    return rr_reducer_create_by_shards(comm, config, NULL, grads, count, dense, tail, unit, cuts, cut_count, out);
}

rr_status rr_reducer_create_by_shards(rr_comm *comm, const rr_dist_config *config, const rr_shard_parts *parts,
                                      float *grads, size_t count, size_t dense, size_t tail, size_t unit,
                                      const size_t *cuts, size_t cut_count, rr_reducer **out) {
    rr_status status = RR_OK;
    rr_reducer *reducer = calloc(1, sizeof *reducer);
    if (reducer == NULL) {
        status = rr_fail(RR_ERR_NOMEM, "no memory for the gradient buckets");
    } else {
        reducer->comm = comm;
        reducer->parts = parts;
        reducer->grads = grads;
        reducer->dense = dense;
        reducer->tail = tail;
        reducer->unit = unit;
        reducer->sharded = config->shard_optimizer && rr_comm_size(comm) > 1;
        reducer->hooks = (rr_hooks){.ready = ready, .tick = tick, .tail = tail_ready, .ctx = reducer};
        reducer->tick_hooks = (rr_hooks){.ready = not_yet_ready, .tick = tick, .ctx = reducer};
        status = plan(reducer, config, count, cuts, cut_count);
    }
    status = rr_comm_agree(comm, status);
    if (status == RR_OK && reducer != NULL && rr_comm_size(comm) > 1)
        status = create_possible_operations(reducer, config);
    if (status != RR_OK || reducer == NULL) {
        rr_reducer_free(reducer);
        return status;
    }
    find_owned(reducer);
    *out = reducer;
    return RR_OK;
}

void rr_reducer_free(rr_reducer *reducer) {
    if (reducer == NULL) return;
    free_operations(reducer);
    for (size_t i = 0; i < LINES; i++) free(reducer->lines[i].operations);
    free(reducer->buckets);
    free(reducer);
}

const rr_hooks *rr_reducer_hooks(rr_reducer *reducer) { return &reducer->hooks; }
const rr_hooks *rr_reducer_tick_hooks(rr_reducer *reducer) { return &reducer->tick_hooks; }

void rr_reducer_on_tick(rr_reducer *reducer, void (*on_tick)(void *ctx), void *ctx) {
    reducer->on_tick = on_tick;
    reducer->on_tick_ctx = ctx;
}

static void begin(rr_reducer *reducer, rr_exchange exchange, float *arena) {
    reducer->exchange = exchange;
    reducer->arena = arena;
    for (bucket_line *line = reducer->lines; line < reducer->lines + LINES; line++)
        line->ready = line->started = line->finished = line->first;
    reducer->row_sums_started = reducer->row_sums_done = 0;
    reducer->busy = false;
    reducer->busy_s = 0;
}

void rr_reducer_begin(rr_reducer *reducer) {
    begin(reducer, reducer->sharded ? RR_REDUCE_SCATTER : RR_ALLREDUCE, reducer->grads);
}

void rr_reducer_begin_gather(rr_reducer *reducer, float *arena) { begin(reducer, RR_ALLGATHER, arena); }

static void tell_peer(const rr_comm *comm, const rr_allreduce_ops *ops, const rr_allreduce *operation, rr_buffer *out) {
    if (ops->peer == NULL) return;
    size_t peer = ops->peer(operation);
    rr_buffer_printf(out, ", for rank %zu (host %s)", peer, comm->places[peer].host);
}

/* Which of the exchanges it is that the watchdog sees standing still: the first. */
static void tell(const rr_reducer *reducer) {
    rr_buffer text = {0};
    const bucket_line *body = &reducer->lines[BODY], *tail = &reducer->lines[TAIL];
    bool in_body = body->finished < body->started;
    if (in_body || tail->finished < tail->started) {
        size_t b = in_body ? body->finished : tail->finished;
        const rr_allreduce_ops *ops = rr_allreduces[reducer->buckets[b].algorithm];
        rr_buffer_printf(&text, "bucket %zu of %zu (%.3g MiB) by %s", b, reducer->bucket_count,
                         (double)(reducer->buckets[b].count * sizeof(float)) / (1 << 20), ops->name);
        tell_peer(reducer->comm, ops, operation_of(reducer, b), &text);
    } else if (reducer->row_sums_done < reducer->row_sums_started) {
        rr_buffer_printf(&text, "rows of embedding %zu of %zu", reducer->row_sums_done, reducer->row_sum_count);
    }
    rr_watchdog_tell(reducer->comm->watchdog, rr_buffer_text(&text));
    rr_buffer_free(&text);
}

rr_status rr_reducer_finish(rr_reducer *reducer, rr_reducer_times *times) {
    *times = (rr_reducer_times){0};
    if (rr_comm_size(reducer->comm) == 1 || reducer->bucket_count == 0) return RR_OK;
    rr_wait wait = rr_wait_begin(reducer->comm, "the exchange of gradients or weights between ranks");
    double begin = rr_clock_seconds();
    for (bucket_line *line = reducer->lines; line < reducer->lines + LINES; line++) line->ready = line->end;
    progress(reducer);
    while (reducer->status == RR_OK && !is_finished(reducer)) {
        if (rr_wait_turn(&wait)) tell(reducer);
        progress(reducer);
    }
    RR_TRY(reducer->status);
    rr_wait_end(&wait);
    times->exposed = rr_clock_seconds() - begin;
    times->total = reducer->busy_s;
    times->hidden = times->total > times->exposed ? times->total - times->exposed : 0;
    return RR_OK;
}

rr_status rr_reducer_sum_rows(rr_reducer *reducer, rr_sum_rows *sum) {
    if (reducer->row_sum_count == RR_REDUCER_ROW_SUMS)
        return rr_fail(RR_ERR_RUNTIME, "more than %d sums of rows", RR_REDUCER_ROW_SUMS);
    reducer->row_sums[reducer->row_sum_count++] = sum;
    return RR_OK;
}

rr_owned rr_reducer_owned(const rr_reducer *reducer, size_t bucket) { return reducer->buckets[bucket].owned; }

size_t rr_reducer_owned_count(const rr_reducer *reducer) {
    size_t last = reducer->bucket_count;
    if (last == 0) return 0;
    rr_owned owned = reducer->buckets[last - 1].owned;
    return owned.at + (owned.end - owned.begin);
}

size_t rr_reducer_bucket_end(const rr_reducer *reducer, size_t bucket) {
    return reducer->buckets[bucket].begin + reducer->buckets[bucket].count;
}

bool rr_reducer_sharded(const rr_reducer *reducer) { return reducer->sharded; }

size_t rr_reducer_buckets(const rr_reducer *reducer) { return reducer->bucket_count; }

const char *rr_reducer_algorithm(const rr_reducer *reducer) {
    size_t largest = 0;
    for (size_t b = 1; b < reducer->bucket_count; b++)
        if (reducer->buckets[b].count > reducer->buckets[largest].count) largest = b;
    if (rr_comm_size(reducer->comm) == 1 || reducer->bucket_count == 0) return "none";
    return rr_allreduces[reducer->buckets[largest].algorithm]->name;
}
