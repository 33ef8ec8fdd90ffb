/* Cells: what is special about rnn_tanh, rnn_relu, lstm and gru. A new cell is one file and one line in cell.c. */
#ifndef RR_NN_CELL_H
#define RR_NN_CELL_H

#include <stdbool.h>
#include <stddef.h>

/** One time step of `rows` rows, units [first, end); the pointers are slices of what rnn.c keeps. All [rows, ...]
 * arrays are contiguous. */
typedef struct rr_cell_step {
    size_t rows, H;
    size_t first, end; /* the units that are wanted */
    float *gates;      /* [rows, gates * H]: input part with biases on entry of forward; activations after */
    float *recurrent; /* [rows, gates * H]: recurrent part, only where the cell keeps them apart (separate_recurrent) */
    const float *h_prev; /* [rows, H] */
    const float *c_prev; /* [rows, H], cells with two states */
    float *c;            /* [rows, H], cells with two states */
    float *extra;        /* [rows, extra * H] saved for backward */
    float *h;            /* [rows, H] with row stride ldh */
    size_t ldh;
    /* backward */
    const float *dh;   /* [rows, H]: all that reaches h */
    float *dc;         /* [rows, H]: of c on entry, of c_prev on return */
    float *dgates;     /* [rows, gates * H]; may be gates, */
    float *drecurrent; /* [rows, gates * H] where separate_recurrent; may be recurrent; else the same as dgates */
    float *dh_prev;    /* [rows, H]: direct part, where direct_dh_prev; the recurrent product is added to it */
} rr_cell_step;

typedef struct rr_cell_ops {
    const char *name; /* "lstm" */
    const char *help;
    size_t gates;            /* 4, 3, 1 */
    size_t states;           /* 2 for lstm (h, c), else 1 */
    size_t extra;            /* floats a unit saved beside the gates */
    int forget_gate;         /* block of the forget gate, or -1 */
    bool separate_recurrent; /* the recurrent part, with bias_hh, is not added to the input part (gru) */
    bool direct_dh_prev;     /* backward writes dh_prev before the recurrent product adds to it (gru) */
    void (*forward)(const rr_cell_step *step);
    void (*backward)(const rr_cell_step *step);
} rr_cell_ops;

/** All cells, in the order of their index in model.cell; count in rr_cell_count. */
extern const rr_cell_ops *const rr_cells[];
extern const size_t rr_cell_count;
/** Their names, ending with NULL, for the schema. */
extern const char *const rr_cell_names[];

#endif
