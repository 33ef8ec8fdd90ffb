/* The parts of a language model, shared by training (lm.c) and generation (lm_generate.c). */
#ifndef RR_TASK_LM_MODEL_H
#define RR_TASK_LM_MODEL_H

#include "data/streams.h"
#include "nn/encoder.h"
#include "nn/softmax_head.h"
#include "task/lm_floor.h"
#include "task/task.h"

/** The language model's own rows of the `task` section. */
typedef struct rr_lm_config {
    int unit; /* rr_unit */
} rr_lm_config;

typedef struct rr_lm {
    rr_task base;
    rr_model_config model;
    rr_team *team;
    rr_unit unit;
    size_t global_batch_size, bptt, eval_streams;

    rr_corpus corpus;
    rr_streams streams[RR_SPLIT_COUNT]; /* rows 0: no such data */
    uint64_t *counts;                   /* [vocabulary] of tokens in the training part; NULL: not known */
    rr_lm_floor floors[RR_SPLIT_COUNT]; /* of the data that is held out; NAN until counted */

    rr_encoder encoder;
    rr_softmax_head head;

    /* What plan took. N = bptt * micro_rows packed rows at most. */
    size_t micro_rows;
    size_t begin, end; /* rows of the global batch whose state is carried here */
    size_t state_size; /* floats of one row's state */
    int32_t *inputs;   /* [N] */
    int32_t *targets;  /* [N] */
    double *nll;       /* [N] */
    float *state;      /* [states, L, micro_rows, H]: as the layers want it */
    float *carry;      /* [end - begin, state_size]: the state that this step starts from */
    float *carry_next; /* same: what it carried out; they change places at commit */
    float *eval_carry; /* [micro_rows, state_size] */
    rr_sequence_room room;
    rr_shard_rows shards; /* of the rows that train was called with, if these are several shards */

    uint64_t window; /* of the current batch */
} rr_lm;

/** Logits of one token after another, for one stream; state [state_size] is read and replaced. Needs a plan. */
void rr_lm_next(rr_lm *lm, int32_t token, float *state, float *logits);

/**
 * Embedding to top layer of lm->inputs. carry, carry_out: [rows, state_size], may be the same. On return
 * lm->encoder.top holds [total, H].
 */
void rr_lm_forward(rr_lm *lm, const rr_sequence *sequence, const float *carry, float *carry_out,
                   const rr_dropout *dropout, const rr_hooks *hooks);

/**
 * Head and loss over lm->encoder.top [total, H]: lm->nll [total] of lm->targets; with scale not 0 also the
 * gradients of the head and lm->encoder.dtop.
 */
void rr_lm_head(rr_lm *lm, size_t total, float scale, rr_shard_rows *shards, const rr_hooks *hooks);

/** What stands before the first token of a text: the end of a sentence, or a line. */
int32_t rr_lm_start_token(const rr_lm *lm);

rr_status rr_lm_predict(rr_task *task, const rr_text *texts, size_t count, rr_buffer *out);
rr_status rr_lm_generate(rr_task *task, const rr_generate_options *options);
rr_status rr_lm_score(rr_task *task, const char *text, size_t length, double *nll, size_t *tokens);

#endif
