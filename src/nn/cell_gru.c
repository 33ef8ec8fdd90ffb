/* Gated recurrent unit (Cho et al. 2014), in the variant of torch.nn.GRU: the reset gate acts after the product. */
#include "math/pointwise.h"
#include "nn/cell_kinds.h"

static void forward(const rr_cell_step *s) {
    rr_gru_forward(s->rows, s->H, s->first, s->end, s->gates, s->recurrent, s->h_prev, s->h, s->ldh);
}

static void backward(const rr_cell_step *s) {
    rr_gru_backward(s->rows, s->H, s->first, s->end, s->gates, s->recurrent, s->h_prev, s->dh, s->dgates, s->drecurrent,
                    s->dh_prev);
}

const rr_cell_ops rr_cell_gru = {.name = "gru",
                                 .help = "gated recurrent unit",
                                 .gates = 3,
                                 .states = 1,
                                 .forget_gate = -1,
                                 .separate_recurrent = true,
                                 .direct_dh_prev = true,
                                 .forward = forward,
                                 .backward = backward};
