/* How the work of a recurrent stack is cut: time steps into chunks, units into shares of threads, products into pieces
 * between ticks. */
#include "nn/rnn_parts.h"

static rr_rnn_chunk chunk(const rr_sequence *s, size_t begin, size_t end) {
    return (rr_rnn_chunk){
        .begin = begin, .end = end, .first = s->offset[begin], .rows = s->offset[end] - s->offset[begin]};
}

rr_rnn_chunk rr_rnn_chunk_forward(const rr_sequence *sequence, size_t from) {
    size_t end = from + 1;
    while (end < sequence->steps && sequence->offset[end] - sequence->offset[from] < RR_RNN_CHUNK_ROWS) end++;
    return chunk(sequence, from, end);
}

rr_rnn_chunk rr_rnn_chunk_backward(const rr_sequence *sequence, size_t from) {
    size_t begin = from - 1;
    while (begin > 0 && sequence->offset[from] - sequence->offset[begin] < RR_RNN_CHUNK_ROWS) begin--;
    return chunk(sequence, begin, from);
}

rr_rnn_units rr_rnn_units_of(size_t H, size_t thread, size_t threads) {
    size_t width = rr_panel_columns();
    rr_share panels = rr_share_of(rr_strips_count(H), thread, threads);
    return (rr_rnn_units){.first = panels.first * width < H ? panels.first * width : H,
                          .end = panels.end * width < H ? panels.end * width : H,
                          .panels = panels};
}

void rr_rnn_multiply(const rr_panels *panels, rr_share share, size_t rows, const float *x, size_t ldx, const float *add,
                     size_t ld_add, float *y, size_t ldy, const rr_hooks *hooks) {
    size_t macs = rows * panels->depth * panels->groups * rr_panel_columns(), block = RR_RNN_TICK_MACS / (macs + 1) + 1;
    for (size_t first = share.first; first < share.end; first += block) {
        rr_panels_multiply(panels, first, first + block < share.end ? first + block : share.end, rows, x, ldx, add,
                           ld_add, y, ldy);
        rr_hooks_tick(hooks);
    }
}
