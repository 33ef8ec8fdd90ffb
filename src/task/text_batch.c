#include "task/text_batch.h"

rr_text_extent rr_text_extent_of(const rr_text_set *texts, size_t rows) {
    rr_text_extent extent = {.total = rows, .longest = 1};
    rr_text_extent_grow(&extent, texts, rows);
    return extent;
}

void rr_text_extent_grow(rr_text_extent *extent, const rr_text_set *texts, size_t rows) {
    size_t total = rr_text_set_most(texts, rows), longest = rr_text_set_longest(texts);
    if (total > extent->total) extent->total = total;
    if (longest > extent->longest) extent->longest = longest;
}

void rr_text_batch_plan(rr_text_batch *batch, rr_arena *arena, rr_text_extent most, size_t max_rows) {
    rr_sequence_room_plan(&batch->room, arena, most.longest, max_rows);
    batch->order = rr_arena_take(arena, max_rows * sizeof *batch->order);
    batch->tokens = rr_arena_take(arena, most.total * sizeof *batch->tokens);
}

/* By insertion: a batch has few rows. */
void rr_text_batch_order(const rr_text_set *texts, const uint32_t *examples, size_t rows, size_t *order) {
    for (size_t i = 0; i < rows; i++) {
        size_t at = i, length = texts->lengths[examples[i]];
        for (; at > 0 && texts->lengths[examples[order[at - 1]]] < length; at--) order[at] = order[at - 1];
        order[at] = i;
    }
}

void rr_text_batch_match(const size_t *order, const size_t *other, size_t rows, size_t *row) {
    for (size_t at = 0; at < rows; at++)
        for (size_t i = 0; i < rows; i++)
            if (order[i] == other[at]) row[at] = i;
}

rr_sequence rr_text_batch_fill(rr_text_batch *batch, const rr_text_set *texts, const uint32_t *examples, size_t rows,
                               size_t first) {
    rr_text_batch_order(texts, examples, rows, batch->order);
    for (size_t i = 0; i < rows; i++) {
        batch->room.lengths[i] = texts->lengths[examples[batch->order[i]]];
        batch->room.row_id[i] = first + batch->order[i];
    }
    rr_sequence sequence = rr_sequence_of(&batch->room, rows);
    for (size_t i = 0; i < rows; i++) {
        const int32_t *text = rr_text_set_at(texts, examples[batch->order[i]]);
        for (size_t t = 0; t < sequence.lengths[i]; t++) batch->tokens[sequence.offset[t] + i] = text[t];
    }
    return sequence;
}
