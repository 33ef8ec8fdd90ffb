/* A stack of recurrent layers with back-propagation through time (Werbos 1990), as torch.nn.RNN, LSTM and GRU. */
#ifndef RR_NN_RNN_H
#define RR_NN_RNN_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/hooks.h"
#include "math/team.h"
#include "nn/cell.h"
#include "nn/dropout.h"
#include "nn/params.h"
#include "nn/sequence.h"

typedef struct rr_rnn_spec {
    const rr_cell_ops *cell;
    size_t input_size;
    size_t hidden_size;
    size_t num_layers;
    bool bidirectional;
    bool bias;
    float dropout; /* between layers: on the output of every layer but the last */
    uint32_t
        dropout_layer; /* number of the first dropout site in RR_RNG_DROPOUT counters; layer l uses dropout_layer + l */
    rr_team *team;     /* threads that compute, borrowed; results are the same bits for any number of them */
} rr_rnn_spec;

typedef struct rr_rnn rr_rnn;

rr_status rr_rnn_create(const rr_rnn_spec *spec, rr_rnn **out);
void rr_rnn_free(rr_rnn *rnn);

/** Adds the parameters under "<prefix>.weight_ih_l0" and so on, the top layer first. */
rr_status rr_rnn_declare(rr_rnn *rnn, rr_params *params, const char *prefix);

/**
 * Takes what forward (and backward, if training) keep, for up to max_total packed rows, max_steps steps, max_rows rows.
 * Call on a measuring arena, then on the real one; again after both when sizes change.
 */
void rr_rnn_plan(rr_rnn *rnn, rr_arena *arena, size_t max_total, size_t max_steps, size_t max_rows, bool training);

/**
 * Before plan: backward may be by shards (sequence->shards), of at most max_shards. The gradients of all time steps are
 * kept then, and those of the parameters are made from them at the end of a layer.
 */
void rr_rnn_by_shards(rr_rnn *rnn, size_t max_shards);

/** Floats of one row's state: states * num_layers * directions * hidden_size. */
size_t rr_rnn_state_size(const rr_rnn *rnn);

/**
 * Forward over a batch.
 *
 * @param[in] x          [total, input_size]; must live until backward
 * @param[in] state      [states, num_layers * directions, B, H] initial h (and c), or NULL for zeros; order of layers
 * as PyTorch
 * @param[out] state_out same shape: state of each row after its last step (forward) or first (reverse); NULL if not
 * wanted; may be the same memory as state
 * @param[in] dropout    NULL: none (evaluation)
 * @return [total, directions * H], owned by the rnn, valid until the next forward
 */
const float *rr_rnn_forward(rr_rnn *rnn, const rr_params *params, const rr_sequence *sequence, const float *x,
                            const float *state, float *state_out, const rr_dropout *dropout, const rr_hooks *hooks);

/**
 * Backward of the last forward, once. Adds to params->grads; calls hooks ready as weights are finished, tick between
 * time steps.
 *
 * @param[in,out] dy     [total, directions * H]: gradient of the output; overwritten
 * @param[in] dstate_out gradient of state_out, same shape, or NULL
 * @param[out] dx        [total, input_size], or NULL if not wanted
 * @param[out] dstate    gradient of the initial state, or NULL
 */
void rr_rnn_backward(rr_rnn *rnn, const rr_params *params, const rr_sequence *sequence, const float *x, float *dy,
                     const float *dstate_out, float *dx, float *dstate, const rr_hooks *hooks);

/**
 * The same in two: dx is complete after the first, and the recurrent weights of the lowest layer (of its last
 * direction) have their gradient after the second. What becomes of dx may so travel while they are computed.
 */
void rr_rnn_backward_input(rr_rnn *rnn, const rr_params *params, const rr_sequence *sequence, const float *x, float *dy,
                           const float *dstate_out, float *dx, float *dstate, const rr_hooks *hooks);
void rr_rnn_backward_rest(rr_rnn *rnn, const rr_params *params, const rr_sequence *sequence, const rr_hooks *hooks);

/** Multiply-adds of the matrices for one token, forward. */
double rr_rnn_macs_per_token(const rr_rnn_spec *spec);

#endif
