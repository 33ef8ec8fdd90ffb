/* Sentences and tags of a tagger, from files or without meaning. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/rng.h"
#include "data/label_vocab.h"
#include "data/record_sets.h"
#include "data/synthetic.h"
#include "data/vocab_parts.h"
#include "task/tag_model.h"

enum { TOKENS, TAGS, FIELDS };
static const char *const fields[FIELDS] = {"tokens", "tags"};
static const rr_record_wish wish = {.fields = fields,
                                    .field_count = FIELDS,
                                    .preset = "columns",
                                    .lists = true,
                                    .group_field = TOKENS,
                                    .class_field = FIELDS};
static const char *const split_keys[RR_SPLIT_COUNT] = {"data.train", "data.valid", "data.test"};

static rr_status add_tag(void *ctx, const char *name, size_t length) { return rr_labels_add(ctx, name, length); }

static rr_status find_tags(rr_tagger *tagger, const rr_records *records) {
    for (size_t i = 0; i < records->count; i++)
        RR_TRY(rr_labels_each(rr_records_text(records, i, TAGS), rr_records_length(records, i, TAGS), "\n", add_tag,
                              &tagger->labels));
    return RR_OK;
}

static rr_status build_vocab(rr_tagger *tagger, const rr_task_setup *setup, const rr_records *records) {
    const rr_data_config *data = setup->data;
    rr_token_counts *counts = NULL;
    rr_buffer scratch = {0};
    if (data->vocab.file != NULL) {
        rr_status status = rr_vocab_read(RR_UNIT_WORD, data->vocab.file, &tagger->vocab);
        return status == RR_ERR_INPUT ? rr_config_fail(setup->config, "data.vocab.file", "%s", rr_last_error())
                                      : status;
    }
    RR_TRY(rr_token_counts_create(RR_UNIT_WORD, &counts));
    rr_status status = RR_OK;
    for (size_t i = 0; i < records->count && status == RR_OK; i++)
        status = rr_text_count(&tagger->rules, "text", rr_records_text(records, i, TOKENS),
                               rr_records_length(records, i, TOKENS), &scratch, counts);
    if (status == RR_OK) status = rr_vocab_build(counts, data->vocab.min_count, data->vocab.max_size, &tagger->vocab);
    rr_buffer_free(&scratch);
    rr_token_counts_free(counts);
    return status;
}

static rr_status leave_out(const rr_task_setup *setup, rr_tag_set *set, int split, const char *place,
                           const char *what) {
    rr_text_set_drop(&set->texts);
    if (setup->data->on_error == RR_ON_ERROR_STOP)
        return rr_config_fail(setup->config, split_keys[split], "%s: %s", place, what);
    if (set->skipped++ == 0) rr_buffer_printf(&set->complain, "%s: %s", place, what);
    return RR_OK;
}

/* The tags of a sentence as ids. */
typedef struct listed {
    const rr_labels *labels;
    int32_t *ids; /* [room] */
    size_t count, room;
    char unknown[64]; /* the first that training has not */
} listed;

static rr_status list_tag(void *ctx, const char *name, size_t length) {
    listed *l = ctx;
    int32_t id = rr_labels_find(l->labels, name, length);
    if (id < 0 && l->unknown[0] == 0) {
        size_t kept = length < sizeof l->unknown - 1 ? length : sizeof l->unknown - 1;
        memcpy(l->unknown, name, kept);
        l->unknown[kept] = 0;
    }
    if (l->count < l->room) l->ids[l->count] = id;
    l->count++;
    return RR_OK;
}

static size_t count_items(const char *text, size_t length) {
    size_t count = 1;
    for (size_t i = 0; i < length; i++) count += text[i] == '\n';
    return count;
}

/* ids: [largest number of tags of a sentence]; what is kept of them goes to set->tags. */
static rr_status add_sentence(rr_tagger *tagger, const rr_task_setup *setup, int split, const rr_records *records,
                              size_t i, int32_t *ids, const char *place) {
    rr_tag_set *set = &tagger->sets[split];
    const char *tokens = rr_records_text(records, i, TOKENS), *tags = rr_records_text(records, i, TAGS);
    size_t count = count_items(tokens, rr_records_length(records, i, TOKENS));
    listed found = {
        .labels = &tagger->labels, .ids = ids, .room = count_items(tags, rr_records_length(records, i, TAGS))};
    char what[256];
    RR_TRY(rr_text_set_add_list(&set->texts, tagger->vocab, &tagger->rules, tokens,
                                rr_records_length(records, i, TOKENS)));
    RR_TRY(rr_labels_each(tags, rr_records_length(records, i, TAGS), "\n", list_tag, &found));
    if (found.count != count) {
        snprintf(what, sizeof what, "%zu tokens have %zu tags", count, found.count);
        return leave_out(setup, set, split, place, what);
    }
    if (found.unknown[0] != 0) {
        snprintf(what, sizeof what, "the tag \"%s\" does not stand in the training part", found.unknown);
        return leave_out(setup, set, split, place, what);
    }
    size_t at = set->texts.count - 1, kept = set->texts.lengths[at];
    size_t first = tagger->rules.keep == RR_KEEP_TAIL ? count - kept : 0;
    memcpy(set->tags + set->texts.begin[at], ids + first, kept * sizeof *ids);
    return RR_OK;
}

static rr_status fill_set(rr_tagger *tagger, const rr_task_setup *setup, int split, const rr_records *records) {
    rr_tag_set *set = &tagger->sets[split];
    rr_buffer place = {0};
    size_t all = 0, most = 0;
    for (size_t i = 0; i < records->count; i++) {
        size_t tokens = count_items(rr_records_text(records, i, TOKENS), rr_records_length(records, i, TOKENS));
        size_t tags = count_items(rr_records_text(records, i, TAGS), rr_records_length(records, i, TAGS));
        all += tokens;
        most = tags > most ? tags : most;
    }
    rr_status status = RR_OK;
    int32_t *ids = malloc((most + 1) * sizeof *ids);
    set->tags = malloc((all + 1) * sizeof *set->tags);
    if (ids == NULL || set->tags == NULL) status = rr_fail(RR_ERR_NOMEM, "no memory for %zu tags", all);
    set->skipped = records->skipped;
    rr_buffer_puts(&set->complain, rr_buffer_text(&records->first_skip));
    for (size_t i = 0; i < records->count && status == RR_OK && ids != NULL; i++) {
        rr_buffer_clear(&place);
        rr_records_place(records, i, &place);
        status = add_sentence(tagger, setup, split, records, i, ids, rr_buffer_text(&place));
    }
    if (status == RR_OK && records->count > 0 && set->texts.count == 0)
        status = rr_config_fail(setup->config, split_keys[split], "no example is left; the first that was left out: %s",
                                rr_buffer_text(&set->complain));
    rr_buffer_free(&place);
    free(ids);
    return status;
}

/* Of tokens that training has not (those of a vocabulary from a file) the most frequent tag of all. */
static rr_status find_frequent(rr_tagger *tagger) {
    const rr_tag_set *set = &tagger->sets[RR_SPLIT_TRAIN];
    size_t words = rr_vocab_size(tagger->vocab), tags = tagger->labels.count;
    size_t *counts = calloc(words * tags + 1, sizeof *counts);
    tagger->frequent = malloc((words + 1) * sizeof *tagger->frequent);
    if (counts == NULL || tagger->frequent == NULL) {
        free(counts);
        return rr_fail(RR_ERR_NOMEM, "no memory for the tags of %zu words", words);
    }
    for (size_t i = 0; i < set->texts.tokens.count; i++)
        counts[(size_t)set->texts.tokens.ids[i] * tags + (size_t)set->tags[i]]++;
    for (size_t word = 0; word < words; word++) {
        size_t best = rr_labels_majority(&tagger->labels);
        for (size_t tag = 0; tag < tags; tag++)
            if (counts[word * tags + tag] > counts[word * tags + best]) best = tag;
        tagger->frequent[word] = (int32_t)best;
    }
    free(counts);
    return RR_OK;
}

static rr_status read_files(rr_tagger *tagger, const rr_task_setup *setup) {
    rr_records records[RR_SPLIT_COUNT] = {{.count = 0}};
    bool build = tagger->vocab == NULL, train = setup->need_train || build;
    rr_status status = rr_record_sets_read(setup->config, setup->data, &wish, train, records);
    if (status == RR_OK && build) status = find_tags(tagger, &records[RR_SPLIT_TRAIN]);
    if (status == RR_OK && build) status = build_vocab(tagger, setup, &records[RR_SPLIT_TRAIN]);
    for (int split = 0; split < RR_SPLIT_COUNT && status == RR_OK; split++)
        if (split != RR_SPLIT_TRAIN || train) status = fill_set(tagger, setup, split, &records[split]);
    if (status == RR_OK && build) status = find_frequent(tagger);
    rr_record_sets_free(records);
    return status;
}

/* For benchmarks: sentences of random length, from a quarter of data.max_length (50) on, with ten tags. */
static rr_status make_up(rr_tagger *tagger, const rr_task_setup *setup) {
    enum { LONGEST = 50, KINDS = 10 };
    rr_corpus corpus = {.vocab = NULL};
    rr_tag_set *set = &tagger->sets[RR_SPLIT_TRAIN];
    size_t count = setup->global_batch_size * setup->synthetic_steps, longest = tagger->rules.max_length;
    if (longest == 0) longest = LONGEST;
    RR_TRY(rr_corpus_synthetic(RR_UNIT_WORD, setup->data->vocab.max_size, count * longest, &corpus));
    tagger->vocab = corpus.vocab;
    corpus.vocab = NULL;
    set->texts.tokens = corpus.tokens[RR_SPLIT_TRAIN];
    corpus.tokens[RR_SPLIT_TRAIN] = (rr_tokens){.count = 0};
    rr_corpus_free(&corpus);
    for (int k = 0; k < KINDS; k++) RR_TRY(rr_labels_add(&tagger->labels, &"ABCDEFGHIJ"[k], 1));
    set->texts.begin = malloc((count + 1) * sizeof *set->texts.begin);
    set->texts.lengths = malloc(count * sizeof *set->texts.lengths);
    set->tags = malloc(count * longest * sizeof *set->tags);
    if (set->texts.begin == NULL || set->texts.lengths == NULL || set->tags == NULL)
        return rr_fail(RR_ERR_NOMEM, "no memory for %zu sentences", count);
    for (size_t i = 0; i < count; i++) {
        uint32_t out[4], counter[4] = {(uint32_t)i, 0, 2, 0};
        rr_philox(0, RR_RNG_SYNTHETIC, counter, out);
        size_t least = (longest + 3) / 4;
        set->texts.begin[i] = i * longest;
        set->texts.lengths[i] = least + out[0] % (longest - least + 1);
    }
    for (size_t i = 0; i < count * longest; i++) set->tags[i] = (int32_t)(i * 7 % KINDS);
    set->texts.begin[count] = count * longest;
    set->texts.count = count;
    return find_frequent(tagger);
}

static uint64_t fingerprint(const rr_tagger *tagger) {
    uint64_t hash = rr_labels_hash(&tagger->labels, rr_vocab_hash(tagger->vocab));
    for (int split = 0; split < RR_SPLIT_COUNT; split++) {
        const rr_tag_set *set = &tagger->sets[split];
        hash = rr_text_set_hash(&set->texts, hash);
        if (set->texts.count > 0) hash = rr_hash64(set->tags, set->texts.tokens.count * sizeof *set->tags, hash);
    }
    return hash;
}

rr_status rr_tag_read(rr_tagger *tagger, const rr_task_setup *setup) {
    if (setup->vocab_json != NULL)
        RR_TRY(rr_label_vocab_from_json(setup->vocab_json, &tagger->vocab, &tagger->labels, &tagger->frequent));
    if (setup->synthetic_steps > 0)
        RR_TRY(make_up(tagger, setup));
    else if (setup->need_train || setup->need_eval)
        RR_TRY(read_files(tagger, setup));
    tagger->base.data_fingerprint = fingerprint(tagger);
    return rr_span_tags_create(&tagger->labels, &tagger->spans);
}

void rr_tag_free_data(rr_tagger *tagger) {
    for (int split = 0; split < RR_SPLIT_COUNT; split++) {
        rr_text_set_free(&tagger->sets[split].texts);
        rr_buffer_free(&tagger->sets[split].complain);
        free(tagger->sets[split].tags);
    }
    rr_text_set_free(&tagger->taken);
    rr_span_tags_free(&tagger->spans);
    rr_labels_free(&tagger->labels);
    rr_vocab_free(tagger->vocab);
    free(tagger->frequent);
}

rr_status rr_tag_vocab_json(const rr_task *task, rr_buffer *out) {
    const rr_tagger *tagger = (const rr_tagger *)task;
    return rr_label_vocab_to_json(tagger->vocab, &tagger->labels, tagger->frequent, out);
}
