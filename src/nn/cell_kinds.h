/* The cells, for the registry. */
#ifndef RR_NN_CELL_KINDS_H
#define RR_NN_CELL_KINDS_H

#include "nn/cell.h"

extern const rr_cell_ops rr_cell_lstm, rr_cell_gru, rr_cell_rnn_tanh, rr_cell_rnn_relu;

#endif
