/* The `model` section: sizes, dropout and initialisation that every task shares. */
#ifndef RR_NN_MODEL_CONFIG_H
#define RR_NN_MODEL_CONFIG_H

#include "config/schema.h"
#include "nn/init.h"

typedef struct rr_model_config {
    int cell; /* index in rr_cells */
    size_t embedding_size, hidden_size, num_layers;
    bool bidirectional, bias, tie_weights;
    double dropout;        /* between recurrent layers, as PyTorch's nn.LSTM(dropout=) */
    double dropout_input;  /* on the embedding's output */
    double dropout_output; /* on the top layer's output */
    const char *vectors;   /* file of vectors of words, or NULL */
    bool freeze_vectors;
    rr_init_config init;
} rr_model_config;

extern const rr_section rr_model_section;

#endif
