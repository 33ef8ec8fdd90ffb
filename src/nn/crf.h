/* Linear-chain conditional random field (Lafferty et al. 2001) on top of emissions, as the PyTorch package torchcrf. */
#ifndef RR_NN_CRF_H
#define RR_NN_CRF_H

#include "nn/params.h"
#include "nn/sequence.h"

typedef struct rr_crf {
    size_t tags;
    size_t start, end, transitions; /* indices of the parameters */
    /* What plan took. */
    float *weights;      /* [from, to] exp of the transitions */
    float *alpha, *beta; /* [steps, tags] of one row */
    float *products;     /* [from, to] sum over a batch of what becomes the transitions' gradient */
    float *scratch;      /* [2 tags] */
    int32_t *back;       /* [steps, tags] */
} rr_crf;

/** Adds "<prefix>.start_transitions" [tags], "<prefix>.end_transitions" [tags], "<prefix>.transitions" [from, to]. */
rr_status rr_crf_declare(rr_crf *crf, rr_params *params, const char *prefix, size_t tags);
void rr_crf_plan(rr_crf *crf, rr_arena *arena, size_t max_steps);

/**
 * Negative log-likelihood of the tags of each row (forward algorithm), and its gradient.
 *
 * @param[in,out] emissions [total, tags] packed; with scale not 0 they become scale * the gradient of the sum of nll,
 * and the gradients of the parameters are added to
 * @param[in] targets       [total], packed as the emissions
 * @param[out] nll          [rows], nats
 */
void rr_crf_nll(rr_crf *crf, const rr_params *params, const rr_sequence *sequence, float *emissions,
                const int32_t *targets, float scale, double *nll);

/** The most likely tags (Viterbi 1967), [total] packed; of equal ones the lower tag. */
void rr_crf_decode(rr_crf *crf, const rr_params *params, const rr_sequence *sequence, const float *emissions,
                   int32_t *tags);

/** p [total]: the marginal probability of each of these tags. */
void rr_crf_marginals(rr_crf *crf, const rr_params *params, const rr_sequence *sequence, const float *emissions,
                      const int32_t *tags, float *p);

#endif
