/* The class of a whole sentence, learnt together with the tags of its words (Liu and Lane 2016). */
#include <string.h>

#include "base/profile.h"
#include "math/pointwise.h"
#include "task/tag_model.h"

rr_status rr_tag_sentence_declare(rr_tagger *tagger) {
    rr_sentence_label *s = &tagger->sentence;
    rr_pooling_spec pooling = {.kind = (rr_pooling_kind)tagger->config.pooling,
                               .hidden_size = tagger->model.hidden_size,
                               .directions = tagger->model.bidirectional ? 2 : 1,
                               .team = tagger->team};
    RR_TRY(rr_pooling_create(&pooling, &s->pooling));
    RR_TRY(rr_softmax_head_declare(&s->head, &tagger->base.params, "sentence", tagger->encoder.width, s->labels.count,
                                   (size_t)-1));
    return rr_pooling_declare(s->pooling, &tagger->base.params, "sentence.pooling");
}

void rr_tag_sentence_plan(rr_tagger *tagger, rr_arena *arena, size_t total, size_t rows, bool training) {
    rr_sentence_label *s = &tagger->sentence;
    size_t width = tagger->encoder.width;
    s->pooled = rr_arena_floats(arena, rows * width);
    s->dpooled = training ? rr_arena_floats(arena, rows * width) : NULL;
    s->dx = training ? rr_arena_floats(arena, total * width) : NULL;
    s->targets = rr_arena_take(arena, rows * sizeof *s->targets);
    s->predicted = rr_arena_take(arena, rows * sizeof *s->predicted);
    s->nll = rr_arena_take(arena, rows * sizeof *s->nll);
    rr_softmax_head_plan(&s->head, arena, tagger->team, rows, training);
    rr_pooling_plan(s->pooling, arena, total, rows, training);
}

static void run(rr_tagger *tagger, const rr_sequence *sequence, float scale, const rr_hooks *hooks) {
    rr_sentence_label *s = &tagger->sentence;
    rr_phase outer = rr_profile_enter(RR_PHASE_HEAD);
    rr_pooling_forward(s->pooling, &tagger->base.params, sequence, tagger->encoder.top, s->pooled, hooks);
    rr_profile_enter(outer);
    rr_softmax_head_run(&s->head, &tagger->base.params,
                        &(rr_softmax_rows){.count = sequence->rows,
                                           .x = s->pooled,
                                           .targets = s->targets,
                                           .scale = scale,
                                           .last = scale != 0,
                                           .dx = s->dpooled,
                                           .nll = s->nll,
                                           .predicted = s->predicted},
                        hooks);
}

void rr_tag_sentence_loss(rr_tagger *tagger, const rr_tag_set *set, const uint32_t *examples,
                          const rr_sequence *sequence, float scale, const rr_hooks *hooks) {
    rr_sentence_label *s = &tagger->sentence;
    for (size_t i = 0; i < sequence->rows; i++) s->targets[i] = set->classes[examples[tagger->texts.order[i]]];
    run(tagger, sequence, scale, hooks);
    if (scale == 0) return;
    rr_pooling_backward(s->pooling, &tagger->base.params, sequence, tagger->encoder.top, s->dpooled, s->dx, hooks);
    rr_axpy(sequence->total * tagger->encoder.width, 1, s->dx, tagger->encoder.dtop);
}

void rr_tag_sentence_decide(rr_tagger *tagger, const rr_sequence *sequence) {
    rr_sentence_label *s = &tagger->sentence;
    memset(s->targets, 0, sequence->rows * sizeof *s->targets);
    run(tagger, sequence, 0, NULL);
    memcpy(s->targets, s->predicted, sequence->rows * sizeof *s->targets);
    run(tagger, sequence, 0, NULL);
}
