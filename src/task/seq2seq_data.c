/* Pairs of texts, from files or without meaning. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "data/pair_vocab.h"
#include "data/record_sets.h"
#include "data/source.h"
#include "data/vocab_parts.h"
#include "task/seq2seq_model.h"

enum { SOURCE, TARGET, FIELDS };
static const char *const fields[FIELDS] = {"source", "target"};
static const rr_record_wish wish = {
    .fields = fields, .field_count = FIELDS, .preset = "tsv", .group_field = SOURCE, .class_field = FIELDS};

typedef struct filling {
    rr_seq2seq *s;
    rr_seq2seq_set *set;
} filling;

static rr_status leave_out(const rr_text_part *part, rr_seq2seq_set *set, const char *place, const char *what) {
    rr_text_set_drop(&set->targets);
    return rr_text_data_leave_out(part, place, what);
}

/* A source that is too long is cut; a target is wanted whole. While training it must not be longer than allowed. */
static rr_status add_pair(void *ctx, const rr_text_part *part, size_t record, const char *place) {
    const filling *f = ctx;
    const rr_seq2seq *s = f->s;
    rr_seq2seq_set *set = f->set;
    const rr_records *records = part->records;
    size_t at = set->sources.count;
    RR_TRY(rr_text_set_add(&set->sources, s->source_vocab, &s->rules, place, rr_records_text(records, record, SOURCE),
                           rr_records_length(records, record, SOURCE)));
    RR_TRY(rr_text_set_add(&set->targets, s->target_vocab, &s->target_rules, place,
                           rr_records_text(records, record, TARGET), rr_records_length(records, record, TARGET)));
    size_t length = set->targets.lengths[at];
    if (set->sources.lengths[at] == 0) return leave_out(part, set, place, "the source holds no token");
    if (part->split == RR_SPLIT_TRAIN && s->rules.max_length > 0 && length > s->rules.max_length) {
        char what[128];
        snprintf(what, sizeof what, "the target has %zu tokens; data.max_length is %zu", length, s->rules.max_length);
        return leave_out(part, set, place, what);
    }
    if (part->split == RR_SPLIT_TRAIN) return RR_OK;
    /* The reference is the target in its normal form, which the set has just made. */
    rr_buffer_append(&set->references, rr_buffer_text(&set->targets.scratch), set->targets.scratch.length);
    set->reference_begin[set->targets.count] = set->references.length;
    return set->references.failed ? rr_fail(RR_ERR_NOMEM, "no memory for references") : RR_OK;
}

static rr_status fill_set(rr_seq2seq *s, const rr_task_setup *setup, int split, const rr_records *records) {
    rr_seq2seq_set *set = &s->sets[split];
    filling f = {.s = s, .set = set};
    set->reference_begin = calloc(records->count + 1, sizeof *set->reference_begin);
    if (set->reference_begin == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for %zu references", records->count);
    return rr_text_data_fill(&(rr_text_part){setup, (rr_split)split, records, &set->sources, &set->left_out}, add_pair,
                             &f);
}

static rr_status build_vocabs(rr_seq2seq *s, const rr_task_setup *setup, const rr_records *records) {
    if (s->config.share_vocab) {
        RR_TRY(rr_text_data_vocab(setup, &s->rules, records, SOURCE, FIELDS, &s->source_vocab));
        s->target_vocab = s->source_vocab;
        return RR_OK;
    }
    RR_TRY(rr_text_data_vocab(setup, &s->rules, records, SOURCE, 1, &s->source_vocab));
    return rr_text_data_vocab(setup, &s->target_rules, records, TARGET, 1, &s->target_vocab);
}

static rr_status read_files(rr_seq2seq *s, const rr_task_setup *setup) {
    rr_records records[RR_SPLIT_COUNT] = {{.count = 0}};
    bool build = s->source_vocab == NULL, train = setup->need_train || build;
    rr_status status = rr_record_sets_read(setup->config, setup->data, &wish, train, records);
    if (status == RR_OK && build) status = build_vocabs(s, setup, &records[RR_SPLIT_TRAIN]);
    for (int split = 0; split < RR_SPLIT_COUNT && status == RR_OK; split++)
        if (split != RR_SPLIT_TRAIN || setup->need_train) status = fill_set(s, setup, split, &records[split]);
    rr_record_sets_free(records);
    return status;
}

/* For benchmarks. */
static rr_status make_up(rr_seq2seq *s, const rr_task_setup *setup) {
    enum { LONGEST = 50, STREAM = 3 };
    rr_seq2seq_set *set = &s->sets[RR_SPLIT_TRAIN];
    RR_TRY(rr_text_data_make_up(setup, &s->rules, LONGEST, STREAM, &s->source_vocab, &set->sources));
    RR_TRY(rr_text_data_make_up(setup, &s->rules, LONGEST, STREAM + 1, &s->target_vocab, &set->targets));
    return RR_OK;
}

static uint64_t fingerprint(const rr_seq2seq *s) {
    uint64_t hash = rr_vocab_hash(s->source_vocab) ^ 31 * rr_vocab_hash(s->target_vocab);
    for (int split = 0; split < RR_SPLIT_COUNT; split++) {
        hash = rr_text_set_hash(&s->sets[split].sources, hash);
        hash = rr_text_set_hash(&s->sets[split].targets, hash);
    }
    return hash;
}

static rr_status read_codes(const rr_task_setup *setup, const char *path, rr_bpe **out) {
    rr_buffer text = {0};
    rr_status status = rr_file_read(path, &text);
    if (status == RR_OK) status = rr_bpe_parse(path, rr_buffer_text(&text), text.length, out);
    if (status == RR_ERR_INPUT) status = rr_config_fail(setup->config, "task.bpe", "%s", rr_last_error());
    rr_buffer_free(&text);
    return status;
}

/* Whether examples stand in columns between tabs, as they do if nothing says otherwise. */
static bool in_columns(const rr_data_config *data) {
    const rr_source_ops *source = NULL;
    if (data->format > 0)
        source = rr_sources[data->format - 1];
    else if (data->train.count > 0)
        source = rr_source_guess(data->train.items[0], NULL);
    return (source == NULL || strcmp(source->name, "tsv") == 0) &&
           (data->delimiter == NULL || data->delimiter[0] == '\t');
}

/* What becomes of texts, from the files of codes, or where they were read already with a checkpoint from these. */
static rr_status set_rules(rr_seq2seq *s, const rr_task_setup *setup) {
    const rr_paths *paths = &s->config.bpe;
    for (size_t i = 0; i < paths->count && setup->vocab_json == NULL && setup->synthetic_steps == 0; i++)
        RR_TRY(read_codes(setup, paths->items[i], &s->bpe[i]));
    if (s->bpe[1] == NULL) s->bpe[1] = s->bpe[0];
    s->rules.bpe = s->bpe[0];
    s->target_rules = s->rules;
    s->target_rules.bpe = s->bpe[1];
    s->target_rules.max_length = 0;
    return RR_OK;
}

rr_status rr_seq2seq_read(rr_seq2seq *s, const rr_task_setup *setup) {
    if (setup->vocab_json != NULL)
        RR_TRY(rr_pair_vocab_from_json(setup->vocab_json, &s->source_vocab, &s->target_vocab, s->bpe));
    RR_TRY(set_rules(s, setup));
    s->columns = in_columns(setup->data);
    if (setup->synthetic_steps > 0)
        RR_TRY(make_up(s, setup));
    else if (setup->need_train || setup->need_eval)
        RR_TRY(read_files(s, setup));
    s->base.data_fingerprint = fingerprint(s);
    return RR_OK;
}

void rr_seq2seq_free_data(rr_seq2seq *s) {
    for (int split = 0; split < RR_SPLIT_COUNT; split++) {
        rr_text_set_free(&s->sets[split].sources);
        rr_text_set_free(&s->sets[split].targets);
        rr_buffer_free(&s->sets[split].references);
        rr_buffer_free(&s->sets[split].left_out.first);
        free(s->sets[split].reference_begin);
    }
    rr_text_set_free(&s->taken);
    if (s->target_vocab != s->source_vocab) rr_vocab_free(s->target_vocab);
    rr_vocab_free(s->source_vocab);
    if (s->bpe[1] != s->bpe[0]) rr_bpe_free(s->bpe[1]);
    rr_bpe_free(s->bpe[0]);
}

rr_status rr_seq2seq_vocab_json(const rr_task *task, rr_buffer *out) {
    const rr_seq2seq *s = (const rr_seq2seq *)task;
    return rr_pair_vocab_to_json(s->source_vocab, s->target_vocab, s->bpe, out);
}
