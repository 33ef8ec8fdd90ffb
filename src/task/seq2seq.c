#include "task/seq2seq.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/profile.h"
#include "task/seq2seq_model.h"

#define OWN(field) RR_VARIANT_FIELD(rr_task_config, rr_seq2seq_config, field)

static const char *const attentions[] = {"none", "dot", "general", "additive", NULL};

static const rr_key keys[] = {
    {.name = "unit",
     .type = RR_KEY_ENUM,
     .offset = OWN(unit),
     .preset = "word",
     .choices = rr_unit_names,
     .help = "what a token is: a byte, a Unicode character, or a word between blanks"},
    {.name = "attention",
     .type = RR_KEY_ENUM,
     .offset = OWN(attention),
     .preset = "general",
     .choices = attentions,
     .help = "how the decoder's output is compared with the encoder's: dot and general as Luong et al. (2015), "
             "additive as Bahdanau et al. (2015), or no attention"},
    {.name = "attention_scaled",
     .type = RR_KEY_BOOL,
     .offset = OWN(attention_scaled),
     .preset = "false",
     .help = "scores of dot and general are divided by the root of hidden_size (Vaswani et al. 2017); without it they "
             "grow large, and attention may learn to look at one place alone"},
    {.name = "input_feeding",
     .type = RR_KEY_BOOL,
     .offset = OWN(input_feeding),
     .preset = "false",
     .help = "what attention made of a step is an input of the next (Luong et al. 2015); slower: the decoder then runs "
             "step by step"},
    {.name = "share_vocab",
     .type = RR_KEY_BOOL,
     .offset = OWN(share_vocab),
     .preset = "false",
     .help = "one vocabulary, made from sources and targets together; needed with data.vocab.file"},
    {.name = "bpe",
     .type = RR_KEY_PATHS,
     .offset = OWN(bpe),
     .preset = "null",
     .word = "null",
     .help = "words become pieces by these codes (ringrnn bpe, subword-nmt): a file, or one for sources and one for "
             "targets; a checkpoint keeps them"},
    {.name = "label_smoothing",
     .type = RR_KEY_FLOAT,
     .offset = OWN(label_smoothing),
     .preset = "0",
     .min = 0,
     .max = 1,
     .below_max = true,
     .help = "this part of each target is spread over all tokens while training (Szegedy et al. 2016)"},
    {.name = "beam_size",
     .type = RR_KEY_SIZE,
     .offset = OWN(beam_size),
     .preset = "1",
     .min = 1,
     .max = 1000,
     .help = "hypotheses of the beam search in eval and predict; 1: greedy, as train's own evaluations always are"},
    {.name = "length_penalty",
     .type = RR_KEY_FLOAT,
     .offset = OWN(length_penalty),
     .preset = "1",
     .min = 0,
     .max = 10,
     .help = "log-probabilities are divided by ((5 + length) / 6) to this power (Wu et al. 2016)"},
    {.name = "max_output",
     .type = RR_KEY_SIZE,
     .offset = OWN(max_output),
     .preset = "null",
     .word = "null",
     .min = 1,
     .max = 1e6,
     .unit = "tokens",
     .help = "the search ends there; null: twice the source's tokens and 20 more"},
    {.name = NULL},
};

static rr_seq2seq *self(rr_task *task) { return (rr_seq2seq *)task; }
static const rr_seq2seq *self_const(const rr_task *task) { return (const rr_seq2seq *)task; }

int32_t rr_seq2seq_end(const rr_seq2seq *s) {
    int32_t eos = rr_vocab_eos(s->target_vocab);
    return eos >= 0 ? eos : (int32_t)rr_vocab_size(s->target_vocab);
}

size_t rr_seq2seq_classes(const rr_seq2seq *s) {
    return rr_vocab_size(s->target_vocab) + (rr_vocab_eos(s->target_vocab) < 0);
}

static void destroy(rr_task *task) {
    rr_seq2seq *s = self(task);
    rr_seq2seq_free_data(s);
    rr_batches_free(s->base.examples.order);
    free(s->lengths);
    rr_encoder_free(&s->encoder);
    rr_decoder_free(&s->decoder);
    rr_params_free(&s->base.params);
    free(s);
}

static rr_status declare_head(rr_seq2seq *s, size_t tied) {
    return rr_softmax_head_declare(&s->head, &s->base.params, "head", s->decoder.width, rr_seq2seq_classes(s), tied);
}

static rr_status declare(rr_seq2seq *s) {
    rr_params *params = &s->base.params;
    rr_model_config model = s->model;
    model.dropout_output = 0; /* it is on the decoder's output */
    RR_TRY(rr_encoder_create(&model, 0, 0, s->team, &s->encoder));
    rr_decoder_spec decoder = {.model = s->model,
                               .attends = s->config.attention > 0,
                               .attention = (rr_attention_kind)(s->config.attention - (s->config.attention > 0)),
                               .scaled = s->config.attention_scaled,
                               .input_feeding = s->config.input_feeding,
                               .memory_size = s->encoder.width,
                               .first_site = (uint32_t)model.num_layers + 1,
                               .team = s->team};
    decoder.model.bidirectional = false;
    RR_TRY(rr_decoder_create(&decoder, &s->decoder));
    s->bridge = (rr_bridge){.states = rr_cells[model.cell]->states,
                            .layers = model.num_layers,
                            .directions = model.bidirectional ? 2 : 1,
                            .hidden_size = model.hidden_size};
    if (!model.tie_weights) RR_TRY(declare_head(s, (size_t)-1));
    RR_TRY(rr_decoder_declare(&s->decoder, params, "decoder.", rr_seq2seq_classes(s)));
    if (model.tie_weights) RR_TRY(declare_head(s, s->decoder.embedding.weight));
    RR_TRY(rr_bridge_declare(&s->bridge, params, "bridge"));
    s->base.words = s->source_vocab;
    s->base.embedding = &s->encoder.embedding;
    return rr_encoder_declare(&s->encoder, params, "encoder.", rr_vocab_size(s->source_vocab));
}

static rr_status order_batches(rr_seq2seq *s, uint64_t seed) {
    const rr_seq2seq_set *set = &s->sets[RR_SPLIT_TRAIN];
    size_t count = set->sources.count;
    if (count == 0) return RR_OK;
    s->lengths = malloc(count * sizeof *s->lengths);
    if (s->lengths == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the lengths of %zu pairs", count);
    for (size_t i = 0; i < count; i++) {
        s->lengths[i] = set->sources.lengths[i] + set->targets.lengths[i] + 1;
        if (s->lengths[i] > s->base.tokens_a_row) s->base.tokens_a_row = s->lengths[i];
    }
    return rr_batches_create(s->lengths, count, s->global_batch_size, seed, &s->base.examples.order);
}

static rr_status check(const rr_task_setup *setup, const rr_seq2seq_config *own) {
    const rr_model_config *model = setup->model;
    if (own->input_feeding && own->attention == 0)
        return rr_config_fail(setup->config, "task.input_feeding", "needs task.attention");
    if (own->attention == 1 && model->bidirectional)
        return rr_config_fail(setup->config, "task.attention",
                              "dot compares vectors of equal size, but the encoder's are %zu (two directions) and the "
                              "decoder's %zu; take general or additive",
                              2 * model->hidden_size, model->hidden_size);
    if (model->tie_weights && model->embedding_size != model->hidden_size)
        return rr_config_fail(setup->config, "model.tie_weights",
                              "needs embedding_size equal to hidden_size, got %zu and %zu", model->embedding_size,
                              model->hidden_size);
    if (own->bpe.count > 2)
        return rr_config_fail(setup->config, "task.bpe", "has %zu files; one or two are allowed", own->bpe.count);
    if (own->bpe.count > 0 && own->unit != RR_UNIT_WORD)
        return rr_config_fail(setup->config, "task.bpe", "needs task.unit word: words become pieces");
    if (own->bpe.count == 2 && own->share_vocab)
        return rr_config_fail(setup->config, "task.bpe",
                              "needs one file of codes for one vocabulary (task.share_vocab)");
    if (setup->data->vocab.file != NULL && !own->share_vocab)
        return rr_config_fail(setup->config, "data.vocab.file",
                              "gives one vocabulary: set task.share_vocab to true, or leave it out");
    return RR_OK;
}

static rr_status create(const rr_task_setup *setup, rr_task **out) {
    const rr_seq2seq_config *own = (const rr_seq2seq_config *)(const void *)&setup->task->own;
    RR_TRY(check(setup, own));
    rr_seq2seq *s = calloc(1, sizeof *s);
    if (s == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for an encoder and decoder");
    s->base.ops = &rr_task_seq2seq;
    s->config = *own;
    s->model = *setup->model;
    s->team = setup->team;
    s->global_batch_size = setup->global_batch_size;
    s->rules = rr_text_data_rules(setup->data, (rr_unit)s->config.unit);
    rr_status status = rr_seq2seq_read(s, setup);
    if (status == RR_OK) status = declare(s);
    if (status == RR_OK) status = order_batches(s, setup->seed);
    if (status != RR_OK) {
        destroy(&s->base);
        return status;
    }
    *out = &s->base;
    return RR_OK;
}

static void plan(rr_task *task, rr_arena *arena, size_t micro_rows, size_t begin, size_t end, bool training) {
    (void)begin, (void)end;
    rr_seq2seq *s = self(task);
    size_t rows = micro_rows > 0 ? micro_rows : 1, H = s->model.hidden_size;
    size_t ends = rr_rnn_state_size(s->encoder.rnn), begins = s->decoder.state_size;
    rr_text_extent source = rr_text_extent_of(&s->taken, rows), target = {0};
    for (int split = 0; split < RR_SPLIT_COUNT; split++) {
        rr_text_extent_grow(&source, &s->sets[split].sources, rows);
        rr_text_extent_grow(&target, &s->sets[split].targets, rows);
    }
    size_t total = target.total + rows, longest = target.longest + 1; /* with their ends */
    s->beams = training ? 1 : s->config.beam_size;
    s->micro_rows = rows;
    rr_text_batch_plan(&s->sources, arena, source, rows);
    rr_sequence_room_plan(&s->room, arena, longest, rows);
    s->target_order = rr_arena_take(arena, rows * sizeof *s->target_order);
    s->source_row = rr_arena_take(arena, rows * sizeof *s->source_row);
    s->packed_row = rr_arena_take(arena, total * sizeof *s->packed_row);
    s->inputs = rr_arena_take(arena, total * sizeof *s->inputs);
    s->targets = rr_arena_take(arena, total * sizeof *s->targets);
    s->predicted = rr_arena_take(arena, total * sizeof *s->predicted);
    s->nll = rr_arena_take(arena, total * sizeof *s->nll);
    s->state = rr_arena_floats(arena, ends * rows);
    s->start = rr_arena_floats(arena, begins * rows);
    s->values = rr_arena_floats(arena, source.total * s->encoder.width);
    s->begin = rr_arena_take(arena, (rows + 1) * sizeof *s->begin);
    if (training) {
        s->dstate = rr_arena_floats(arena, ends * rows);
        s->dstart = rr_arena_floats(arena, begins * rows);
        s->dvalues = rr_arena_floats(arena, source.total * s->encoder.width);
    } else if (total < rows * s->beams) {
        total = rows * s->beams;
    }
    size_t live = rows * s->beams;
    s->live = rr_arena_floats(arena, begins * live);
    s->live_next = rr_arena_floats(arena, begins * live);
    s->fed = rr_arena_floats(arena, live * H);
    s->fed_next = rr_arena_floats(arena, live * H);
    rr_softmax_head_plan(&s->head, arena, s->team, total, training);
    rr_decoder_plan(&s->decoder, arena,
                    &(rr_decoder_room){.total = total,
                                       .steps = longest,
                                       .rows = live,
                                       .memory_rows = rows,
                                       .memory_vectors = source.total,
                                       .memory_longest = source.longest},
                    training);
    rr_bridge_plan(&s->bridge, arena, s->team, rows, training);
    rr_encoder_plan(&s->encoder, arena, source.total, source.longest, rows, training);
}

static rr_status load(rr_task *task, const rr_position *position, size_t begin, size_t end, rr_loss_count *count) {
    rr_seq2seq *s = self(task);
    const rr_seq2seq_set *set = &s->sets[RR_SPLIT_TRAIN];
    const uint32_t *examples;
    rr_examples_load(task, position);
    size_t rows = rr_examples_share(task, begin, end, &examples);
    *count = (rr_loss_count){.rows = (double)rows};
    rr_examples_count(s->lengths, examples, rows, count);
    for (size_t i = 0; i < rows; i++) count->targets += (double)set->targets.lengths[examples[i]] + 1;
    return RR_OK;
}

void rr_seq2seq_encode(rr_seq2seq *s, const rr_text_set *sources, const uint32_t *examples, size_t rows, size_t first,
                       const rr_dropout *dropout, const rr_hooks *hooks, rr_sequence *sequence) {
    rr_phase outer = rr_profile_enter(RR_PHASE_EMBEDDING);
    *sequence = rr_text_batch_fill(&s->sources, sources, examples, rows, first);
    rr_profile_enter(outer);
    rr_encoder_forward(&s->encoder, &s->base.params, sequence, s->sources.tokens, NULL, s->state, dropout, hooks);
    rr_memory_begin(sequence->lengths, rows, s->begin);
    rr_memory_from_packed(sequence, s->encoder.width, s->encoder.top, s->values);
    s->memory = (rr_memory){.rows = rows, .width = s->encoder.width, .begin = s->begin, .values = s->values};
}

/* What the decoder reads (the end, then the target) and what it shall say (the target, then the end). */
static rr_sequence fill_targets(rr_seq2seq *s, const rr_text_set *targets, const uint32_t *examples, size_t rows,
                                size_t first) {
    rr_text_batch_order(targets, examples, rows, s->target_order);
    rr_text_batch_match(s->sources.order, s->target_order, rows, s->source_row);
    for (size_t i = 0; i < rows; i++) {
        s->room.lengths[i] = targets->lengths[examples[s->target_order[i]]] + 1;
        s->room.row_id[i] = first + s->target_order[i];
    }
    rr_sequence sequence = rr_sequence_of(&s->room, rows);
    for (size_t i = 0; i < rows; i++) {
        const int32_t *text = rr_text_set_at(targets, examples[s->target_order[i]]);
        size_t length = sequence.lengths[i];
        for (size_t t = 0; t < length; t++) {
            size_t at = sequence.offset[t] + i;
            s->inputs[at] = t > 0 ? text[t - 1] : rr_seq2seq_end(s);
            s->targets[at] = t + 1 < length ? text[t] : rr_seq2seq_end(s);
            s->packed_row[at] = s->source_row[i];
        }
    }
    return sequence;
}

void rr_seq2seq_teach(rr_seq2seq *s, const rr_text_set *targets, const uint32_t *examples, size_t rows, size_t first,
                      const rr_dropout *dropout, const rr_hooks *hooks, rr_sequence *sequence, rr_decoding *call) {
    rr_phase outer = rr_profile_enter(RR_PHASE_EMBEDDING);
    *sequence = fill_targets(s, targets, examples, rows, first);
    rr_profile_enter(outer);
    rr_bridge_forward(&s->bridge, &s->base.params, rows, s->state, s->source_row, s->start, hooks);
    *call = (rr_decoding){.sequence = sequence,
                          .tokens = s->inputs,
                          .memory = s->config.attention > 0 ? &s->memory : NULL,
                          .row = s->packed_row,
                          .state = s->start,
                          .dropout = dropout,
                          .hooks = hooks};
    rr_decoder_forward(&s->decoder, &s->base.params, call);
}

/* Back through the encoder: from the gradients of its outputs (with attention) and of its last state. */
static void encoder_backward(rr_seq2seq *s, const rr_sequence *sequence, const rr_dropout *dropout,
                             const rr_hooks *hooks) {
    size_t width = s->encoder.width;
    if (s->config.attention > 0)
        rr_memory_to_packed(sequence, width, s->dvalues, false, s->encoder.dtop);
    else
        memset(s->encoder.dtop, 0, sequence->total * width * sizeof *s->encoder.dtop);
    rr_bridge_backward(&s->bridge, &s->base.params, sequence->rows, s->dstart, s->source_row, s->dstate, hooks);
    rr_encoder_backward(&s->encoder, &s->base.params, sequence, s->sources.tokens, s->dstate, dropout, hooks);
}

static rr_status train(rr_task *task, size_t begin, size_t end, float scale, const rr_dropout *dropout,
                       const rr_hooks *hooks, double *loss) {
    rr_seq2seq *s = self(task);
    const rr_seq2seq_set *set = &s->sets[RR_SPLIT_TRAIN];
    rr_params *params = &s->base.params;
    const uint32_t *examples;
    size_t rows = rr_examples_share(task, begin, end, &examples);
    *loss = 0;
    if (rows == 0) {
        rr_examples_none(task, hooks);
        return RR_OK;
    }
    rr_sequence sources, targets;
    rr_decoding call;
    rr_seq2seq_encode(s, &set->sources, examples, rows, begin, dropout, hooks, &sources);
    rr_seq2seq_teach(s, &set->targets, examples, rows, begin, dropout, hooks, &targets, &call);
    rr_softmax_head_run(&s->head, params,
                        &(rr_softmax_rows){.count = targets.total,
                                           .x = s->decoder.out,
                                           .targets = s->targets,
                                           .smoothing = (float)s->config.label_smoothing,
                                           .scale = scale,
                                           .last = !s->model.tie_weights,
                                           .dx = s->decoder.dout,
                                           .nll = s->nll},
                        hooks);
    for (size_t i = 0; i < targets.total; i++) *loss += s->nll[i];
    if (!s->model.tie_weights) rr_hooks_ready(hooks, rr_param_end(params, s->head.linear.bias));
    rr_decoder_backward(&s->decoder, params, &call, s->dvalues, s->dstart);
    encoder_backward(s, &sources, dropout, hooks);
    rr_hooks_ready(hooks, params->total);
    return RR_OK;
}

static size_t eval_units(const rr_task *task, rr_split split) { return self_const(task)->sets[split].sources.count; }

static size_t train_metrics(const rr_task *task, double loss, rr_metric *out) {
    (void)task;
    out[0] = (rr_metric){"ppl", exp(loss)};
    return 1;
}

static rr_task_cost cost(const rr_task *task) {
    const rr_seq2seq *s = self_const(task);
    const rr_seq2seq_set *set = &s->sets[RR_SPLIT_TRAIN];
    if (set->sources.count == 0) return (rr_task_cost){.macs_per_target = 0};
    double pairs = (double)set->sources.count, rows = (double)s->global_batch_size;
    double source = (double)rr_text_set_total(&set->sources) / pairs,
           target = (double)rr_text_set_total(&set->targets) / pairs + 1;
    double head = (double)s->head.linear.in_size * (double)s->head.linear.out_size;
    double attended = s->config.attention > 1 ? (double)s->encoder.width * (double)s->decoder.width : 0;
    if (rows > pairs) rows = pairs;
    return (rr_task_cost){.macs_per_target = rr_decoder_macs(&s->decoder, source) + head +
                                             source / target * (rr_encoder_macs(&s->encoder) + attended),
                          .targets_per_step = target * rows,
                          .tokens_per_step = (source + target) * rows};
}

static void describe_side(const char *name, const rr_text_set *texts, rr_buffer *out) {
    rr_buffer_printf(out, "; %s %zu tokens, %zu at most in one", name, texts->tokens.count, rr_text_set_longest(texts));
    if (texts->tokens.unknown > 0)
        rr_buffer_printf(out, ", %.2f %% unknown", 100.0 * (double)texts->tokens.unknown / (double)texts->tokens.count);
    if (texts->cut > 0) rr_buffer_printf(out, ", %zu cut", texts->cut);
}

static void describe(const rr_task *task, rr_buffer *out) {
    const rr_seq2seq *s = self_const(task);
    const char *unit = rr_unit_names[s->config.unit];
    if (s->source_vocab == s->target_vocab)
        rr_buffer_printf(out, "vocabulary %zu %ss of both sides\n", rr_vocab_size(s->source_vocab), unit);
    else
        rr_buffer_printf(out, "vocabulary %zu %ss of sources, %zu of targets\n", rr_vocab_size(s->source_vocab), unit,
                         rr_vocab_size(s->target_vocab));
    for (int split = 0; split < RR_SPLIT_COUNT; split++) {
        const rr_seq2seq_set *set = &s->sets[split];
        if (set->sources.count == 0) continue;
        rr_buffer_printf(out, "%s %zu pairs", rr_split_names[split], set->sources.count);
        describe_side("sources", &set->sources, out);
        describe_side("targets", &set->targets, out);
        rr_buffer_puts(out, "\n");
        rr_left_out_describe(&set->left_out, out);
    }
}

const rr_task_ops rr_task_seq2seq = {
    .name = "seq2seq",
    .help = "a text to a text (translation, arithmetic, spelling ...): an encoder, and a decoder with or without "
            "attention; reports loss, ppl, accuracy of tokens, exact (part of texts that are right), BLEU and chrF",
    .keys = keys,
    .create = create,
    .free = destroy,
    .plan = plan,
    .steps_per_epoch = rr_examples_steps,
    .load = load,
    .train = train,
    .commit = rr_task_no_commit,
    .carry_size = rr_task_no_carry_size,
    .carry_read = rr_task_no_carry_read,
    .carry_write = rr_task_no_carry_write,
    .eval_units = eval_units,
    .outcome_size = rr_seq2seq_outcome_size,
    .evaluate = rr_seq2seq_evaluate,
    .metrics = rr_seq2seq_metrics,
    .floors = rr_seq2seq_floors,
    .train_metrics = train_metrics,
    .take = rr_seq2seq_take,
    .predict = rr_seq2seq_predict,
    .vocab_json = rr_seq2seq_vocab_json,
    .cost = cost,
    .describe = describe,
};
