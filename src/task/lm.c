#include "task/lm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/profile.h"
#include "data/synthetic.h"
#include "task/lm_model.h"

static const rr_key keys[] = {
    {.name = "unit",
     .type = RR_KEY_ENUM,
     .offset = RR_VARIANT_FIELD(rr_task_config, rr_lm_config, unit),
     .preset = "word",
     .choices = rr_unit_names,
     .help = "what a token is: a byte, a Unicode character, or a word between blanks (each line ends with <eos>)"},
    {.name = NULL},
};

static rr_lm *self(rr_task *task) { return (rr_lm *)task; }
static const rr_lm *self_const(const rr_task *task) { return (const rr_lm *)task; }

static const rr_lm_config *own(const rr_task_config *config) {
    return (const rr_lm_config *)(const void *)&config->own;
}

static rr_status check(const rr_task_setup *setup) {
    const rr_model_config *model = setup->model;
    if (model->bidirectional)
        return rr_config_fail(
            setup->config, "model.bidirectional",
            "must be false for a language model: a layer that reads backwards sees the token it is to "
            "predict");
    if (model->tie_weights && model->embedding_size != model->hidden_size)
        return rr_config_fail(setup->config, "model.tie_weights",
                              "needs model.embedding_size equal to model.hidden_size, got %zu and %zu",
                              model->embedding_size, model->hidden_size);
    return RR_OK;
}

static rr_status declare(rr_lm *lm) {
    const rr_model_config *model = &lm->model;
    size_t vocab_size = rr_vocab_size(lm->corpus.vocab);
    RR_TRY(rr_encoder_create(model, 0, 0, lm->team, &lm->encoder));
    lm->state_size = rr_rnn_state_size(lm->encoder.rnn);
    rr_params *params = &lm->base.params;
    if (!model->tie_weights)
        RR_TRY(rr_softmax_head_declare(&lm->head, params, "head", model->hidden_size, vocab_size, (size_t)-1));
    RR_TRY(rr_encoder_declare(&lm->encoder, params, "", vocab_size));
    lm->base.words = lm->corpus.vocab;
    lm->base.embedding = &lm->encoder.embedding;
    if (model->tie_weights)
        RR_TRY(rr_softmax_head_declare(&lm->head, params, "head", model->hidden_size, vocab_size,
                                       lm->encoder.embedding.weight));
    return RR_OK;
}

static rr_status open_streams(rr_lm *lm, const rr_task_setup *setup) {
    static const char *const data_keys[] = {"data.train", "data.valid", "data.test"};
    for (int split = 0; split < RR_SPLIT_COUNT; split++) {
        const rr_tokens *tokens = &lm->corpus.tokens[split];
        lm->floors[split] = (rr_lm_floor){NAN, NAN};
        if (tokens->count == 0) continue;
        bool train = split == RR_SPLIT_TRAIN;
        if (tokens->count < 2)
            return rr_config_fail(setup->config, data_keys[split], "holds a single token; two are needed");
        size_t rows = train ? lm->global_batch_size : lm->eval_streams;
        if (!train && rows > tokens->count - 1) rows = tokens->count - 1;
        rr_status status = rr_streams_open(tokens->ids, tokens->count, rows, lm->bptt, !train, &lm->streams[split]);
        if (status == RR_ERR_INPUT) return rr_config_fail(setup->config, data_keys[split], "%s", rr_last_error());
        RR_TRY(status);
        if (!train && lm->counts != NULL)
            RR_TRY(rr_lm_floor_count(lm->counts, &lm->corpus.tokens[RR_SPLIT_TRAIN], tokens,
                                     rr_vocab_size(lm->corpus.vocab), &lm->floors[split]));
    }
    return RR_OK;
}

/* How often each token stands in training: of its text, or as the checkpoint says. */
static rr_status count_tokens(rr_lm *lm, const rr_task_setup *setup) {
    const rr_tokens *train = &lm->corpus.tokens[RR_SPLIT_TRAIN];
    size_t size = rr_vocab_size(lm->corpus.vocab);
    if (train->count > 0) return rr_lm_counts_of(train, size, &lm->counts);
    return setup->vocab_json != NULL && setup->need_eval ? rr_lm_counts_from_json(setup->vocab_json, size, &lm->counts)
                                                         : RR_OK;
}

static void destroy(rr_task *task) {
    rr_lm *lm = self(task);
    rr_encoder_free(&lm->encoder);
    rr_corpus_free(&lm->corpus);
    free(lm->counts);
    rr_params_free(&lm->base.params);
    free(lm);
}

static rr_status create(const rr_task_setup *setup, rr_task **out) {
    RR_TRY(check(setup));
    rr_lm *lm = calloc(1, sizeof *lm);
    if (lm == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a language model");
    lm->base.ops = &rr_task_lm;
    lm->base.tokens_a_row = setup->bptt;
    lm->model = *setup->model;
    lm->team = setup->team;
    lm->unit = (rr_unit)own(setup->task)->unit;
    lm->global_batch_size = setup->global_batch_size;
    lm->bptt = setup->bptt;
    lm->eval_streams = setup->eval_streams > 0 ? setup->eval_streams : setup->global_batch_size;

    rr_status status = RR_OK;
    rr_vocab *vocab = NULL;
    if (setup->vocab_json != NULL) status = rr_vocab_from_json(setup->vocab_json, &vocab);
    if (setup->synthetic_steps > 0)
        status = rr_corpus_synthetic(lm->unit, setup->data->vocab.max_size,
                                     lm->global_batch_size * (lm->bptt * setup->synthetic_steps + 1), &lm->corpus);
    else if (status == RR_OK && (setup->need_train || setup->need_eval))
        status = rr_corpus_read(setup->config, setup->data, lm->unit, vocab, setup->need_train, &lm->corpus);
    else
        lm->corpus.vocab = vocab;
    lm->base.data_fingerprint = lm->corpus.fingerprint;
    if (status == RR_OK) status = declare(lm);
    if (status == RR_OK) status = count_tokens(lm, setup);
    if (status == RR_OK) status = open_streams(lm, setup);
    if (status != RR_OK) {
        destroy(&lm->base);
        return status;
    }
    *out = &lm->base;
    return RR_OK;
}

/* Tied weights get gradients from two layers, which only a shard by itself adds in one order. */
static size_t rows_together(const rr_task *task) {
    const rr_lm *lm = self_const(task);
    return lm->model.tie_weights ? 0 : rr_softmax_head_block(&lm->head) / lm->bptt;
}

static void plan(rr_task *task, rr_arena *arena, size_t micro_rows, size_t begin, size_t end, bool training) {
    rr_lm *lm = self(task);
    if (micro_rows == 0) micro_rows = 1;
    size_t total = lm->bptt * micro_rows;
    lm->micro_rows = micro_rows;
    lm->begin = begin;
    lm->end = end;
    lm->inputs = rr_arena_take(arena, total * sizeof(int32_t));
    lm->targets = rr_arena_take(arena, total * sizeof(int32_t));
    lm->nll = rr_arena_take(arena, total * sizeof(double));
    lm->state = rr_arena_floats(arena, micro_rows * lm->state_size);
    lm->carry = rr_arena_floats(arena, (end - begin) * lm->state_size);
    lm->carry_next = rr_arena_floats(arena, (end - begin) * lm->state_size);
    lm->eval_carry = rr_arena_floats(arena, micro_rows * lm->state_size);
    rr_sequence_room_plan(&lm->room, arena, lm->bptt, micro_rows);
    rr_softmax_head_plan(&lm->head, arena, lm->team, total, training);
    size_t max_shards = training && task->shards > 0 && rows_together(task) > 0 ? micro_rows : 0;
    if (max_shards > 0) {
        rr_shard_rows_plan(&lm->shards, arena, total, lm->bptt, micro_rows);
        rr_softmax_head_plan_shards(&lm->head, arena, max_shards);
    }
    rr_encoder_by_shards(&lm->encoder, max_shards);
    rr_encoder_plan(&lm->encoder, arena, total, lm->bptt, micro_rows, training);
}

static uint64_t steps_per_epoch(const rr_task *task) {
    const rr_streams *streams = &self_const(task)->streams[RR_SPLIT_TRAIN];
    return streams->rows > 0 ? rr_streams_windows(streams) : 0;
}

/* Between a row's state in one piece (carry) and the layers' [states * L, rows, H]. */
static void gather_state(const rr_lm *lm, const float *carry, size_t rows, float *state) {
    size_t H = lm->model.hidden_size;
    for (size_t row = 0; row < rows; row++)
        for (size_t part = 0; part < lm->state_size / H; part++)
            memcpy(state + (part * rows + row) * H, carry + row * lm->state_size + part * H, H * sizeof *state);
}

static void scatter_state(const rr_lm *lm, const float *state, size_t rows, float *carry) {
    size_t H = lm->model.hidden_size;
    for (size_t row = 0; row < rows; row++)
        for (size_t part = 0; part < lm->state_size / H; part++)
            memcpy(carry + row * lm->state_size + part * H, state + (part * rows + row) * H, H * sizeof *state);
}

static rr_status load(rr_task *task, const rr_position *position, size_t begin, size_t end, rr_loss_count *count) {
    rr_lm *lm = self(task);
    const rr_streams *streams = &lm->streams[RR_SPLIT_TRAIN];
    lm->window = position->step_in_epoch;
    if (position->step_in_epoch == 0 &&
        lm->end > lm->begin) /* each epoch starts from zero states, as at the first step */
        memset(lm->carry, 0, (lm->end - lm->begin) * lm->state_size * sizeof *lm->carry);
    *count = (rr_loss_count){.targets = 0, .rows = (double)(end - begin)};
    for (size_t row = begin; row < end; row++) count->targets += (double)rr_streams_pairs(streams, lm->window, row);
    count->tokens = count->padded = count->targets;
    return RR_OK;
}

void rr_lm_forward(rr_lm *lm, const rr_sequence *sequence, const float *carry, float *carry_out,
                   const rr_dropout *dropout, const rr_hooks *hooks) {
    rr_phase outer = rr_profile_enter(RR_PHASE_EMBEDDING);
    gather_state(lm, carry, sequence->rows, lm->state);
    rr_profile_enter(outer);
    rr_encoder_forward(&lm->encoder, &lm->base.params, sequence, lm->inputs, lm->state, lm->state, dropout, hooks);
    rr_profile_enter(RR_PHASE_EMBEDDING);
    scatter_state(lm, lm->state, sequence->rows, carry_out);
    rr_profile_enter(outer);
}

/* Rows [begin, end) of a window; see rr_lm_forward. */
static void forward(rr_lm *lm, const rr_streams *streams, size_t window, size_t begin, size_t end, const float *carry,
                    float *carry_out, const rr_dropout *dropout, const rr_hooks *hooks, rr_sequence *sequence) {
    size_t rows = 0;
    while (begin + rows < end && rr_streams_pairs(streams, window, begin + rows) > 0) {
        lm->room.lengths[rows] = rr_streams_pairs(streams, window, begin + rows);
        lm->room.row_id[rows] = begin + rows;
        rows++;
    }
    *sequence = rr_sequence_of(&lm->room, rows);
    if (rows == 0) return;
    rr_phase outer = rr_profile_enter(RR_PHASE_EMBEDDING);
    rr_streams_fill(streams, window, begin, begin + rows, lm->inputs, lm->targets);
    rr_profile_enter(outer);
    rr_lm_forward(lm, sequence, carry, carry_out, dropout, hooks);
}

void rr_lm_head(rr_lm *lm, size_t total, float scale, rr_shard_rows *shards, const rr_hooks *hooks) {
    rr_softmax_head_run(&lm->head, &lm->base.params,
                        &(rr_softmax_rows){.count = total,
                                           .x = lm->encoder.top,
                                           .targets = lm->targets,
                                           .scale = scale,
                                           .last = !lm->model.tie_weights,
                                           .shards = shards,
                                           .dx = lm->encoder.dtop,
                                           .nll = lm->nll},
                        hooks);
}

static rr_status train(rr_task *task, size_t begin, size_t end, float scale, const rr_dropout *dropout,
                       const rr_hooks *hooks, double *loss) {
    rr_lm *lm = self(task);
    const rr_params *params = &lm->base.params;
    size_t carry_offset = (begin - lm->begin) * lm->state_size;
    rr_sequence sequence;
    forward(lm, &lm->streams[RR_SPLIT_TRAIN], lm->window, begin, end, lm->carry + carry_offset,
            lm->carry_next + carry_offset, dropout, hooks, &sequence);
    *loss = 0;
    if (sequence.rows == 0) { /* all of these streams have ended */
        rr_params_settle_grads(&lm->base.params);
        rr_hooks_ready(hooks, params->total);
        return RR_OK;
    }
    if (task->shards > 0 && rows_together(task) > 0) {
        rr_shard_rows_fill(&lm->shards, task->shards, lm->global_batch_size, begin, end, &sequence);
        sequence.shards = lm->shards.count > 1 ? &lm->shards : NULL;
    }
    rr_lm_head(lm, sequence.total, scale, sequence.shards, hooks);
    for (size_t i = 0; i < sequence.total; i++) *loss += lm->nll[i];

    if (!lm->model.tie_weights) rr_hooks_ready(hooks, rr_param_end(params, lm->head.linear.bias));
    rr_encoder_backward(&lm->encoder, params, &sequence, lm->inputs, NULL, dropout, hooks);
    rr_hooks_ready(hooks, params->total);
    return RR_OK;
}

static void commit(rr_task *task) {
    rr_lm *lm = self(task);
    float *swap = lm->carry;
    lm->carry = lm->carry_next;
    lm->carry_next = swap;
}

static size_t carry_size(const rr_task *task) { return self_const(task)->state_size; }

static void carry_read(const rr_task *task, size_t row, float *out) {
    const rr_lm *lm = self_const(task);
    memcpy(out, lm->carry + (row - lm->begin) * lm->state_size, lm->state_size * sizeof *out);
}

static void carry_write(rr_task *task, size_t row, const float *values) {
    rr_lm *lm = self(task);
    memcpy(lm->carry + (row - lm->begin) * lm->state_size, values, lm->state_size * sizeof *values);
}

static size_t eval_units(const rr_task *task, rr_split split) { return self_const(task)->streams[split].rows; }

enum { SUM_NLL, SUM_TARGETS, SUMS };

static size_t outcome_size(const rr_task *task) {
    (void)task;
    return SUMS;
}

static rr_status evaluate(rr_task *task, rr_split split, size_t begin, size_t end, const rr_hooks *hooks,
                          double *sums) {
    rr_lm *lm = self(task);
    const rr_streams *streams = &lm->streams[split];
    memset(sums, 0, (end - begin) * SUMS * sizeof *sums);
    for (size_t first = begin; first < end; first += lm->micro_rows) {
        size_t last = first + lm->micro_rows < end ? first + lm->micro_rows : end;
        memset(lm->eval_carry, 0, (last - first) * lm->state_size * sizeof *lm->eval_carry);
        for (size_t window = 0; window < rr_streams_windows(streams); window++) {
            rr_sequence sequence;
            forward(lm, streams, window, first, last, lm->eval_carry, lm->eval_carry, NULL, hooks, &sequence);
            if (sequence.rows == 0) continue;
            rr_lm_head(lm, sequence.total, 0, NULL, hooks);
            for (size_t t = 0; t < sequence.steps; t++)
                for (size_t row = 0; row < sequence.active[t]; row++) {
                    double *sum = sums + (first - begin + row) * SUMS;
                    sum[SUM_NLL] += lm->nll[sequence.offset[t] + row];
                    sum[SUM_TARGETS] += 1;
                }
        }
    }
    return RR_OK;
}

static size_t train_metrics(const rr_task *task, double loss, rr_metric *out) {
    size_t count = 0;
    out[count++] = (rr_metric){"ppl", exp(loss)};
    if (self_const(task)->unit != RR_UNIT_WORD) out[count++] = (rr_metric){"bpc", loss / log(2)};
    return count;
}

static size_t floors(const rr_task *task, rr_split split, rr_floor out[RR_TASK_METRICS]) {
    const rr_lm_floor *floor = &self_const(task)->floors[split];
    size_t count = 0;
    if (!isnan(floor->unigram)) out[count++] = (rr_floor){"unigram counts", "loss", floor->unigram};
    if (!isnan(floor->bigram)) out[count++] = (rr_floor){"bigram counts", "loss", floor->bigram};
    return count;
}

/* Added in order of the units: the result does not depend on the number of ranks. */
static size_t metrics(const rr_task *task, const double *sums, size_t units, rr_metric out[RR_TASK_METRICS]) {
    double nll = 0, targets = 0;
    for (size_t unit = 0; unit < units; unit++) {
        nll += sums[unit * SUMS + SUM_NLL];
        targets += sums[unit * SUMS + SUM_TARGETS];
    }
    out[0] = (rr_metric){"loss", nll / targets};
    return 1 + train_metrics(task, nll / targets, out + 1);
}

static rr_status vocab_json(const rr_task *task, rr_buffer *out) {
    const rr_lm *lm = self_const(task);
    RR_TRY(rr_vocab_to_json(lm->corpus.vocab, out));
    rr_lm_counts_to_json(lm->counts, rr_vocab_size(lm->corpus.vocab), out);
    return out->failed ? rr_fail(RR_ERR_NOMEM, "no memory for the vocabulary as JSON") : RR_OK;
}

static rr_task_cost cost(const rr_task *task) {
    const rr_lm *lm = self_const(task);
    return (rr_task_cost){.macs_per_target = rr_encoder_macs(&lm->encoder) +
                                             (double)lm->head.linear.in_size * (double)lm->head.linear.out_size,
                          .targets_per_step = (double)lm->global_batch_size * (double)lm->bptt,
                          .tokens_per_step = (double)lm->global_batch_size * (double)lm->bptt};
}

static void describe(const rr_task *task, rr_buffer *out) {
    const rr_lm *lm = self_const(task);
    const char *unit = rr_unit_names[lm->unit];
    rr_buffer_printf(out, "vocabulary %zu %ss\n", rr_vocab_size(lm->corpus.vocab), unit);
    for (int split = 0; split < RR_SPLIT_COUNT; split++) {
        const rr_tokens *tokens = &lm->corpus.tokens[split];
        if (tokens->count == 0) continue;
        rr_buffer_printf(out, "%s %zu %ss", rr_split_names[split], tokens->count, unit);
        if (tokens->unknown > 0)
            rr_buffer_printf(out, ", %.2f %% unknown", 100.0 * (double)tokens->unknown / (double)tokens->count);
        if (!isnan(lm->floors[split].unigram)) {
            rr_buffer_printf(out, ", loss by counting: unigram %.3f", lm->floors[split].unigram);
            if (!isnan(lm->floors[split].bigram)) rr_buffer_printf(out, ", bigram %.3f", lm->floors[split].bigram);
        }
        rr_buffer_puts(out, "\n");
    }
}

void rr_lm_next(rr_lm *lm, int32_t token, float *state, float *logits) {
    static const uint64_t row_id = 0;
    static const size_t one = 1, offset[2] = {0, 1};
    rr_sequence sequence = {
        .steps = 1, .rows = 1, .total = 1, .active = &one, .offset = offset, .lengths = &one, .row_id = &row_id};
    rr_encoder_forward(&lm->encoder, &lm->base.params, &sequence, &token, state, state, NULL, NULL);
    rr_linear_forward(&lm->head.linear, &lm->base.params, 1, lm->encoder.top, logits, NULL);
}

const rr_task_ops rr_task_lm = {
    .name = "lm",
    .help = "language model: predicts the next token of running text; reports loss (nats a token), ppl and bpc",
    .keys = keys,
    .create = create,
    .free = destroy,
    .plan = plan,
    .steps_per_epoch = steps_per_epoch,
    .load = load,
    .train = train,
    .rows_together = rows_together,
    .commit = commit,
    .carry_size = carry_size,
    .carry_read = carry_read,
    .carry_write = carry_write,
    .eval_units = eval_units,
    .outcome_size = outcome_size,
    .evaluate = evaluate,
    .metrics = metrics,
    .floors = floors,
    .train_metrics = train_metrics,
    .generate = rr_lm_generate,
    .score = rr_lm_score,
    .predict = rr_lm_predict,
    .vocab_json = vocab_json,
    .cost = cost,
    .describe = describe,
};
