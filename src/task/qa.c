#include "task/qa.h"

#include <stdlib.h>
#include <string.h>

#include "base/profile.h"
#include "math/pointwise.h"
#include "task/qa_model.h"

#define OWN(field) RR_VARIANT_FIELD(rr_task_config, rr_qa_config, field)

static const char *const attentions[] = {"none", "dot", "general", "additive", NULL};

static const char *const over[] = {"words", "sentences", NULL};

static const rr_key keys[] = {
    {.name = "attention",
     .type = RR_KEY_ENUM,
     .offset = OWN(attention),
     .preset = "general",
     .choices = attentions,
     .help = "how the question is compared with the story as it was read: dot and general as Luong et "
             "al. (2015), additive as Bahdanau et al. (2015); none: the answer is made from the last of them"},
    {.name = "attention_scaled",
     .type = RR_KEY_BOOL,
     .offset = OWN(attention_scaled),
     .preset = "false",
     .help = "scores of dot and general are divided by the root of the query's size (Vaswani et al. 2017)"},
    {.name = "attend",
     .type = RR_KEY_ENUM,
     .offset = OWN(attend),
     .preset = "words",
     .choices = over,
     .help = "attention is over the words of the story, or over its sentences, each the mean of its words as they were "
             "read; a sentence ends with a word whose last character is . ! or ?"},
    {.name = "condition",
     .type = RR_KEY_BOOL,
     .offset = OWN(condition),
     .preset = "true",
     .help = "the question's vector stands beside every word of the story while it is read"},
    {.name = NULL},
};

static rr_qa *self(rr_task *task) { return (rr_qa *)task; }
static const rr_qa *self_const(const rr_task *task) { return (const rr_qa *)task; }

static void destroy(rr_task *task) {
    rr_qa *qa = self(task);
    rr_qa_free_data(qa);
    rr_batches_free(qa->base.examples.order);
    free(qa->lengths);
    free(qa->ends);
    rr_encoder_free(&qa->question);
    rr_pooling_free(qa->last);
    rr_rnn_free(qa->story);
    rr_attention_free(qa->attention);
    rr_params_free(&qa->base.params);
    free(qa);
}

static rr_rnn_spec story_spec(const rr_qa *qa) {
    return (rr_rnn_spec){.cell = rr_cells[qa->model.cell],
                         .input_size = qa->input_size,
                         .hidden_size = qa->model.hidden_size,
                         .num_layers = qa->model.num_layers,
                         .bidirectional = qa->model.bidirectional,
                         .bias = qa->model.bias,
                         .dropout = (float)qa->model.dropout,
                         .dropout_layer = rr_qa_story_site(qa) + 1,
                         .team = qa->team};
}

static rr_status declare(rr_qa *qa) {
    rr_params *params = &qa->base.params;
    rr_model_config model = qa->model;
    model.dropout_output = 0; /* it is on what the answer is made from */
    RR_TRY(rr_encoder_create(&model, 0, 0, qa->team, &qa->question));
    qa->width = qa->question.width;
    qa->input_size = model.embedding_size + (qa->config.condition ? qa->width : 0);
    rr_pooling_spec last = {.kind = RR_POOLING_LAST,
                            .hidden_size = model.hidden_size,
                            .directions = model.bidirectional ? 2 : 1,
                            .team = qa->team};
    RR_TRY(rr_pooling_create(&last, &qa->last));
    rr_rnn_spec story = story_spec(qa);
    RR_TRY(rr_rnn_create(&story, &qa->story));
    RR_TRY(rr_softmax_head_declare(&qa->head, params, "head", 2 * qa->width, qa->answers.count, (size_t)-1));
    if (qa->config.attention > 0) {
        rr_attention_spec attention = {.kind = (rr_attention_kind)(qa->config.attention - 1),
                                       .scaled = qa->config.attention_scaled,
                                       .query_size = qa->width,
                                       .memory_size = qa->width,
                                       .size = qa->width,
                                       .team = qa->team};
        RR_TRY(rr_attention_create(&attention, &qa->attention));
        RR_TRY(rr_attention_declare(qa->attention, params, "attention"));
    }
    RR_TRY(rr_rnn_declare(qa->story, params, "story.rnn"));
    qa->base.words = qa->vocab;
    qa->base.embedding = &qa->question.embedding;
    return rr_encoder_declare(&qa->question, params, "question.", rr_vocab_size(qa->vocab));
}

static rr_status order_batches(rr_qa *qa, uint64_t seed) {
    const rr_qa_set *set = &qa->sets[RR_SPLIT_TRAIN];
    size_t count = set->stories.count;
    if (count == 0) return RR_OK;
    qa->lengths = malloc(count * sizeof *qa->lengths);
    if (qa->lengths == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the lengths of %zu questions", count);
    for (size_t i = 0; i < count; i++) {
        qa->lengths[i] = set->stories.lengths[i] + set->questions.lengths[i];
        if (qa->lengths[i] > qa->base.tokens_a_row) qa->base.tokens_a_row = qa->lengths[i];
    }
    return rr_batches_create(qa->lengths, count, qa->global_batch_size, seed, &qa->base.examples.order);
}

static rr_status create(const rr_task_setup *setup, rr_task **out) {
    if (setup->model->tie_weights)
        return rr_config_fail(setup->config, "model.tie_weights", "must be false: answers are no tokens");
    rr_qa *qa = calloc(1, sizeof *qa);
    if (qa == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a reader");
    qa->base.ops = &rr_task_qa;
    qa->config = *(const rr_qa_config *)(const void *)&setup->task->own;
    qa->model = *setup->model;
    qa->team = setup->team;
    qa->global_batch_size = setup->global_batch_size;
    qa->rules = rr_text_data_rules(setup->data, RR_UNIT_WORD);
    rr_status status = rr_qa_read(qa, setup);
    if (status == RR_OK) status = declare(qa);
    if (status == RR_OK) status = rr_qa_find_ends(qa);
    if (status == RR_OK) status = order_batches(qa, setup->seed);
    if (status != RR_OK) {
        destroy(&qa->base);
        return status;
    }
    *out = &qa->base;
    return RR_OK;
}

static void plan(rr_task *task, rr_arena *arena, size_t micro_rows, size_t begin, size_t end, bool training) {
    (void)begin, (void)end;
    rr_qa *qa = self(task);
    size_t rows = micro_rows > 0 ? micro_rows : 1, W = qa->width, E = qa->model.embedding_size;
    rr_text_extent story = rr_text_extent_of(&qa->taken_stories, rows);
    rr_text_extent asked = rr_text_extent_of(&qa->taken_questions, rows);
    for (int split = 0; split < RR_SPLIT_COUNT; split++) {
        rr_text_extent_grow(&story, &qa->sets[split].stories, rows);
        rr_text_extent_grow(&asked, &qa->sets[split].questions, rows);
    }
    size_t total = story.total;
    qa->micro_rows = rows;
    rr_text_batch_plan(&qa->stories, arena, story, rows);
    rr_text_batch_plan(&qa->questions, arena, asked, rows);
    qa->question_row = rr_arena_take(arena, rows * sizeof *qa->question_row);
    qa->own_row = rr_arena_take(arena, rows * sizeof *qa->own_row);
    qa->asked = rr_arena_floats(arena, rows * W);
    qa->query = rr_arena_floats(arena, rows * W);
    qa->x = rr_arena_floats(arena, total * qa->input_size);
    qa->embedded = rr_arena_floats(arena, total * E);
    qa->values = rr_arena_floats(arena, total * W);
    qa->begin = rr_arena_take(arena, (rows + 1) * sizeof *qa->begin);
    if (qa->ends != NULL) {
        qa->sentence = rr_arena_take(arena, (total + 1) * sizeof *qa->sentence);
        qa->sentences = rr_arena_floats(arena, total * W);
    }
    qa->read = rr_arena_floats(arena, rows * W);
    qa->features = rr_arena_floats(arena, rows * 2 * W);
    qa->targets = rr_arena_take(arena, rows * sizeof *qa->targets);
    qa->predicted = rr_arena_take(arena, rows * sizeof *qa->predicted);
    qa->nll = rr_arena_take(arena, rows * sizeof *qa->nll);
    if (training) {
        qa->dasked = rr_arena_floats(arena, rows * W);
        qa->dquery = rr_arena_floats(arena, rows * W);
        qa->dx = rr_arena_floats(arena, total * qa->input_size);
        qa->dtop = rr_arena_floats(arena, total * W);
        qa->dvalues = rr_arena_floats(arena, total * W);
        if (qa->ends != NULL) qa->dsentences = rr_arena_floats(arena, total * W);
        qa->dread = rr_arena_floats(arena, rows * W);
        qa->dfeatures = rr_arena_floats(arena, rows * 2 * W);
    }
    rr_softmax_head_plan(&qa->head, arena, qa->team, rows, training);
    if (qa->attention != NULL)
        rr_attention_plan(qa->attention, arena,
                          &(rr_attention_room){.rows = rows,
                                               .vectors = total,
                                               .longest = story.longest,
                                               .queries = rows,
                                               .part = rows,
                                               .pairs = total},
                          training);
    rr_rnn_plan(qa->story, arena, total, story.longest, rows, training);
    rr_encoder_plan(&qa->question, arena, asked.total, asked.longest, rows, training);
}

static rr_status load(rr_task *task, const rr_position *position, size_t begin, size_t end, rr_loss_count *count) {
    rr_qa *qa = self(task);
    const uint32_t *examples;
    rr_examples_load(task, position);
    size_t rows = rr_examples_share(task, begin, end, &examples);
    *count = (rr_loss_count){.rows = (double)rows, .targets = (double)rows};
    rr_examples_count(qa->lengths, examples, rows, count);
    return RR_OK;
}

static rr_status train(rr_task *task, size_t begin, size_t end, float scale, const rr_dropout *dropout,
                       const rr_hooks *hooks, double *loss) {
    rr_qa *qa = self(task);
    const rr_qa_set *set = &qa->sets[RR_SPLIT_TRAIN];
    rr_params *params = &qa->base.params;
    const uint32_t *examples;
    size_t rows = rr_examples_share(task, begin, end, &examples);
    rr_qa_batch batch;
    *loss = 0;
    if (rows == 0) {
        rr_examples_none(task, hooks);
        return RR_OK;
    }
    rr_qa_forward(qa, &set->stories, &set->questions, examples, rows, begin, dropout, hooks, &batch);
    for (size_t i = 0; i < rows; i++) qa->targets[i] = set->answers[examples[qa->stories.order[i]]];
    rr_softmax_head_run(&qa->head, params,
                        &(rr_softmax_rows){.count = rows,
                                           .x = qa->features,
                                           .targets = qa->targets,
                                           .scale = scale,
                                           .last = true,
                                           .dx = qa->dfeatures,
                                           .nll = qa->nll},
                        hooks);
    for (size_t i = 0; i < rows; i++) *loss += qa->nll[i];
    rr_hooks_ready(hooks, rr_param_end(params, qa->head.linear.bias));
    rr_qa_backward(qa, &batch, dropout, hooks);
    rr_hooks_ready(hooks, params->total);
    return RR_OK;
}

static size_t eval_units(const rr_task *task, rr_split split) { return self_const(task)->sets[split].stories.count; }

static size_t train_metrics(const rr_task *task, double loss, rr_metric *out) {
    (void)task, (void)loss, (void)out;
    return 0;
}

static rr_task_cost cost(const rr_task *task) {
    const rr_qa *qa = self_const(task);
    const rr_qa_set *set = &qa->sets[RR_SPLIT_TRAIN];
    if (set->stories.count == 0) return (rr_task_cost){.macs_per_target = 0};
    rr_rnn_spec spec = story_spec(qa);
    double count = (double)set->stories.count, rows = (double)qa->global_batch_size, W = (double)qa->width;
    double story = (double)rr_text_set_total(&set->stories) / count,
           question = (double)rr_text_set_total(&set->questions) / count;
    double attended = qa->config.attention > 1 ? W * W : 0;
    if (rows > count) rows = count;
    return (rr_task_cost){.macs_per_target = story * (rr_rnn_macs_per_token(&spec) + attended) +
                                             question * rr_encoder_macs(&qa->question) +
                                             2 * W * (double)qa->answers.count,
                          .targets_per_step = rows,
                          .tokens_per_step = rows * (story + question)};
}

static void describe(const rr_task *task, rr_buffer *out) {
    const rr_qa *qa = self_const(task);
    rr_buffer_printf(out, "vocabulary %zu words; %zu answers\n", rr_vocab_size(qa->vocab), qa->answers.count);
    for (int split = 0; split < RR_SPLIT_COUNT; split++) {
        const rr_qa_set *set = &qa->sets[split];
        rr_floor floors[RR_TASK_METRICS];
        if (set->stories.count == 0) continue;
        rr_buffer_printf(out, "%s %zu questions about %zu words, %zu at most in one story", rr_split_names[split],
                         set->stories.count, set->stories.tokens.count, rr_text_set_longest(&set->stories));
        if (set->stories.cut > 0) rr_buffer_printf(out, ", %zu cut", set->stories.cut);
        size_t count = split != RR_SPLIT_TRAIN ? rr_qa_floors(task, (rr_split)split, floors) : 0;
        for (size_t i = 0; i < count; i++)
            rr_buffer_printf(out, "; %s %s %.4f", floors[i].name, floors[i].metric, floors[i].value);
        rr_buffer_puts(out, "\n");
        rr_left_out_describe(&set->left_out, out);
        if (set->unseen > 0)
            rr_buffer_printf(out,
                             "  %zu answers that training has not: always wrong, and without a loss; the first: %s\n",
                             set->unseen, rr_buffer_text(&set->first_unseen));
    }
}

const rr_task_ops rr_task_qa = {
    .name = "qa",
    .help = "question answering: a story and a question to one of the answers of training; reports loss and accuracy",
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
    .outcome_size = rr_qa_outcome_size,
    .evaluate = rr_qa_evaluate,
    .metrics = rr_qa_metrics,
    .floors = rr_qa_floors,
    .train_metrics = train_metrics,
    .take = rr_qa_take,
    .predict = rr_qa_predict,
    .vocab_json = rr_qa_vocab_json,
    .cost = cost,
    .describe = describe,
};
