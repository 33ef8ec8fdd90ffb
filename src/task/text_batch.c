#include "task/text_batch.h"

void rr_text_batch_plan(rr_text_batch *batch, rr_arena *arena, size_t max_total, size_t max_steps, size_t max_rows) {
    rr_sequence_room_plan(&batch->room, arena, max_steps, max_rows);
    batch->order = rr_arena_take(arena, max_rows * sizeof *batch->order);
    batch->tokens = rr_arena_take(arena, max_total * sizeof *batch->tokens);
}

/* Longest first, equal ones as they come. By insertion: a batch has few rows. */
static void sort(rr_text_batch *batch, const rr_text_set *texts, const uint32_t *examples, size_t rows) {
    size_t *order = batch->order;
    for (size_t i = 0; i < rows; i++) {
        size_t at = i, length = texts->lengths[examples[i]];
        for (; at > 0 && texts->lengths[examples[order[at - 1]]] < length; at--) order[at] = order[at - 1];
        order[at] = i;
    }
}

rr_sequence rr_text_batch_fill(rr_text_batch *batch, const rr_text_set *texts, const uint32_t *examples, size_t rows,
                               size_t first) {
    sort(batch, texts, examples, rows);
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
