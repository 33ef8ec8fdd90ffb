/* A recurrent stack in plain double precision, forward alone: its gradients are taken by central differences. */
#ifndef RR_TESTS_NN_REFERENCE_H
#define RR_TESTS_NN_REFERENCE_H

#include "nn/rnn.h"

/** What the loss is made from: sum of dy * y and of dstate * state_out. */
typedef struct reference {
    const rr_rnn_spec *spec;
    const rr_params *params;     /* table alone */
    const rr_sequence *sequence; /* packed */
    double *values;              /* [params->total] */
    double *x;                   /* [total, input_size] */
    double *state;               /* [states, L * D, B, H] */
    const double *masks;         /* [L - 1, total, D * H] or NULL */
    double *y;                   /* [total, D * H] */
    double *state_out;           /* like state */
} reference;

/** Runs the formulas of torch.nn.LSTM, GRU and RNN, one scalar at a time; prefix: of the parameters' names. */
void reference_forward(reference *r, const char *prefix);

#endif
