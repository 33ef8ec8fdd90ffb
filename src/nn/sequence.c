#include "nn/sequence.h"

void rr_sequence_fill(const size_t *lengths, size_t rows, size_t *active, size_t *offset) {
    size_t running = rows;
    offset[0] = 0;
    for (size_t t = 0; t < lengths[0]; t++) {
        while (lengths[running - 1] <= t) running--;
        active[t] = running;
        offset[t + 1] = offset[t] + running;
    }
}

void rr_sequence_room_plan(rr_sequence_room *room, rr_arena *arena, size_t max_steps, size_t max_rows) {
    room->active = rr_arena_take(arena, max_steps * sizeof *room->active);
    room->offset = rr_arena_take(arena, (max_steps + 1) * sizeof *room->offset);
    room->lengths = rr_arena_take(arena, max_rows * sizeof *room->lengths);
    room->row_id = rr_arena_take(arena, max_rows * sizeof *room->row_id);
}

rr_sequence rr_sequence_of(rr_sequence_room *room, size_t rows) {
    rr_sequence sequence = {
        .rows = rows, .active = room->active, .offset = room->offset, .lengths = room->lengths, .row_id = room->row_id};
    if (rows == 0) return sequence;
    rr_sequence_fill(room->lengths, rows, room->active, room->offset);
    sequence.steps = room->lengths[0];
    sequence.total = room->offset[sequence.steps];
    return sequence;
}

rr_sequence rr_sequence_part(const rr_sequence *sequence, size_t begin, size_t end) {
    return (rr_sequence){.steps = end - begin,
                         .rows = sequence->active[begin],
                         .total = sequence->offset[end] - sequence->offset[begin],
                         .active = sequence->active + begin,
                         .offset = sequence->offset + begin,
                         .first_step = sequence->first_step + begin,
                         .row_id = sequence->row_id};
}
