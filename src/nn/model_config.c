#include "nn/model_config.h"

#include "nn/cell.h"

static const char *const schemes[] = {"uniform", "pytorch", "xavier", "orthogonal", NULL};

#define FIELD(name) .offset = offsetof(rr_model_config, name)

static const rr_key keys[] = {
    {.name = "cell", .type = RR_KEY_ENUM, FIELD(cell), .preset = "lstm", .choices = rr_cell_names,
     .help = "recurrent cell, with PyTorch's formulas and gate order"},
    {.name = "embedding_size", .type = RR_KEY_SIZE, FIELD(embedding_size), .preset = "200", .min = 1, .max = 1e6, .unit = "units",
     .help = "size of an embedded token"},
    {.name = "hidden_size", .type = RR_KEY_SIZE, FIELD(hidden_size), .preset = "200", .min = 1, .max = 1e6, .unit = "units",
     .help = "units of a recurrent layer, in each direction"},
    {.name = "num_layers", .type = RR_KEY_SIZE, FIELD(num_layers), .preset = "2", .min = 1, .max = 1000, .unit = "layers",
     .help = "recurrent layers on top of each other"},
    {.name = "bidirectional", .type = RR_KEY_BOOL, FIELD(bidirectional), .preset = "false",
     .help = "every layer also reads from the end to the beginning"},
    {.name = "bias", .type = RR_KEY_BOOL, FIELD(bias), .preset = "true", .help = "recurrent layers have bias_ih and bias_hh"},
    {.name = "tie_weights", .type = RR_KEY_BOOL, FIELD(tie_weights), .preset = "false",
     .help = "the output layer uses the embedding's weights (Press & Wolf 2017); needs embedding_size equal to hidden_size"},
    {.name = "dropout", .type = RR_KEY_FLOAT, FIELD(dropout), .preset = "0", .min = 0, .max = 1, .below_max = true,
     .help = "probability of dropping a unit between recurrent layers, as nn.LSTM(dropout=)"},
    {.name = "dropout_input", .type = RR_KEY_FLOAT, FIELD(dropout_input), .preset = "0", .min = 0, .max = 1, .below_max = true,
     .help = "the same on embedded tokens"},
    {.name = "dropout_output", .type = RR_KEY_FLOAT, FIELD(dropout_output), .preset = "0", .min = 0, .max = 1, .below_max = true,
     .help = "the same on the output of the top layer"},
    {.name = "init.scheme", .type = RR_KEY_ENUM, FIELD(init.scheme), .preset = "pytorch", .choices = schemes,
     .help = "initial values: uniform in +-range; PyTorch's defaults; xavier (Glorot & Bengio 2010); orthogonal recurrent matrices "
             "(Saxe et al. 2014)"},
    {.name = "init.range", .type = RR_KEY_FLOAT, FIELD(init.range), .preset = "0.1", .min = 0, .max = 1e3,
     .help = "bound of the uniform scheme"},
    {.name = "init.forget_bias", .type = RR_KEY_FLOAT, FIELD(init.forget_bias), .preset = "null", .word = "null", .min = -100, .max = 100,
     .help = "bias of the forget gate (bias_ih; that of bias_hh is 0); null: as the scheme says"},
    {.name = NULL},
};

const rr_section rr_model_section = {
    .name = "model", .help = "The network", .size = sizeof(rr_model_config), .keys = keys};
