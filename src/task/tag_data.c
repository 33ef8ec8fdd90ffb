/* Sentences and tags of a tagger, from files or without meaning. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "data/label_vocab.h"
#include "data/record_sets.h"
#include "data/vocab_parts.h"
#include "task/tag_model.h"

enum { TOKENS, TAGS, LABEL, FIELDS }; /* the label with task.sentence_label alone */
static const char *const fields[FIELDS] = {"tokens", "tags", "label"};

static rr_record_wish wish_of(const rr_tagger *tagger) {
    bool label = tagger->config.sentence_label;
    return (rr_record_wish){.fields = fields,
                            .field_count = label ? FIELDS : LABEL,
                            .preset = "columns",
                            .lists = LABEL,
                            .group_field = TOKENS,
                            .class_field = LABEL};
}

/* With one class alone there is nothing to learn: mostly the wrong column. */
static rr_status check_labels(const rr_config *config, const char *have, const rr_labels *labels) {
    if (labels->count >= 2) return RR_OK;
    return rr_config_fail(config, "data.train", "all %s \"%s\": there is nothing to learn", have,
                          labels->count > 0 ? labels->names[0] : "");
}

static rr_status add_label(void *ctx, const char *name, size_t length) { return rr_labels_add(ctx, name, length); }

static rr_status find_sentence_labels(rr_tagger *tagger, const rr_records *records) {
    for (size_t i = 0; i < records->count && tagger->config.sentence_label; i++)
        RR_TRY(rr_labels_each(rr_records_text(records, i, LABEL), rr_records_length(records, i, LABEL), NULL, add_label,
                              &tagger->sentence.labels));
    return RR_OK;
}

static rr_status find_tags(rr_tagger *tagger, const rr_records *records) {
    for (size_t i = 0; i < records->count; i++)
        RR_TRY(rr_labels_each(rr_records_text(records, i, TAGS), rr_records_length(records, i, TAGS), "\n", add_label,
                              &tagger->labels));
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

rr_status rr_tag_add_forms(const rr_tagger *tagger, rr_tag_set *set, const char *name, const char *list,
                           size_t length) {
    if (tagger->config.char_features == 0) return RR_OK;
    size_t kept = set->texts.lengths[set->texts.count - 1], count = length > 0 ? count_items(list, length) : 0;
    size_t first = tagger->rules.keep == RR_KEEP_TAIL ? count - kept : 0;
    return rr_word_forms_add(&set->forms, tagger->characters, name, list, length, first, kept);
}

/* The characters of the training part. */
static rr_status find_characters(rr_tagger *tagger, const rr_records *records) {
    rr_token_counts *counts = NULL;
    if (tagger->config.char_features == 0) return RR_OK;
    RR_TRY(rr_token_counts_create(RR_UNIT_CHAR, &counts));
    rr_status status = RR_OK;
    for (size_t i = 0; i < records->count && status == RR_OK; i++)
        status = rr_token_counts_add(counts, "training part", rr_records_text(records, i, TOKENS),
                                     rr_records_length(records, i, TOKENS));
    if (status == RR_OK) status = rr_vocab_build(counts, 1, 0, &tagger->characters);
    rr_token_counts_free(counts);
    return status;
}

typedef struct filling {
    rr_tagger *tagger;
    rr_tag_set *set;
    int32_t *ids; /* [largest number of tags of a sentence]; what is kept of them goes to set->tags */
} filling;

static rr_status add_class(const rr_tagger *tagger, rr_tag_set *set, const rr_text_part *part, size_t record,
                           const char *place) {
    size_t length = rr_records_length(part->records, record, LABEL), at = set->texts.count - 1;
    const char *label = rr_labels_trim(rr_records_text(part->records, record, LABEL), &length);
    char what[256];
    if (length == 0) return rr_text_data_leave_out(part, place, "the label is empty");
    set->classes[at] = rr_labels_find(&tagger->sentence.labels, label, length);
    if (set->classes[at] >= 0) return RR_OK;
    snprintf(what, sizeof what, "the label \"%.*s\" does not stand in the training part",
             length < 64 ? (int)length : 64, label);
    return rr_text_data_leave_out(part, place, what);
}

static rr_status add_sentence(void *ctx, const rr_text_part *part, size_t record, const char *place) {
    const filling *f = ctx;
    rr_tagger *tagger = f->tagger;
    rr_tag_set *set = f->set;
    const char *tokens = rr_records_text(part->records, record, TOKENS);
    const char *tags = rr_records_text(part->records, record, TAGS);
    size_t length = rr_records_length(part->records, record, TOKENS), at = set->texts.count;
    size_t tags_length = rr_records_length(part->records, record, TAGS), count = count_items(tokens, length);
    listed found = {.labels = &tagger->labels, .ids = f->ids, .room = count_items(tags, tags_length)};
    char what[256];
    RR_TRY(rr_text_set_add_list(&set->texts, tagger->vocab, &tagger->rules, tokens, length));
    RR_TRY(rr_labels_each(tags, tags_length, "\n", list_tag, &found));
    if (found.count != count) {
        snprintf(what, sizeof what, "%zu tokens have %zu tags", count, found.count);
        return rr_text_data_leave_out(part, place, what);
    }
    if (found.unknown[0] != 0) {
        snprintf(what, sizeof what, "the tag \"%s\" does not stand in the training part", found.unknown);
        return rr_text_data_leave_out(part, place, what);
    }
    if (tagger->config.sentence_label) RR_TRY(add_class(tagger, set, part, record, place));
    if (set->texts.count == at) return RR_OK; /* left out */
    size_t kept = set->texts.lengths[at], first = tagger->rules.keep == RR_KEEP_TAIL ? count - kept : 0;
    memcpy(set->tags + set->texts.begin[at], f->ids + first, kept * sizeof *f->ids);
    return rr_tag_add_forms(tagger, set, place, tokens, length);
}

static rr_status fill_set(rr_tagger *tagger, const rr_task_setup *setup, int split, const rr_records *records) {
    rr_tag_set *set = &tagger->sets[split];
    size_t all = 0, most = 0;
    for (size_t i = 0; i < records->count; i++) {
        size_t tokens = count_items(rr_records_text(records, i, TOKENS), rr_records_length(records, i, TOKENS));
        size_t tags = count_items(rr_records_text(records, i, TAGS), rr_records_length(records, i, TAGS));
        all += tokens;
        most = tags > most ? tags : most;
    }
    filling f = {.tagger = tagger, .set = set, .ids = malloc((most + 1) * sizeof *f.ids)};
    set->tags = malloc((all + 1) * sizeof *set->tags);
    set->classes = malloc((records->count + 1) * sizeof *set->classes);
    rr_status status =
        f.ids != NULL && set->tags != NULL && set->classes != NULL
            ? rr_text_data_fill(&(rr_text_part){setup, (rr_split)split, records, &set->texts, &set->left_out},
                                add_sentence, &f)
            : rr_fail(RR_ERR_NOMEM, "no memory for %zu tags", all);
    free(f.ids);
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
    rr_record_wish wish = wish_of(tagger);
    rr_status status = rr_record_sets_read(setup->config, setup->data, &wish, train, records);
    if (status == RR_OK && build) status = find_tags(tagger, &records[RR_SPLIT_TRAIN]);
    if (status == RR_OK && build) status = find_sentence_labels(tagger, &records[RR_SPLIT_TRAIN]);
    if (status == RR_OK && build)
        status = rr_text_data_vocab(setup, &tagger->rules, &records[RR_SPLIT_TRAIN], TOKENS, 1, &tagger->vocab);
    if (status == RR_OK && build) status = find_characters(tagger, &records[RR_SPLIT_TRAIN]);
    for (int split = 0; split < RR_SPLIT_COUNT && status == RR_OK; split++)
        if (split != RR_SPLIT_TRAIN || train) status = fill_set(tagger, setup, split, &records[split]);
    if (status == RR_OK && build) status = check_labels(setup->config, "words have the tag", &tagger->labels);
    if (status == RR_OK && build && tagger->config.sentence_label)
        status = check_labels(setup->config, "sentences have the label", &tagger->sentence.labels);
    if (status == RR_OK && build) status = find_frequent(tagger);
    rr_record_sets_free(records);
    return status;
}

/* For benchmarks: the made-up words' own names. */
static rr_status make_up_forms(rr_tagger *tagger, rr_tag_set *set) {
    static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyz_<>";
    rr_token_counts *counts = NULL;
    if (tagger->config.char_features == 0) return RR_OK;
    RR_TRY(rr_token_counts_create(RR_UNIT_CHAR, &counts));
    rr_status status = rr_token_counts_add(counts, "letters", letters, sizeof letters - 1);
    if (status == RR_OK) status = rr_vocab_build(counts, 1, 0, &tagger->characters);
    rr_token_counts_free(counts);
    for (size_t i = 0; i < set->texts.tokens.count && status == RR_OK; i++) {
        size_t length;
        const char *word = rr_vocab_token(tagger->vocab, set->texts.tokens.ids[i], &length);
        status = rr_word_forms_add(&set->forms, tagger->characters, "made-up words", word, length, 0, 1);
    }
    return status;
}

/* For benchmarks: ten tags. */
static rr_status make_up(rr_tagger *tagger, const rr_task_setup *setup) {
    enum { LONGEST = 50, KINDS = 10, STREAM = 2 };
    rr_tag_set *set = &tagger->sets[RR_SPLIT_TRAIN];
    RR_TRY(rr_text_data_make_up(setup, &tagger->rules, LONGEST, STREAM, &tagger->vocab, &set->texts));
    for (int k = 0; k < KINDS; k++) RR_TRY(rr_labels_add(&tagger->labels, &"ABCDEFGHIJ"[k], 1));
    size_t tokens = set->texts.tokens.count;
    set->tags = malloc((tokens + 1) * sizeof *set->tags);
    if (set->tags == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for %zu tags", tokens);
    for (size_t i = 0; i < tokens; i++) set->tags[i] = (int32_t)(i * 7 % KINDS);
    set->classes = malloc((set->texts.count + 1) * sizeof *set->classes);
    if (set->classes == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for %zu classes", set->texts.count);
    for (int k = 0; k < KINDS; k++) RR_TRY(rr_labels_add(&tagger->sentence.labels, &"ABCDEFGHIJ"[k], 1));
    for (size_t i = 0; i < set->texts.count; i++) set->classes[i] = (int32_t)(i * 7 % KINDS);
    RR_TRY(make_up_forms(tagger, set));
    return find_frequent(tagger);
}

static uint64_t fingerprint(const rr_tagger *tagger) {
    uint64_t hash = rr_labels_hash(&tagger->labels, rr_vocab_hash(tagger->vocab));
    for (int split = 0; split < RR_SPLIT_COUNT; split++) {
        const rr_tag_set *set = &tagger->sets[split];
        hash = rr_text_set_hash(&set->texts, hash);
        hash = rr_text_set_hash(&set->forms.texts, hash);
        if (set->texts.count > 0) hash = rr_hash64(set->tags, set->texts.tokens.count * sizeof *set->tags, hash);
        if (set->texts.count > 0 && tagger->config.sentence_label)
            hash = rr_hash64(set->classes, set->texts.count * sizeof *set->classes, hash);
    }
    return hash;
}

rr_status rr_tag_read(rr_tagger *tagger, const rr_task_setup *setup) {
    if (setup->vocab_json != NULL)
        RR_TRY(rr_label_vocab_from_json(setup->vocab_json, &tagger->vocab, &tagger->labels, &tagger->frequent,
                                        tagger->config.char_features > 0 ? &tagger->characters : NULL,
                                        tagger->config.sentence_label ? &tagger->sentence.labels : NULL));
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
        rr_buffer_free(&tagger->sets[split].left_out.first);
        free(tagger->sets[split].tags);
        free(tagger->sets[split].classes);
        rr_word_forms_free(&tagger->sets[split].forms);
    }
    rr_text_set_free(&tagger->taken.texts);
    rr_word_forms_free(&tagger->taken.forms);
    rr_vocab_free(tagger->characters);
    rr_span_tags_free(&tagger->spans);
    rr_labels_free(&tagger->labels);
    rr_labels_free(&tagger->sentence.labels);
    rr_vocab_free(tagger->vocab);
    free(tagger->frequent);
}

rr_status rr_tag_vocab_json(const rr_task *task, rr_buffer *out) {
    const rr_tagger *tagger = (const rr_tagger *)task;
    return rr_label_vocab_to_json(tagger->vocab, &tagger->labels, tagger->frequent, tagger->characters,
                                  tagger->config.sentence_label ? &tagger->sentence.labels : NULL, out);
}
