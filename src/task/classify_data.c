/* Texts and labels of a classifier, from files or without meaning. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "data/label_vocab.h"
#include "data/record_sets.h"
#include "data/vocab_parts.h"
#include "task/classify_model.h"

enum { TEXT, LABEL, FIELDS };
static const char *const fields[FIELDS] = {"text", "label"};
static const char *const label_first[FIELDS] = {"2", "1"};

static rr_record_wish wish_of(const rr_classify *c) {
    return (rr_record_wish){.fields = fields,
                            .field_count = FIELDS,
                            .preset = "tsv",
                            .tsv_columns = label_first,
                            .may_be_empty = c->config.multi_label ? 1U << LABEL : 0,
                            .group_field = TEXT,
                            .class_field = LABEL};
}

static const char *separator(const rr_classify *c) { return c->config.multi_label ? c->config.label_separator : NULL; }

static rr_status add_label(void *ctx, const char *name, size_t length) { return rr_labels_add(ctx, name, length); }

static rr_status find_labels(rr_classify *c, const rr_config *config, const rr_records *records) {
    for (size_t i = 0; i < records->count; i++)
        RR_TRY(rr_labels_each(rr_records_text(records, i, LABEL), rr_records_length(records, i, LABEL), separator(c),
                              add_label, &c->labels));
    if (c->config.multi_label) {
        c->labels.examples = records->count;
        return c->labels.count > 0 ? RR_OK : rr_config_fail(config, "data.train", "no example has a label");
    }
    if (c->labels.count >= 2) return RR_OK;
    return rr_config_fail(config, "data.train", "all examples have the label \"%s\": there is nothing to learn",
                          c->labels.count > 0 ? c->labels.names[0] : "");
}

/* A row of 0 and 1. */
typedef struct marks {
    const rr_labels *labels;
    float *row;
    size_t found; /* labels, known or not */
    bool unknown;
    char name[64];
} marks;

static rr_status mark(void *ctx, const char *name, size_t length) {
    marks *m = ctx;
    int32_t id = rr_labels_find(m->labels, name, length);
    m->found++;
    if (id >= 0) {
        m->row[id] = 1;
    } else if (!m->unknown) {
        m->unknown = true;
        size_t kept = length < sizeof m->name - 1 ? length : sizeof m->name - 1;
        memcpy(m->name, name, kept);
        m->name[kept] = 0;
    }
    return RR_OK;
}

typedef struct filling {
    rr_classify *c;
    rr_classify_set *set;
    float *row; /* [classes] */
} filling;

static rr_status add_example(void *ctx, const rr_text_part *part, size_t record, const char *place) {
    const filling *f = ctx;
    rr_classify *c = f->c;
    rr_classify_set *set = f->set;
    const rr_records *records = part->records;
    size_t classes = rr_classify_classes(c), at = set->texts.count;
    marks found = {.labels = &c->labels, .row = f->row};
    char what[256];
    memset(f->row, 0, classes * sizeof *f->row);
    RR_TRY(rr_text_set_add(&set->texts, c->vocab, &c->rules, place, rr_records_text(records, record, TEXT),
                           rr_records_length(records, record, TEXT)));
    if (set->texts.lengths[at] == 0) return rr_text_data_leave_out(part, place, "the text holds no token");
    RR_TRY(rr_labels_each(rr_records_text(records, record, LABEL), rr_records_length(records, record, LABEL),
                          separator(c), mark, &found));
    if (found.found == 0 && !c->config.multi_label) return rr_text_data_leave_out(part, place, "the label is empty");
    if (found.unknown) {
        snprintf(what, sizeof what, "the label \"%s\" does not stand in the training part", found.name);
        return rr_text_data_leave_out(part, place, what);
    }
    if (set->multi != NULL) memcpy(set->multi + at * classes, f->row, classes * sizeof *f->row);
    for (size_t k = 0; k < classes && set->labels != NULL; k++)
        if (f->row[k] != 0) set->labels[at] = (int32_t)k;
    return RR_OK;
}

static rr_status reserve_labels(const rr_classify *c, rr_classify_set *set, size_t count) {
    if (c->config.multi_label)
        set->multi = malloc((count * rr_classify_classes(c) + 1) * sizeof *set->multi);
    else
        set->labels = malloc((count + 1) * sizeof *set->labels);
    return set->multi != NULL || set->labels != NULL ? RR_OK : rr_fail(RR_ERR_NOMEM, "no memory for %zu labels", count);
}

static rr_status fill_set(rr_classify *c, const rr_task_setup *setup, int split, const rr_records *records) {
    rr_classify_set *set = &c->sets[split];
    filling f = {.c = c, .set = set, .row = malloc((rr_classify_classes(c) + 1) * sizeof *f.row)};
    if (f.row == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for labels");
    rr_status status = reserve_labels(c, set, records->count);
    if (status == RR_OK)
        status = rr_text_data_fill(&(rr_text_part){setup, (rr_split)split, records, &set->texts, &set->left_out},
                                   add_example, &f);
    free(f.row);
    return status;
}

static rr_status weigh_classes(rr_classify *c, const rr_task_setup *setup) {
    size_t classes = rr_classify_classes(c);
    const rr_floats *given = &c->config.class_weights;
    if (given->count == 0 && !c->config.balance_classes) return RR_OK;
    if (c->config.multi_label)
        return rr_config_fail(setup->config, given->count > 0 ? "task.class_weights" : "task.balance_classes",
                              "does not go with task.multi_label");
    if (given->count > 0 && given->count != classes)
        return rr_config_fail(setup->config, "task.class_weights", "must be %zu numbers, one for each class, got %zu",
                              classes, given->count);
    c->class_weights = malloc(classes * sizeof *c->class_weights);
    if (c->class_weights == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the weights of %zu classes", classes);
    double all = 0, sum = 0;
    for (size_t i = 0; i < classes; i++) all += (double)c->labels.counts[i];
    for (size_t i = 0; i < classes; i++) {
        double count = (double)c->labels.counts[i], balanced = count > 0 ? all / ((double)classes * count) : 0;
        c->class_weights[i] = (float)(given->count > 0 ? given->values[i] : balanced);
        sum += (double)c->class_weights[i];
    }
    return sum > 0 ? RR_OK : rr_config_fail(setup->config, "task.class_weights", "must not all be 0");
}

static uint64_t fingerprint(const rr_classify *c) {
    uint64_t hash = rr_labels_hash(&c->labels, rr_vocab_hash(c->vocab));
    for (int split = 0; split < RR_SPLIT_COUNT; split++) {
        const rr_classify_set *set = &c->sets[split];
        size_t count = set->texts.count;
        hash = rr_text_set_hash(&set->texts, hash);
        if (count > 0 && set->labels != NULL) hash = rr_hash64(set->labels, count * sizeof *set->labels, hash);
        if (count > 0 && set->multi != NULL)
            hash = rr_hash64(set->multi, count * rr_classify_classes(c) * sizeof *set->multi, hash);
    }
    return hash;
}

static rr_status read_files(rr_classify *c, const rr_task_setup *setup) {
    rr_records records[RR_SPLIT_COUNT] = {{.count = 0}};
    bool train = setup->need_train || c->vocab == NULL;
    rr_record_wish wish = wish_of(c);
    rr_status status = rr_record_sets_read(setup->config, setup->data, &wish, train, records);
    const rr_records *all = &records[RR_SPLIT_TRAIN];
    if (status == RR_OK && c->vocab == NULL) status = find_labels(c, setup->config, all);
    if (status == RR_OK && c->vocab == NULL) status = rr_text_data_vocab(setup, &c->rules, all, TEXT, 1, &c->vocab);
    for (int split = 0; split < RR_SPLIT_COUNT && status == RR_OK; split++)
        if (split != RR_SPLIT_TRAIN || setup->need_train) status = fill_set(c, setup, split, &records[split]);
    rr_record_sets_free(records);
    return status;
}

/* For benchmarks: two classes. */
static rr_status make_up(rr_classify *c, const rr_task_setup *setup) {
    enum { LONGEST = 100, KINDS = 2, STREAM = 1 };
    rr_classify_set *set = &c->sets[RR_SPLIT_TRAIN];
    RR_TRY(rr_text_data_make_up(setup, &c->rules, LONGEST, STREAM, &c->vocab, &set->texts));
    RR_TRY(rr_labels_add(&c->labels, "no", 2));
    RR_TRY(rr_labels_add(&c->labels, "yes", 3));
    RR_TRY(reserve_labels(c, set, set->texts.count));
    for (size_t i = 0; i < set->texts.count; i++) {
        uint32_t random[4];
        rr_text_data_random(STREAM, i, random);
        if (set->labels != NULL) set->labels[i] = (int32_t)(random[1] % KINDS);
        for (size_t k = 0; k < KINDS && set->multi != NULL; k++)
            set->multi[i * KINDS + k] = (float)(random[2] >> k & 1);
    }
    return RR_OK;
}

rr_status rr_classify_read(rr_classify *c, const rr_task_setup *setup) {
    if (setup->vocab_json != NULL)
        RR_TRY(rr_label_vocab_from_json(setup->vocab_json, &c->vocab, &c->labels, NULL, NULL, NULL));
    if (setup->synthetic_steps > 0)
        RR_TRY(make_up(c, setup));
    else if (setup->need_train || setup->need_eval)
        RR_TRY(read_files(c, setup));
    RR_TRY(weigh_classes(c, setup));
    c->base.data_fingerprint = fingerprint(c);
    return RR_OK;
}

void rr_classify_free_data(rr_classify *c) {
    for (int split = 0; split < RR_SPLIT_COUNT; split++) {
        rr_text_set_free(&c->sets[split].texts);
        rr_buffer_free(&c->sets[split].left_out.first);
        free(c->sets[split].labels);
        free(c->sets[split].multi);
    }
    rr_text_set_free(&c->taken);
    rr_labels_free(&c->labels);
    rr_vocab_free(c->vocab);
    free(c->class_weights);
}

rr_status rr_classify_vocab_json(const rr_task *task, rr_buffer *out) {
    const rr_classify *c = (const rr_classify *)task;
    return rr_label_vocab_to_json(c->vocab, &c->labels, NULL, NULL, NULL, out);
}
