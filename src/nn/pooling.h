/* A sequence as one vector: the last output, the mean, the maximum, or a learnt weighted mean. */
#ifndef RR_NN_POOLING_H
#define RR_NN_POOLING_H

#include "base/hooks.h"
#include "math/team.h"
#include "nn/params.h"
#include "nn/sequence.h"

/**
 * last: the output after the last step, of the backward direction after the first (as PyTorch's h_n).
 * attention: softmax over time of v . tanh(W x + b) (Yang et al. 2016, without their shared context's name).
 */
typedef enum rr_pooling_kind { RR_POOLING_LAST, RR_POOLING_MEAN, RR_POOLING_MAX, RR_POOLING_ATTENTION } rr_pooling_kind;
extern const char *const rr_pooling_names[]; /* "last", "mean", "max", "attention", NULL */

typedef struct rr_pooling rr_pooling;

typedef struct rr_pooling_spec {
    rr_pooling_kind kind;
    size_t hidden_size, directions; /* width = directions * hidden_size; attention has a hidden layer of width units */
    rr_team *team;
} rr_pooling_spec;

rr_status rr_pooling_create(const rr_pooling_spec *spec, rr_pooling **out);
void rr_pooling_free(rr_pooling *pooling);

/** attention: "<prefix>.hidden.weight" [width, width], "<prefix>.hidden.bias" [width], "<prefix>.score.weight" [1,
 * width]; the others nothing. */
rr_status rr_pooling_declare(rr_pooling *pooling, rr_params *params, const char *prefix);
void rr_pooling_plan(rr_pooling *pooling, rr_arena *arena, size_t max_total, size_t max_rows, bool training);

/** x [total, width] packed, must live until backward; y [rows, width] in the order of the sequence's rows. */
void rr_pooling_forward(rr_pooling *pooling, const rr_params *params, const rr_sequence *sequence, const float *x,
                        float *y, const rr_hooks *hooks);

/** dy [rows, width]; dx [total, width] is overwritten. Adds to the gradients of the parameters. */
void rr_pooling_backward(rr_pooling *pooling, const rr_params *params, const rr_sequence *sequence, const float *x,
                         const float *dy, float *dx, const rr_hooks *hooks);

#endif
