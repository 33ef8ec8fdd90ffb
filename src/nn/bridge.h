/*
 * The state that an encoder ends with, as the state that a decoder starts from: as it is (Sutskever et al. 2014), or,
 * of a bidirectional encoder, a linear map of both directions' states, one map for h and one for c, shared by layers.
 */
#ifndef RR_NN_BRIDGE_H
#define RR_NN_BRIDGE_H

#include "nn/linear.h"

typedef struct rr_bridge {
    size_t states, layers, directions, hidden_size;
    rr_linear map[2];        /* bidirectional: of h and c */
    float *joined, *djoined; /* [states, layers, rows, 2 H] */
} rr_bridge;

/** Adds "<prefix>.h.weight" [H, 2 H], "<prefix>.h.bias", and the same of c for cells with two states; or nothing. */
rr_status rr_bridge_declare(rr_bridge *bridge, rr_params *params, const char *prefix);
void rr_bridge_plan(rr_bridge *bridge, rr_arena *arena, rr_team *team, size_t max_rows, bool training);

/**
 * @param[in] from  [states, layers * directions, rows, H], as rr_rnn_forward gives it
 * @param[in] row   [rows] the row of `from` that each row of `to` is
 * @param[out] to   [states, layers, rows, H]
 */
void rr_bridge_forward(rr_bridge *bridge, const rr_params *params, size_t rows, const float *from, const size_t *row,
                       float *to, const rr_hooks *hooks);

/** The mirror: dfrom is overwritten; row must name every row. */
void rr_bridge_backward(rr_bridge *bridge, const rr_params *params, size_t rows, const float *dto, const size_t *row,
                        float *dfrom, const rr_hooks *hooks);

#endif
