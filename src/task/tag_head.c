/* What a tagger makes of the encoder's outputs: a softmax for every word, or a conditional random field. */
#include <math.h>
#include <string.h>

#include "base/profile.h"
#include "task/tag_model.h"

static void softmax_loss(rr_tagger *tagger, size_t total, float scale, bool predict, const rr_hooks *hooks) {
    rr_softmax_head_run(&tagger->head, &tagger->base.params,
                        &(rr_softmax_rows){.count = total,
                                           .x = tagger->encoder.top,
                                           .targets = tagger->targets,
                                           .scale = scale,
                                           .last = scale != 0,
                                           .dx = tagger->encoder.dtop,
                                           .nll = tagger->nll,
                                           .predicted = predict ? tagger->predicted : NULL},
                        hooks);
}

static void emit(rr_tagger *tagger, size_t total, const rr_hooks *hooks) {
    rr_phase outer = rr_profile_enter(RR_PHASE_HEAD);
    rr_linear_forward(&tagger->head.linear, &tagger->base.params, total, tagger->encoder.top, tagger->emissions, hooks);
    rr_profile_enter(outer);
}

static void crf_loss(rr_tagger *tagger, const rr_sequence *sequence, float scale, bool predict, const rr_hooks *hooks) {
    const rr_params *params = &tagger->base.params;
    emit(tagger, sequence->total, hooks);
    rr_phase outer = rr_profile_enter(RR_PHASE_LOSS);
    if (predict) rr_crf_decode(&tagger->crf, params, sequence, tagger->emissions, tagger->predicted);
    rr_crf_nll(&tagger->crf, params, sequence, tagger->emissions, tagger->targets, scale, tagger->row_nll);
    memset(tagger->nll, 0, sequence->total * sizeof *tagger->nll);
    memcpy(tagger->nll, tagger->row_nll, sequence->rows * sizeof *tagger->nll); /* the first words are the first rows */
    rr_hooks_tick(hooks);
    rr_profile_enter(RR_PHASE_HEAD);
    if (scale != 0)
        rr_linear_backward(&tagger->head.linear, params, sequence->total, tagger->encoder.top, tagger->emissions, false,
                           tagger->encoder.dtop, true, hooks);
    rr_profile_enter(outer);
}

void rr_tag_loss(rr_tagger *tagger, const rr_sequence *sequence, float scale, bool predict, const rr_hooks *hooks) {
    if (tagger->config.head == 1)
        crf_loss(tagger, sequence, scale, predict, hooks);
    else
        softmax_loss(tagger, sequence->total, scale, predict, hooks);
}

void rr_tag_decide(rr_tagger *tagger, const rr_sequence *sequence) {
    const rr_params *params = &tagger->base.params;
    if (tagger->config.head == 1) {
        emit(tagger, sequence->total, NULL);
        rr_crf_decode(&tagger->crf, params, sequence, tagger->emissions, tagger->predicted);
        rr_crf_marginals(&tagger->crf, params, sequence, tagger->emissions, tagger->predicted, tagger->marginals);
        return;
    }
    memset(tagger->targets, 0, sequence->total * sizeof *tagger->targets);
    softmax_loss(tagger, sequence->total, 0, true, NULL);
    memcpy(tagger->targets, tagger->predicted, sequence->total * sizeof *tagger->targets);
    softmax_loss(tagger, sequence->total, 0, false, NULL);
    for (size_t i = 0; i < sequence->total; i++) tagger->marginals[i] = (float)exp(-tagger->nll[i]);
}
