#include "task/tag.h"

#include <stdlib.h>
#include <string.h>

#include "base/profile.h"
#include "data/source.h"
#include "task/tag_model.h"

#define OWN(field) RR_VARIANT_FIELD(rr_task_config, rr_tag_config, field)

static const char *const heads[] = {"softmax", "crf", NULL};

static const rr_key keys[] = {
    {.name = "head",
     .type = RR_KEY_ENUM,
     .offset = OWN(head),
     .preset = "softmax",
     .choices = heads,
     .help = "each tag by itself, or the most likely sequence of tags by a conditional random field (Lafferty et al. "
             "2001)"},
    {.name = "char_features",
     .type = RR_KEY_ENUM,
     .offset = OWN(char_features),
     .preset = "none",
     .choices = rr_char_reader_names,
     .help = "a word is its embedding alone, or has beside it what an LSTM reads in its characters, in both directions "
             "(Lample et al. 2016), or what a convolution finds in them (Ma and Hovy 2016); words keep their case "
             "there, and the first 64 characters"},
    {.name = "char_embedding_size",
     .type = RR_KEY_SIZE,
     .offset = OWN(char_embedding_size),
     .preset = "25",
     .min = 1,
     .max = 1e5,
     .unit = "units",
     .help = "size of an embedded character"},
    {.name = "char_hidden_size",
     .type = RR_KEY_SIZE,
     .offset = OWN(char_hidden_size),
     .preset = "25",
     .min = 1,
     .max = 1e5,
     .unit = "units",
     .help = "units of the LSTM over characters, in each direction, or filters of the convolution"},
    {.name = "char_kernel_size",
     .type = RR_KEY_SIZE,
     .offset = OWN(char_kernel_size),
     .preset = "3",
     .min = 1,
     .max = 64,
     .unit = "characters",
     .help = "how many characters beside each other a filter of the convolution sees; there are zeros before and "
             "behind a word"},
    {.name = "sentence_label",
     .type = RR_KEY_BOOL,
     .offset = OWN(sentence_label),
     .preset = "false",
     .help = "a sentence has a class, too (the intent of a command), from a third field; both are learnt together"},
    {.name = "pooling",
     .type = RR_KEY_ENUM,
     .offset = OWN(pooling),
     .preset = "max",
     .choices = rr_pooling_names,
     .help = "with sentence_label: a sentence as one vector, as in task classify"},
    {.name = NULL},
};

static rr_tagger *self(rr_task *task) { return (rr_tagger *)task; }
static const rr_tagger *self_const(const rr_task *task) { return (const rr_tagger *)task; }

static void destroy(rr_task *task) {
    rr_tagger *tagger = self(task);
    rr_tag_free_data(tagger);
    rr_batches_free(tagger->base.examples.order);
    rr_pooling_free(tagger->sentence.pooling);
    rr_encoder_free(&tagger->encoder);
    rr_char_encoder_free(&tagger->chars);
    rr_params_free(&tagger->base.params);
    free(tagger);
}

static rr_status declare(rr_tagger *tagger) {
    const rr_tag_config *own = &tagger->config;
    rr_params *params = &tagger->base.params;
    rr_char_spec chars = {.reader = (rr_char_reader)own->char_features,
                          .embedding_size = own->char_embedding_size,
                          .hidden_size = own->char_hidden_size,
                          .kernel_size = own->char_kernel_size,
                          .team = tagger->team};
    if (chars.reader != RR_CHARS_NONE) RR_TRY(rr_char_encoder_create(&chars, &tagger->chars));
    RR_TRY(rr_encoder_create(&tagger->model, tagger->chars.width, 0, tagger->team, &tagger->encoder));
    if (own->sentence_label) RR_TRY(rr_tag_sentence_declare(tagger));
    if (own->head == 1) RR_TRY(rr_crf_declare(&tagger->crf, params, "crf", tagger->labels.count));
    RR_TRY(rr_softmax_head_declare(&tagger->head, params, "head", tagger->encoder.width, tagger->labels.count,
                                   (size_t)-1));
    tagger->base.words = tagger->vocab;
    tagger->base.embedding = &tagger->encoder.embedding;
    RR_TRY(rr_encoder_declare(&tagger->encoder, params, "", rr_vocab_size(tagger->vocab)));
    if (own->char_features == 0) return RR_OK;
    return rr_char_encoder_declare(&tagger->chars, params, "characters.", rr_vocab_size(tagger->characters));
}

static rr_status order_batches(rr_tagger *tagger, uint64_t seed) {
    const rr_text_set *texts = &tagger->sets[RR_SPLIT_TRAIN].texts;
    if (texts->count == 0) return RR_OK;
    tagger->base.tokens_a_row = rr_text_set_longest(texts);
    return rr_batches_create(texts->lengths, texts->count, tagger->global_batch_size, seed,
                             &tagger->base.examples.order);
}

static rr_status check(const rr_task_setup *setup) {
    if (setup->model->tie_weights)
        return rr_config_fail(setup->config, "model.tie_weights", "must be false for tagging: tags are no tokens");
    if (setup->data->split_punctuation)
        return rr_config_fail(setup->config, "data.split_punctuation",
                              "must be false for tagging, whose files say what a token is");
    const rr_tag_config *own = (const rr_tag_config *)(const void *)&setup->task->own;
    const char *format = rr_source_names[setup->data->format];
    if (own->sentence_label && setup->synthetic_steps == 0 && strcmp(format, "parallel") != 0 &&
        strcmp(format, "tsv") != 0 && strcmp(format, "csv") != 0)
        return rr_config_fail(setup->config, "data.format",
                              "must be parallel, tsv or csv with task.sentence_label: tokens, tags and a label");
    return RR_OK;
}

static rr_status create(const rr_task_setup *setup, rr_task **out) {
    RR_TRY(check(setup));
    rr_tagger *tagger = calloc(1, sizeof *tagger);
    if (tagger == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a tagger");
    tagger->base.ops = &rr_task_tag;
    tagger->config = *(const rr_tag_config *)(const void *)&setup->task->own;
    tagger->model = *setup->model;
    tagger->team = setup->team;
    tagger->global_batch_size = setup->global_batch_size;
    tagger->rules = rr_text_data_rules(setup->data, RR_UNIT_WORD);
    rr_status status = rr_tag_read(tagger, setup);
    if (status == RR_OK) status = declare(tagger);
    if (status == RR_OK) status = order_batches(tagger, setup->seed);
    if (status != RR_OK) {
        destroy(&tagger->base);
        return status;
    }
    *out = &tagger->base;
    return RR_OK;
}

static void plan_chars(rr_tagger *tagger, rr_arena *arena, size_t words, bool training) {
    rr_text_extent most = rr_text_extent_of(&tagger->taken.forms.texts, words);
    size_t forms = tagger->taken.forms.table.count;
    for (int split = 0; split < RR_SPLIT_COUNT; split++) {
        size_t count = tagger->sets[split].forms.table.count;
        rr_text_extent_grow(&most, &tagger->sets[split].forms.texts, words);
        if (count > forms) forms = count;
    }
    tagger->forms = rr_arena_take(arena, words * sizeof *tagger->forms);
    rr_char_encoder_plan(&tagger->chars, arena, words, most, forms, training);
}

static void plan(rr_task *task, rr_arena *arena, size_t micro_rows, size_t begin, size_t end, bool training) {
    (void)begin, (void)end;
    rr_tagger *tagger = self(task);
    size_t rows = micro_rows > 0 ? micro_rows : 1;
    rr_text_extent most = rr_text_extent_of(&tagger->taken.texts, rows);
    for (int split = 0; split < RR_SPLIT_COUNT; split++) rr_text_extent_grow(&most, &tagger->sets[split].texts, rows);
    size_t total = most.total, longest = most.longest;
    tagger->micro_rows = rows;
    rr_text_batch_plan(&tagger->texts, arena, most, rows);
    tagger->targets = rr_arena_take(arena, total * sizeof *tagger->targets);
    tagger->predicted = rr_arena_take(arena, total * sizeof *tagger->predicted);
    tagger->row_gold = rr_arena_take(arena, longest * sizeof *tagger->row_gold);
    tagger->row_said = rr_arena_take(arena, longest * sizeof *tagger->row_said);
    tagger->nll = rr_arena_take(arena, total * sizeof *tagger->nll);
    tagger->marginals = rr_arena_floats(arena, total);
    if (tagger->config.head == 0) {
        rr_softmax_head_plan(&tagger->head, arena, tagger->team, total, training);
    } else { /* all emissions at once */
        rr_linear_plan(&tagger->head.linear, arena, tagger->team, total, training);
        tagger->emissions = rr_arena_floats(arena, total * tagger->labels.count);
        tagger->row_nll = rr_arena_take(arena, rows * sizeof *tagger->row_nll);
        rr_crf_plan(&tagger->crf, arena, longest);
    }
    if (tagger->config.sentence_label) rr_tag_sentence_plan(tagger, arena, total, rows, training);
    if (tagger->config.char_features > 0) plan_chars(tagger, arena, total, training);
    rr_encoder_plan(&tagger->encoder, arena, total, longest, rows, training);
}

static rr_status load(rr_task *task, const rr_position *position, size_t begin, size_t end, rr_loss_count *count) {
    rr_tagger *tagger = self(task);
    const rr_text_set *texts = &tagger->sets[RR_SPLIT_TRAIN].texts;
    const uint32_t *examples;
    rr_examples_load(task, position);
    size_t rows = rr_examples_share(task, begin, end, &examples);
    *count = (rr_loss_count){.rows = (double)rows};
    rr_examples_count(texts->lengths, examples, rows, count);
    count->targets = count->tokens;
    return RR_OK;
}

/* The forms of the packed tokens. */
static void fill_forms(rr_tagger *tagger, const rr_tag_set *set, const uint32_t *examples,
                       const rr_sequence *sequence) {
    for (size_t i = 0; i < sequence->rows; i++) {
        const uint32_t *forms = set->forms.of_token + set->texts.begin[examples[tagger->texts.order[i]]];
        for (size_t t = 0; t < sequence->lengths[i]; t++) tagger->forms[sequence->offset[t] + i] = forms[t];
    }
}

void rr_tag_forward(rr_tagger *tagger, const rr_tag_set *set, const uint32_t *examples, size_t rows, size_t first,
                    const rr_dropout *dropout, const rr_hooks *hooks, rr_sequence *sequence) {
    const rr_params *params = &tagger->base.params;
    rr_phase outer = rr_profile_enter(RR_PHASE_EMBEDDING);
    *sequence = rr_text_batch_fill(&tagger->texts, &set->texts, examples, rows, first);
    rr_profile_enter(outer);
    if (tagger->config.char_features > 0) {
        fill_forms(tagger, set, examples, sequence);
        rr_char_encoder_forward(&tagger->chars, params, &set->forms, tagger->forms, sequence->total,
                                tagger->encoder.features, hooks);
    }
    rr_encoder_forward(&tagger->encoder, params, sequence, tagger->texts.tokens, NULL, NULL, dropout, hooks);
}

void rr_tag_targets(rr_tagger *tagger, const rr_tag_set *set, const uint32_t *examples, const rr_sequence *sequence) {
    for (size_t i = 0; i < sequence->rows; i++) {
        const int32_t *tags = set->tags + set->texts.begin[examples[tagger->texts.order[i]]];
        for (size_t t = 0; t < sequence->lengths[i]; t++) tagger->targets[sequence->offset[t] + i] = tags[t];
    }
}

static rr_status train(rr_task *task, size_t begin, size_t end, float scale, const rr_dropout *dropout,
                       const rr_hooks *hooks, double *loss) {
    rr_tagger *tagger = self(task);
    const rr_tag_set *set = &tagger->sets[RR_SPLIT_TRAIN];
    rr_params *params = &tagger->base.params;
    const uint32_t *examples;
    size_t rows = rr_examples_share(task, begin, end, &examples);
    *loss = 0;
    if (rows == 0) {
        rr_examples_none(task, hooks);
        return RR_OK;
    }
    rr_sequence sequence;
    rr_tag_forward(tagger, set, examples, rows, begin, dropout, hooks, &sequence);
    rr_tag_targets(tagger, set, examples, &sequence);
    rr_tag_loss(tagger, &sequence, scale, false, hooks);
    for (size_t i = 0; i < sequence.total; i++) *loss += tagger->nll[i];
    if (tagger->config.sentence_label) {
        rr_tag_sentence_loss(tagger, set, examples, &sequence, scale, hooks);
        for (size_t i = 0; i < rows; i++) *loss += tagger->sentence.nll[i];
    }
    rr_hooks_ready(hooks, rr_param_end(params, tagger->head.linear.bias));
    rr_encoder_backward(&tagger->encoder, params, &sequence, tagger->texts.tokens, NULL, dropout, hooks);
    if (tagger->config.char_features > 0)
        rr_char_encoder_backward(&tagger->chars, params, tagger->forms, sequence.total, tagger->encoder.dfeatures,
                                 hooks);
    rr_hooks_ready(hooks, params->total);
    return RR_OK;
}

static size_t eval_units(const rr_task *task, rr_split split) { return self_const(task)->sets[split].texts.count; }

static size_t train_metrics(const rr_task *task, double loss, rr_metric *out) {
    (void)task, (void)loss, (void)out;
    return 0;
}

static rr_task_cost cost(const rr_task *task) {
    const rr_tagger *tagger = self_const(task);
    const rr_text_set *texts = &tagger->sets[RR_SPLIT_TRAIN].texts;
    double tokens = (double)rr_text_set_total(texts);
    if (texts->count > 0) tokens *= (double)tagger->global_batch_size / (double)texts->count;
    return (rr_task_cost){.macs_per_target = rr_encoder_macs(&tagger->encoder) +
                                             (double)tagger->head.linear.in_size * (double)tagger->head.linear.out_size,
                          .targets_per_step = tokens,
                          .tokens_per_step = tokens};
}

static void describe(const rr_task *task, rr_buffer *out) {
    const rr_tagger *tagger = self_const(task);
    rr_buffer_printf(out, "vocabulary %zu words; %zu tags", rr_vocab_size(tagger->vocab), tagger->labels.count);
    if (tagger->spans.any) rr_buffer_puts(out, ", which mark spans");
    if (tagger->config.sentence_label)
        rr_buffer_printf(out, "; %zu classes of sentences", tagger->sentence.labels.count);
    rr_buffer_puts(out, "\n");
    for (int split = 0; split < RR_SPLIT_COUNT; split++) {
        const rr_tag_set *set = &tagger->sets[split];
        if (set->texts.count == 0) continue;
        rr_buffer_printf(out, "%s %zu sentences, %zu words, %zu at most in one", rr_split_names[split],
                         set->texts.count, set->texts.tokens.count, rr_text_set_longest(&set->texts));
        rr_text_data_describe(task, (rr_split)split, &set->texts, &set->left_out, out);
    }
}

const rr_task_ops rr_task_tag = {
    .name = "tag",
    .help =
        "tagging: a class for every word of a sentence; reports loss, accuracy and, for B- and I- tags, F1 of spans",
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
    .outcome_size = rr_tag_outcome_size,
    .evaluate = rr_tag_evaluate,
    .metrics = rr_tag_metrics,
    .report = rr_tag_report,
    .floors = rr_tag_floors,
    .train_metrics = train_metrics,
    .take = rr_tag_take,
    .predict = rr_tag_predict,
    .vocab_json = rr_tag_vocab_json,
    .cost = cost,
    .describe = describe,
};
