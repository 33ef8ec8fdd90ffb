/* Long short-term memory (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000), as torch.nn.LSTM. */
#include "math/pointwise.h"
#include "nn/cell_kinds.h"

static void forward(const rr_cell_step *s) {
    rr_lstm_forward(s->rows, s->H, s->first, s->end, s->gates, s->c_prev, s->c, s->extra, s->h, s->ldh);
}

static void backward(const rr_cell_step *s) {
    rr_lstm_backward(s->rows, s->H, s->first, s->end, s->gates, s->c_prev, s->extra, s->dh, s->dc, s->dgates);
}

const rr_cell_ops rr_cell_lstm = {.name = "lstm",
                                  .help = "long short-term memory",
                                  .gates = 4,
                                  .states = 2,
                                  .extra = 1,
                                  .forget_gate = 1,
                                  .forward = forward,
                                  .backward = backward};
