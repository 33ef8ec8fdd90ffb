#include "task/classify.h"

#include <stdlib.h>
#include <string.h>

#include "base/profile.h"
#include "math/pointwise.h"
#include "task/classify_model.h"

#define OWN(field) RR_VARIANT_FIELD(rr_task_config, rr_classify_config, field)

static const rr_key keys[] = {
    {.name = "unit",
     .type = RR_KEY_ENUM,
     .offset = OWN(unit),
     .preset = "word",
     .choices = rr_unit_names,
     .help = "what a token is: a byte, a Unicode character, or a word between blanks"},
    {.name = "pooling",
     .type = RR_KEY_ENUM,
     .offset = OWN(pooling),
     .preset = "last",
     .choices = rr_pooling_names,
     .help =
         "a text as one vector: the last output (of both directions), their mean, their maximum, or a learnt weighted "
         "mean (Yang et al. 2016)"},
    {.name = "multi_label",
     .type = RR_KEY_BOOL,
     .offset = OWN(multi_label),
     .preset = "false",
     .help = "a text may have any number of labels: a sigmoid for each instead of one softmax"},
    {.name = "label_separator",
     .type = RR_KEY_STRING,
     .offset = OWN(label_separator),
     .preset = "\",\"",
     .help = "what stands between the labels of a text, with multi_label"},
    {.name = "balance_classes",
     .type = RR_KEY_BOOL,
     .offset = OWN(balance_classes),
     .preset = "false",
     .help = "the loss of a class is weighted by examples / (classes x examples of the class)"},
    {.name = "class_weights",
     .type = RR_KEY_FLOATS,
     .offset = OWN(class_weights),
     .preset = "null",
     .word = "null",
     .min = 0,
     .max = 1e6,
     .help = "weights of the classes in the loss, in order of their names by bytes, as CrossEntropyLoss(weight=)"},
    {.name = NULL},
};

static rr_classify *self(rr_task *task) { return (rr_classify *)task; }
static const rr_classify *self_const(const rr_task *task) { return (const rr_classify *)task; }

static void destroy(rr_task *task) {
    rr_classify *c = self(task);
    rr_classify_free_data(c);
    rr_batches_free(c->base.examples.order);
    rr_pooling_free(c->pooling);
    rr_encoder_free(&c->encoder);
    rr_params_free(&c->base.params);
    free(c);
}

static rr_status declare(rr_classify *c) {
    rr_model_config model = c->model;
    model.dropout_output = 0; /* it is on the pooled vector instead */
    RR_TRY(rr_encoder_create(&model, 0, 0, c->team, &c->encoder));
    rr_pooling_spec pooling = {.kind = (rr_pooling_kind)c->config.pooling,
                               .hidden_size = c->model.hidden_size,
                               .directions = c->model.bidirectional ? 2 : 1,
                               .team = c->team};
    RR_TRY(rr_pooling_create(&pooling, &c->pooling));
    rr_params *params = &c->base.params;
    RR_TRY(rr_softmax_head_declare(&c->head, params, "head", c->encoder.width, rr_classify_classes(c), (size_t)-1));
    RR_TRY(rr_pooling_declare(c->pooling, params, "pooling"));
    c->base.words = c->vocab;
    c->base.embedding = &c->encoder.embedding;
    return rr_encoder_declare(&c->encoder, params, "", rr_vocab_size(c->vocab));
}

static rr_status order_batches(rr_classify *c, uint64_t seed) {
    const rr_text_set *texts = &c->sets[RR_SPLIT_TRAIN].texts;
    if (texts->count == 0) return RR_OK;
    c->base.tokens_a_row = rr_text_set_longest(texts);
    return rr_batches_create(texts->lengths, texts->count, c->global_batch_size, seed, &c->base.examples.order);
}

static rr_status create(const rr_task_setup *setup, rr_task **out) {
    if (setup->model->tie_weights)
        return rr_config_fail(setup->config, "model.tie_weights",
                              "must be false for classification: classes are no tokens");
    rr_classify *c = calloc(1, sizeof *c);
    if (c == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a classifier");
    c->base.ops = &rr_task_classify;
    c->config = *(const rr_classify_config *)(const void *)&setup->task->own;
    c->model = *setup->model;
    c->team = setup->team;
    c->global_batch_size = setup->global_batch_size;
    c->rules = rr_text_data_rules(setup->data, (rr_unit)c->config.unit);
    rr_status status = rr_classify_read(c, setup);
    if (status == RR_OK) status = declare(c);
    if (status == RR_OK) status = order_batches(c, setup->seed);
    if (status != RR_OK) {
        destroy(&c->base);
        return status;
    }
    *out = &c->base;
    return RR_OK;
}

static void plan(rr_task *task, rr_arena *arena, size_t micro_rows, size_t begin, size_t end, bool training) {
    (void)begin, (void)end;
    rr_classify *c = self(task);
    size_t rows = micro_rows > 0 ? micro_rows : 1, classes = rr_classify_classes(c), width = c->encoder.width;
    rr_text_extent most = rr_text_extent_of(&c->taken, rows);
    for (int split = 0; split < RR_SPLIT_COUNT; split++) rr_text_extent_grow(&most, &c->sets[split].texts, rows);
    c->micro_rows = rows;
    rr_text_batch_plan(&c->texts, arena, most, rows);
    c->targets = rr_arena_take(arena, rows * sizeof *c->targets);
    c->predicted = rr_arena_take(arena, rows * sizeof *c->predicted);
    c->multi = c->config.multi_label ? rr_arena_floats(arena, rows * classes) : NULL;
    c->pooled = rr_arena_floats(arena, rows * width);
    c->dpooled = training ? rr_arena_floats(arena, rows * width) : NULL;
    c->probabilities = rr_arena_floats(arena, rows * classes);
    c->nll = rr_arena_take(arena, rows * sizeof *c->nll);
    rr_softmax_head_plan(&c->head, arena, c->team, rows, training);
    rr_pooling_plan(c->pooling, arena, most.total, rows, training);
    rr_encoder_plan(&c->encoder, arena, most.total, most.longest, rows, training);
}

static rr_status load(rr_task *task, const rr_position *position, size_t begin, size_t end, rr_loss_count *count) {
    rr_classify *c = self(task);
    const rr_classify_set *set = &c->sets[RR_SPLIT_TRAIN];
    const uint32_t *examples;
    rr_examples_load(task, position);
    size_t rows = rr_examples_share(task, begin, end, &examples);
    *count = (rr_loss_count){.rows = (double)rows};
    rr_examples_count(set->texts.lengths, examples, rows, count);
    for (size_t i = 0; i < rows; i++)
        count->targets += c->config.multi_label ? (double)rr_classify_classes(c)
                                                : (double)rr_classify_weight(c, set->labels[examples[i]]);
    return RR_OK;
}

void rr_classify_forward(rr_classify *c, const rr_text_set *texts, const uint32_t *examples, size_t rows, size_t first,
                         const rr_dropout *dropout, const rr_hooks *hooks, rr_sequence *sequence) {
    const rr_params *params = &c->base.params;
    rr_phase outer = rr_profile_enter(RR_PHASE_EMBEDDING);
    *sequence = rr_text_batch_fill(&c->texts, texts, examples, rows, first);
    rr_profile_enter(outer);
    rr_encoder_forward(&c->encoder, params, sequence, c->texts.tokens, NULL, NULL, dropout, hooks);
    outer = rr_profile_enter(RR_PHASE_HEAD);
    rr_pooling_forward(c->pooling, params, sequence, c->encoder.top, c->pooled, hooks);
    rr_dropout_rows(dropout, (uint32_t)c->model.num_layers, (float)c->model.dropout_output, sequence, c->encoder.width,
                    c->pooled);
    rr_profile_enter(outer);
}

/* Loss of the pooled rows, and with scale not 0 its gradient in c->dpooled. */
static void multi_label_loss(rr_classify *c, size_t rows, float scale, const rr_hooks *hooks) {
    rr_linear *linear = &c->head.linear;
    const rr_params *params = &c->base.params;
    size_t classes = linear->out_size, block = c->head.block_rows;
    for (size_t first = 0; first < rows; first += block) {
        size_t count = rows - first < block ? rows - first : block;
        const float *x = c->pooled + first * linear->in_size;
        rr_linear_forward(linear, params, count, x, c->head.logits, hooks);
        rr_sigmoid_bce(count, classes, c->head.logits, classes, c->multi + first * classes, scale, c->nll + first);
        if (scale != 0)
            rr_linear_backward(linear, params, count, x, c->head.logits, false, c->dpooled + first * linear->in_size,
                               first + count == rows, hooks);
    }
}

static void loss_of(rr_classify *c, const rr_classify_set *set, const uint32_t *examples, size_t rows, float scale,
                    const rr_hooks *hooks) {
    size_t classes = rr_classify_classes(c);
    for (size_t i = 0; i < rows && set->labels != NULL; i++) c->targets[i] = set->labels[examples[c->texts.order[i]]];
    for (size_t i = 0; i < rows && set->multi != NULL; i++)
        memcpy(c->multi + i * classes, set->multi + examples[c->texts.order[i]] * classes, classes * sizeof *c->multi);
    if (c->config.multi_label)
        multi_label_loss(c, rows, scale, hooks);
    else
        rr_softmax_head_run(&c->head, &c->base.params,
                            &(rr_softmax_rows){.count = rows,
                                               .x = c->pooled,
                                               .targets = c->targets,
                                               .weights = c->class_weights,
                                               .scale = scale,
                                               .last = true,
                                               .dx = c->dpooled,
                                               .nll = c->nll,
                                               .predicted = c->predicted},
                            hooks);
}

static rr_status train(rr_task *task, size_t begin, size_t end, float scale, const rr_dropout *dropout,
                       const rr_hooks *hooks, double *loss) {
    rr_classify *c = self(task);
    const rr_classify_set *set = &c->sets[RR_SPLIT_TRAIN];
    rr_params *params = &c->base.params;
    const uint32_t *examples;
    size_t rows = rr_examples_share(task, begin, end, &examples);
    *loss = 0;
    if (rows == 0) {
        rr_examples_none(task, hooks);
        return RR_OK;
    }
    rr_sequence sequence;
    rr_classify_forward(c, &set->texts, examples, rows, begin, dropout, hooks, &sequence);
    loss_of(c, set, examples, rows, scale, hooks);
    for (size_t i = 0; i < rows; i++) *loss += c->nll[i];

    rr_hooks_ready(hooks, rr_param_end(params, c->head.linear.bias));
    rr_dropout_rows(dropout, (uint32_t)c->model.num_layers, (float)c->model.dropout_output, &sequence, c->encoder.width,
                    c->dpooled);
    rr_pooling_backward(c->pooling, params, &sequence, c->encoder.top, c->dpooled, c->encoder.dtop, hooks);
    rr_encoder_backward(&c->encoder, params, &sequence, c->texts.tokens, NULL, dropout, hooks);
    rr_hooks_ready(hooks, params->total);
    return RR_OK;
}

static size_t eval_units(const rr_task *task, rr_split split) { return self_const(task)->sets[split].texts.count; }

enum { LOSS, WEIGHT, GOLD, PREDICTED, MARKS = WEIGHT + 1 };

/* Of one label: loss, weight, true and predicted class. Of several: loss, weight, and 1 x true + 2 x predicted of each.
 */
size_t rr_classify_outcome_size(const rr_task *task) {
    const rr_classify *c = self_const(task);
    return c->config.multi_label ? MARKS + rr_classify_classes(c) : PREDICTED + 1;
}

static void put_marks(rr_classify *c, size_t row, double *out) {
    rr_linear *linear = &c->head.linear;
    size_t classes = linear->out_size;
    rr_linear_forward(linear, &c->base.params, 1, c->pooled + row * linear->in_size, c->head.logits, NULL);
    out[WEIGHT] = (double)classes;
    for (size_t k = 0; k < classes; k++)
        out[MARKS + k] = (double)c->multi[row * classes + k] + (c->head.logits[k] > 0 ? 2 : 0);
}

static rr_status evaluate(rr_task *task, rr_split split, const uint32_t *examples, size_t rows, const rr_hooks *hooks,
                          double *outcomes) {
    rr_classify *c = self(task);
    const rr_classify_set *set = &c->sets[split];
    rr_sequence sequence;
    rr_classify_forward(c, &set->texts, examples, rows, 0, NULL, hooks, &sequence);
    loss_of(c, set, examples, rows, 0, hooks);
    for (size_t i = 0; i < rows; i++) {
        double *out = outcomes + c->texts.order[i] * rr_classify_outcome_size(task);
        out[LOSS] = c->nll[i];
        if (c->config.multi_label) {
            put_marks(c, i, out);
            continue;
        }
        out[WEIGHT] = (double)rr_classify_weight(c, c->targets[i]);
        out[GOLD] = (double)c->targets[i];
        out[PREDICTED] = (double)c->predicted[i];
    }
    return RR_OK;
}

rr_status rr_classify_evaluate(rr_task *task, rr_split split, size_t begin, size_t end, const rr_hooks *hooks,
                               double *outcomes) {
    return rr_examples_evaluate(task, split, begin, end, self(task)->micro_rows, hooks, outcomes, evaluate);
}

static size_t train_metrics(const rr_task *task, double loss, rr_metric *out) {
    (void)task, (void)loss, (void)out;
    return 0;
}

static rr_task_cost cost(const rr_task *task) {
    const rr_classify *c = self_const(task);
    const rr_text_set *texts = &c->sets[RR_SPLIT_TRAIN].texts;
    double tokens = (double)rr_text_set_total(texts), rows = (double)c->global_batch_size;
    if (texts->count > 0) tokens /= (double)texts->count;
    double attention =
        c->config.pooling == RR_POOLING_ATTENTION ? (double)c->encoder.width * (double)c->encoder.width : 0;
    return (rr_task_cost){.macs_per_target = tokens * (rr_encoder_macs(&c->encoder) + attention) +
                                             (double)c->head.linear.in_size * (double)c->head.linear.out_size,
                          .targets_per_step = rows,
                          .tokens_per_step = rows * tokens};
}

static void describe(const rr_task *task, rr_buffer *out) {
    const rr_classify *c = self_const(task);
    const char *unit = rr_unit_names[c->rules.unit];
    rr_buffer_printf(out, "vocabulary %zu %ss; %zu classes:", rr_vocab_size(c->vocab), unit, rr_classify_classes(c));
    for (size_t i = 0; i < rr_classify_classes(c) && i < 10; i++)
        rr_buffer_printf(out, "%s %s", i > 0 ? "," : "", c->labels.names[i]);
    rr_buffer_puts(out, rr_classify_classes(c) > 10 ? ", ...\n" : "\n");
    for (int split = 0; split < RR_SPLIT_COUNT; split++) {
        const rr_classify_set *set = &c->sets[split];
        if (set->texts.count == 0) continue;
        rr_buffer_printf(out, "%s %zu texts, %.1f %ss on average, %zu at most", rr_split_names[split], set->texts.count,
                         (double)set->texts.tokens.count / (double)set->texts.count, unit,
                         rr_text_set_longest(&set->texts));
        rr_text_data_describe(task, (rr_split)split, &set->texts, &set->left_out, out);
    }
}

const rr_task_ops rr_task_classify = {
    .name = "classify",
    .help = "classification of texts, with one label or several; reports loss, accuracy and macro-F1",
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
    .outcome_size = rr_classify_outcome_size,
    .evaluate = rr_classify_evaluate,
    .metrics = rr_classify_metrics,
    .report = rr_classify_report,
    .floors = rr_classify_floors,
    .train_metrics = train_metrics,
    .take = rr_classify_take,
    .predict = rr_classify_predict,
    .vocab_json = rr_classify_vocab_json,
    .cost = cost,
    .describe = describe,
};
