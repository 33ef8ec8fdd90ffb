#include "task/text_data.h"

#include <stdlib.h>

#include "base/rng.h"
#include "data/synthetic.h"

rr_text_rules rr_text_data_rules(const rr_data_config *data, rr_unit unit) {
    return (rr_text_rules){.unit = unit,
                           .normalise = {data->lowercase, data->split_punctuation},
                           .max_length = data->max_length,
                           .keep = (rr_keep)data->keep};
}

static rr_status count_tokens(const rr_text_rules *rules, const rr_records *records, size_t field,
                              rr_token_counts *counts) {
    rr_buffer scratch = {0}, place = {0};
    rr_status status = RR_OK;
    for (size_t i = 0; i < records->count && status == RR_OK; i++) {
        rr_buffer_clear(&place);
        rr_records_place(records, i, &place);
        status = rr_text_count(rules, rr_buffer_text(&place), rr_records_text(records, i, field),
                               rr_records_length(records, i, field), &scratch, counts);
    }
    rr_buffer_free(&scratch);
    rr_buffer_free(&place);
    return status;
}

rr_status rr_text_data_vocab(const rr_task_setup *setup, const rr_text_rules *rules, const rr_records *records,
                             size_t field, size_t count, rr_vocab **out) {
    const rr_data_config *data = setup->data;
    rr_token_counts *counts = NULL;
    if (data->vocab.file != NULL) {
        rr_status status = rr_vocab_read(rules->unit, data->vocab.file, out);
        return status == RR_ERR_INPUT ? rr_config_fail(setup->config, "data.vocab.file", "%s", rr_last_error())
                                      : status;
    }
    RR_TRY(rr_token_counts_create(rules->unit, &counts));
    rr_status status = RR_OK;
    for (size_t i = 0; i < count && status == RR_OK; i++) status = count_tokens(rules, records, field + i, counts);
    if (status == RR_OK) status = rr_vocab_build(counts, data->vocab.min_count, data->vocab.max_size, out);
    rr_token_counts_free(counts);
    return status;
}

static const char *const split_keys[RR_SPLIT_COUNT] = {"data.train", "data.valid", "data.test"};

void rr_left_out_start(rr_left_out *left, const rr_records *records) {
    left->count = records->skipped;
    rr_buffer_puts(&left->first, rr_buffer_text(&records->first_skip));
}

rr_status rr_left_out_add(rr_left_out *left, const rr_task_setup *setup, rr_split split, const char *place,
                          const char *what) {
    if (setup->data->on_error == RR_ON_ERROR_STOP)
        return rr_config_fail(setup->config, split_keys[split], "%s: %s", place, what);
    if (left->count++ == 0) rr_buffer_printf(&left->first, "%s: %s", place, what);
    return RR_OK;
}

rr_status rr_left_out_check(const rr_left_out *left, const rr_task_setup *setup, rr_split split,
                            const rr_records *records, const rr_text_set *texts) {
    if (records->count == 0 || texts->count > 0) return RR_OK;
    return rr_config_fail(setup->config, split_keys[split], "no example is left; the first that was left out: %s",
                          rr_buffer_text(&left->first));
}

void rr_left_out_describe(const rr_left_out *left, rr_buffer *out) {
    if (left->count > 0)
        rr_buffer_printf(out, "  %zu examples left out; the first: %s\n", left->count, rr_buffer_text(&left->first));
}

rr_status rr_text_data_fill(const rr_text_part *part, rr_text_adder *add, void *ctx) {
    rr_buffer place = {0};
    rr_status status = RR_OK;
    rr_left_out_start(part->left_out, part->records);
    for (size_t i = 0; i < part->records->count && status == RR_OK; i++) {
        rr_buffer_clear(&place);
        rr_records_place(part->records, i, &place);
        status = add(ctx, part, i, rr_buffer_text(&place));
    }
    rr_buffer_free(&place);
    RR_TRY(status);
    return rr_left_out_check(part->left_out, part->setup, part->split, part->records, part->texts);
}

rr_status rr_text_data_leave_out(const rr_text_part *part, const char *place, const char *what) {
    rr_text_set_drop(part->texts);
    return rr_left_out_add(part->left_out, part->setup, part->split, place, what);
}

void rr_text_data_describe(const rr_task *task, rr_split split, const rr_text_set *texts, const rr_left_out *left,
                           rr_buffer *out) {
    rr_floor floors[RR_TASK_METRICS];
    size_t count = split != RR_SPLIT_TRAIN ? task->ops->floors(task, split, floors) : 0;
    if (texts->tokens.unknown > 0)
        rr_buffer_printf(out, ", %.2f %% unknown", 100.0 * (double)texts->tokens.unknown / (double)texts->tokens.count);
    if (texts->cut > 0) rr_buffer_printf(out, ", %zu cut", texts->cut);
    for (size_t i = 0; i < count; i++)
        rr_buffer_printf(out, "; %s %s %.4f", floors[i].name, floors[i].metric, floors[i].value);
    rr_buffer_puts(out, "\n");
    rr_left_out_describe(left, out);
}

void rr_text_data_random(uint32_t stream, size_t text, uint32_t out[4]) {
    const uint32_t counter[4] = {(uint32_t)text, 0, stream, 0};
    rr_philox(0, RR_RNG_SYNTHETIC, counter, out);
}

rr_status rr_text_data_make_up(const rr_task_setup *setup, const rr_text_rules *rules, size_t longest, uint32_t stream,
                               rr_vocab **vocab, rr_text_set *texts) {
    rr_corpus corpus = {.vocab = NULL};
    size_t count = setup->global_batch_size * setup->synthetic_steps;
    if (rules->max_length > 0) longest = rules->max_length;
    RR_TRY(rr_corpus_synthetic(rules->unit, setup->data->vocab.max_size, count * longest, &corpus));
    *vocab = corpus.vocab;
    corpus.vocab = NULL;
    texts->tokens = corpus.tokens[RR_SPLIT_TRAIN];
    corpus.tokens[RR_SPLIT_TRAIN] = (rr_tokens){.count = 0};
    rr_corpus_free(&corpus);
    texts->begin = malloc((count + 1) * sizeof *texts->begin);
    texts->lengths = malloc(count * sizeof *texts->lengths);
    if (texts->begin == NULL || texts->lengths == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for %zu texts", count);
    size_t least = (longest + 3) / 4;
    for (size_t i = 0; i < count; i++) {
        uint32_t random[4];
        rr_text_data_random(stream, i, random);
        texts->begin[i] = i * longest;
        texts->lengths[i] = least + random[0] % (longest - least + 1);
    }
    texts->begin[count] = count * longest;
    texts->count = count;
    return RR_OK;
}
