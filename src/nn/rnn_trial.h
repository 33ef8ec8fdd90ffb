/* A stack of recurrent layers on values without meaning, rows of equal length: to find out how fast they are here. */
#ifndef RR_NN_RNN_TRIAL_H
#define RR_NN_RNN_TRIAL_H

#include "nn/rnn.h"

typedef struct rr_rnn_trial {
    rr_rnn_spec spec;
    rr_rnn *rnn;
    rr_params params;
    rr_arena weights, memory;
    rr_sequence sequence;
    size_t *active, *offset, *lengths;
    uint64_t *row_id;
    float *x, *dx, *dy;
} rr_rnn_trial;

/** Takes memory for `rows` of `steps` steps. rr_rnn_trial_close is called after a failure, too. */
rr_status rr_rnn_trial_open(const rr_rnn_spec *spec, size_t rows, size_t steps, rr_rnn_trial *out);
void rr_rnn_trial_close(rr_rnn_trial *trial);

/** A forward and a backward pass with the gradient of the input, after a change of weights: packing them counts. */
void rr_rnn_trial_turn(rr_rnn_trial *trial, double *forward_s, double *backward_s);

/** Floating-point operations of a turn: 6 x multiply-adds of the matrices. */
double rr_rnn_trial_flop(const rr_rnn_trial *trial);

#endif
