#include "nn/cell.h"

#include "nn/cell_kinds.h"

const rr_cell_ops *const rr_cells[] = {&rr_cell_lstm, &rr_cell_gru, &rr_cell_rnn_tanh, &rr_cell_rnn_relu};
const size_t rr_cell_count = sizeof rr_cells / sizeof *rr_cells;
const char *const rr_cell_names[] = {"lstm", "gru", "rnn_tanh", "rnn_relu", NULL};
