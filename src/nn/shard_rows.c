#include "nn/shard_rows.h"

#include <string.h>

#include "math/pointwise.h"
#include "nn/rnn_parts.h"

void rr_shard_rows_plan(rr_shard_rows *shards, rr_arena *arena, size_t max_total, size_t max_steps, size_t max_rows) {
    shards->order = rr_arena_take(arena, max_total * sizeof *shards->order);
    shards->offset = rr_arena_take(arena, max_rows * (max_steps + 1) * sizeof *shards->offset);
    shards->row_shard = rr_arena_take(arena, max_rows * sizeof *shards->row_shard);
    shards->rows = rr_arena_take(arena, max_rows * sizeof *shards->rows);
    shards->first_row = rr_arena_take(arena, (max_rows + 1) * sizeof *shards->first_row);
    shards->merges = rr_arena_take(arena, max_rows);
    shards->first_piece = rr_arena_take(arena, (max_rows + 1) * sizeof *shards->first_piece);
    shards->pieces = rr_arena_take(arena, max_total * sizeof *shards->pieces);
}

/* The shard that a row of the global batch is in. */
static size_t shard_of(size_t shards, size_t rows, size_t row) {
    size_t shard = row * shards / rows;
    while (rows * (shard + 1) / shards <= row) shard++;
    return shard;
}

/* The sequence's rows by shards, in their order there. */
static void list_rows(rr_shard_rows *s, size_t shards, size_t rows, size_t first, const rr_sequence *sequence) {
    memset(s->first_row, 0, (s->count + 1) * sizeof *s->first_row);
    for (size_t r = 0; r < sequence->rows; r++) {
        s->row_shard[r] = shard_of(shards, rows, sequence->row_id[r]) - first;
        s->first_row[s->row_shard[r] + 1]++;
    }
    for (size_t i = 0; i < s->count; i++) s->first_row[i + 1] += s->first_row[i];
    for (size_t r = 0; r < sequence->rows; r++) s->rows[s->first_row[s->row_shard[r]]++] = r;
    for (size_t i = s->count; i > 0; i--) s->first_row[i] = s->first_row[i - 1];
    s->first_row[0] = 0;
}

void rr_shard_rows_fill(rr_shard_rows *s, size_t shards, size_t rows, size_t begin, size_t end,
                        const rr_sequence *sequence) {
    rr_tree_node node = {shard_of(shards, rows, begin), shard_of(shards, rows, end - 1) + 1};
    size_t at = 0;
    s->count = node.end - node.first;
    s->steps = sequence->steps;
    s->strips.count = s->count;
    s->strips.merges = s->merges;
    s->strips.depth = rr_tree_merges(shards, node, s->merges);
    s->strips.first_piece = s->first_piece;
    s->strips.pieces = s->pieces;
    list_rows(s, shards, rows, node.first, sequence);
    for (size_t i = 0; i < s->count; i++) {
        size_t *offset = s->offset + i * (s->steps + 1);
        for (size_t t = 0; t < s->steps; t++) {
            offset[t] = at;
            for (size_t k = s->first_row[i]; k < s->first_row[i + 1] && s->rows[k] < sequence->active[t]; k++)
                s->order[at++] = (uint32_t)(sequence->offset[t] + s->rows[k]);
        }
        offset[s->steps] = at;
    }
}

void rr_shard_rows_whole(rr_shard_rows *s) {
    size_t count = 0;
    for (size_t i = 0; i < s->count; i++) {
        const size_t *offset = s->offset + i * (s->steps + 1);
        s->first_piece[i] = count;
        if (offset[s->steps] > offset[0]) s->pieces[count++] = (rr_strip_piece){offset[0], offset[s->steps]};
    }
    s->first_piece[s->count] = count;
}

void rr_shard_rows_chunks(rr_shard_rows *s, bool reverse) {
    size_t count = 0;
    for (size_t i = 0; i < s->count; i++) {
        rr_sequence shard = {.steps = s->steps, .offset = s->offset + i * (s->steps + 1)};
        s->first_piece[i] = count;
        for (size_t done = 0; done < s->steps;) {
            rr_rnn_chunk chunk =
                reverse ? rr_rnn_chunk_forward(&shard, done) : rr_rnn_chunk_backward(&shard, s->steps - done);
            if (chunk.rows > 0) s->pieces[count++] = (rr_strip_piece){chunk.first, chunk.first + chunk.rows};
            done += chunk.end - chunk.begin;
        }
    }
    s->first_piece[s->count] = count;
}

static void shard_bias(const rr_shard_rows *s, size_t shard, size_t width, const float *dy, size_t lddy, float *out) {
    memset(out, 0, width * sizeof *out);
    for (size_t p = s->first_piece[shard]; p < s->first_piece[shard + 1]; p++)
        for (size_t i = s->pieces[p].begin, run; i < s->pieces[p].end; i += run) {
            for (run = 1; i + run < s->pieces[p].end && s->order[i + run] == s->order[i] + run;) run++;
            rr_bias_backward(run, width, dy + s->order[i] * lddy, lddy, out);
        }
}

void rr_shard_rows_bias(const rr_shard_rows *s, size_t width, const float *dy, size_t lddy, float *scratch,
                        float *dbias) {
    size_t top = 0;
    for (size_t shard = 0; shard < s->count; shard++) {
        shard_bias(s, shard, width, dy, lddy, scratch + top++ * width);
        for (size_t m = s->merges[shard]; m > 0; m--, top--)
            rr_axpy(width, 1.0f, scratch + (top - 1) * width, scratch + (top - 2) * width);
    }
    memcpy(dbias, scratch, width * sizeof *dbias);
}
