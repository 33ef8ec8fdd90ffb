/* Trained models without MPI: open a checkpoint, generate text, score text. For embedding ringrnn in other programs. */
#ifndef RINGRNN_MODEL_H
#define RINGRNN_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "ringrnn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A model with its vocabulary; one thread at a time may use it. */
typedef struct rr_model rr_model;

/** How text is drawn from a language model. */
typedef struct rr_generate_options {
    const char *prompt; /* text that comes first; NULL or "": none */
    size_t max_tokens;  /* tokens to draw after the prompt */
    double temperature; /* divides the logits; 0 takes the most likely token each time */
    size_t top_k;       /* draw among the k most likely tokens; 0: all */
    double top_p;  /* draw among the most likely tokens that together have this probability (Holtzman et al. 2020); 1:
                      all */
    uint64_t seed; /* the same seed gives the same text */
    /** Gets the text piece by piece as it is drawn (whole tokens, not NUL-terminated). */
    void (*emit)(void *ctx, const char *text, size_t length);
    void *ctx;
} rr_generate_options;

/**
 * Opens a checkpoint: one .safetensors file with weights, config and vocabulary, or a run folder, whose best it opens,
 * else its last.
 * @return RR_ERR_INPUT if the file cannot be read, is damaged or is not a ringrnn checkpoint; RR_ERR_NOMEM
 */
rr_status rr_model_open(const char *checkpoint, rr_model **out);
void rr_model_close(rr_model *model);

/** Number of trained scalars. */
size_t rr_model_parameters(const rr_model *model);

/** What the checkpoint records under a key ("step", "config", "vocab" ...), or NULL. Borrowed. */
const char *rr_model_meta(const rr_model *model, const char *key);

/** @return RR_ERR_INPUT if the model is no language model, an option is out of range, or the prompt is not UTF-8 */
rr_status rr_model_generate(rr_model *model, const rr_generate_options *options);

/**
 * Negative log-likelihood of a text under a language model, in nats, summed over `tokens` tokens (all but the first).
 * @return RR_ERR_INPUT as above
 */
rr_status rr_model_score(rr_model *model, const char *text, size_t length, double *nll, size_t *tokens);

/** Texts to predict of, together: many at a time are much quicker than one by one, and get the same results. */
typedef struct rr_prediction {
    const char *const *texts; /* [count] */
    const size_t *lengths;    /* [count] bytes */
    const char *const *names; /* [count] what errors call them, "file:line"; or NULL */
    size_t count;
    /**
     * Gets what the model says of each text, in their order: the members of a JSON object without its braces. Of a
     * language model: tokens, nll (nats, summed; a text begins after a line end), loss (nats a token), ppl.
     */
    void (*emit)(void *ctx, size_t index, const char *json);
    void *ctx;
} rr_prediction;

/** Whether what it predicts of is a whole file: then `texts` is one file, and emit gets a file (forecasts: CSV). */
int rr_model_reads_file(const rr_model *model);

/**
 * @return RR_ERR_INPUT if a text is not UTF-8, or longer than data.max_line_bytes; of a language model only if it is
 * not UTF-8, where characters are tokens
 */
rr_status rr_model_predict(rr_model *model, const rr_prediction *wanted);

#ifdef __cplusplus
}
#endif
#endif
