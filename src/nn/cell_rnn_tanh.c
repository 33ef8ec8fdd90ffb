/* Elman network (1990), h = tanh(W x + U h + b), as torch.nn.RNN with nonlinearity='tanh'. */
#include "math/pointwise.h"
#include "nn/cell_kinds.h"

static void forward(const rr_cell_step *s) {
    rr_elman_tanh_forward(s->rows, s->H, s->first, s->end, s->gates, s->h, s->ldh);
}

static void backward(const rr_cell_step *s) {
    rr_elman_tanh_backward(s->rows, s->H, s->first, s->end, s->gates, s->dh, s->dgates);
}

const rr_cell_ops rr_cell_rnn_tanh = {.name = "rnn_tanh",
                                      .help = "Elman network with tanh",
                                      .gates = 1,
                                      .states = 1,
                                      .forget_gate = -1,
                                      .forward = forward,
                                      .backward = backward};
