#include "data/record_sets.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "data/files.h"

static const char *const keys[RR_SPLIT_COUNT] = {"data.train", "data.valid", "data.test"};

static const rr_source_ops *source_named(const char *name) {
    for (size_t i = 0; i < rr_source_count; i++)
        if (strcmp(rr_sources[i]->name, name) == 0) return rr_sources[i];
    return rr_sources[0];
}

static rr_status check_columns(const rr_config *config, const rr_data_config *data, const rr_record_wish *wish) {
    if (data->columns.count == 0 || data->columns.count == wish->field_count) return RR_OK;
    rr_buffer names = {0};
    for (size_t i = 0; i < wish->field_count; i++) rr_buffer_printf(&names, "%s%s", i > 0 ? ", " : "", wish->fields[i]);
    rr_status status = rr_config_fail(config, "data.columns", "must name a column for each of [%s], got %zu",
                                      rr_buffer_text(&names), data->columns.count);
    rr_buffer_free(&names);
    return status;
}

static bool has_names(const rr_paths *columns) {
    for (size_t i = 0; i < columns->count; i++)
        if (columns->items[i][strspn(columns->items[i], "-0123456789")] != 0) return true;
    return false;
}

static rr_status read_set(const rr_config *config, const rr_data_config *data, const rr_record_wish *wish, int split,
                          const rr_paths *paths, rr_records *out) {
    rr_file_list files = {0};
    if (paths->count == 0) return RR_OK;
    rr_status status = rr_file_list_expand(config, keys[split], paths, &files);
    if (status == RR_OK && files.count > 0) {
        const rr_source_ops *source = data->format == 0 ? rr_source_guess(files.paths[0], source_named(wish->preset))
                                                        : rr_sources[data->format - 1];
        bool tsv = strcmp(source->name, "tsv") == 0;
        rr_source_options options = {.fields = wish->fields,
                                     .field_count = wish->field_count,
                                     .columns = data->columns.count > 0 ? data->columns.items
                                                : tsv                   ? wish->tsv_columns
                                                                        : NULL,
                                     .may_be_empty = wish->may_be_empty,
                                     .lists = wish->lists,
                                     .delimiter = data->delimiter != NULL ? data->delimiter[0] : 0,
                                     .header = data->header && (!tsv || has_names(&data->columns)),
                                     .header_by_names = data->header && data->columns.count == 0,
                                     .max_line_bytes = data->max_line_bytes,
                                     .on_error = (rr_on_error)data->on_error};
        if (source->sentences && wish->lists == 0)
            status = rr_fail(RR_ERR_INPUT, "%s: format %s holds sentences with tags, which this task does not read",
                             files.paths[0], source->name);
        if (status == RR_OK) status = source->read(&options, (const char *const *)files.paths, files.count, out);
        /* As many files as fields, whose lines do not have all of them, are the fields themselves. */
        bool as_fields = tsv && data->format == 0 && files.count == wish->field_count;
        if (status == RR_ERR_INPUT)
            status = rr_config_fail(config, keys[split], "%s%s", rr_last_error(),
                                    as_fields ? ". Files whose lines belong together want data.format: parallel" : "");
    }
    rr_file_list_free(&files);
    return status;
}

/* A field that texts are compared by. */
typedef struct item {
    const rr_records *records;
    size_t record, field;
} item;

static int by_text(const void *a, const void *b) {
    const item *x = a, *y = b;
    size_t length = rr_records_length(x->records, x->record, x->field);
    size_t other = rr_records_length(y->records, y->record, y->field);
    int order = memcmp(rr_records_text(x->records, x->record, x->field),
                       rr_records_text(y->records, y->record, y->field), length < other ? length : other);
    if (order != 0) return order;
    if (length != other) return length < other ? -1 : 1;
    return (x->record > y->record) - (x->record < y->record);
}

static bool equal_text(const rr_records *records, size_t field, size_t a, size_t b) {
    size_t length = rr_records_length(records, a, field);
    return length == rr_records_length(records, b, field) &&
           memcmp(rr_records_text(records, a, field), rr_records_text(records, b, field), length) == 0;
}

/* Records with equal text, in the class of the first of them. */
typedef struct group {
    size_t first, size; /* in the sorted items */
    size_t record;      /* the earliest */
    size_t label;       /* number of the class */
    uint64_t key;       /* at random */
} group;

static int by_class_and_key(const void *a, const void *b) {
    const group *x = a, *y = b;
    if (x->label != y->label) return x->label < y->label ? -1 : 1;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return (x->record > y->record) - (x->record < y->record);
}

static uint64_t random_key(uint64_t seed, size_t record) {
    const uint32_t counter[4] = {(uint32_t)record, (uint32_t)(record >> 32), 0, 0};
    return rr_philox_sort_key(seed, RR_RNG_SPLIT, counter);
}

/* Items by text. */
static void sort_items(const rr_records *records, size_t field, item *items) {
    for (size_t i = 0; i < records->count; i++) items[i] = (item){records, i, field};
    qsort(items, records->count, sizeof *items, by_text);
}

static size_t find_groups(const rr_records *records, size_t field, uint64_t seed, item *items, group *groups) {
    size_t count = 0;
    sort_items(records, field, items);
    for (size_t i = 0; i < records->count; i++) {
        if (i > 0 && equal_text(records, field, items[i - 1].record, items[i].record)) {
            groups[count - 1].size++;
            continue;
        }
        groups[count++] = (group){.first = i, .size = 1, .record = items[i].record};
    }
    for (size_t g = 0; g < count; g++) groups[g].key = random_key(seed, groups[g].record);
    return count;
}

/* labels[record]: number of its class. */
static void number_classes(const rr_records *records, size_t field, item *items, size_t *labels) {
    sort_items(records, field, items);
    size_t number = 0;
    for (size_t i = 0; i < records->count; i++) {
        if (i > 0 && !equal_text(records, field, items[i - 1].record, items[i].record)) number++;
        labels[items[i].record] = number;
    }
}

/* The part in which the middle of the group falls, of its class laid out in a row. */
static uint8_t part_at(const double *fractions, double position) {
    double end = 0;
    for (int split = 0; split < RR_SPLIT_COUNT; split++) {
        end += fractions[split];
        if (fractions[split] > 0 && position < end) return (uint8_t)split;
    }
    return end > 1 - 1e-9 ? (uint8_t)RR_SPLIT_TRAIN : (uint8_t)RR_SPLIT_COUNT;
}

static void deal(const item *items, const group *groups, size_t count, const double *fractions, uint8_t *parts) {
    for (size_t g = 0, end; g < count; g = end) {
        size_t all = 0, before = 0;
        for (end = g; end < count && groups[end].label == groups[g].label; end++) all += groups[end].size;
        for (size_t i = g; i < end; i++) {
            uint8_t part = part_at(fractions, ((double)before + (double)groups[i].size / 2) / (double)all);
            for (size_t k = 0; k < groups[i].size; k++) parts[items[groups[i].first + k].record] = part;
            before += groups[i].size;
        }
    }
}

rr_status rr_records_divide(const rr_records *records, const rr_record_wish *wish, const double *fractions,
                            uint64_t seed, uint8_t *parts) {
    rr_status status = RR_OK;
    item *items = malloc((records->count + 1) * sizeof *items);
    group *groups = malloc((records->count + 1) * sizeof *groups);
    size_t *labels = calloc(records->count + 1, sizeof *labels);
    if (items == NULL || groups == NULL || labels == NULL) {
        status = rr_fail(RR_ERR_NOMEM, "no memory to divide %zu examples", records->count);
        goto free_all;
    }
    if (wish->class_field < wish->field_count) number_classes(records, wish->class_field, items, labels);
    size_t group_count = find_groups(records, wish->group_field, seed, items, groups);
    for (size_t g = 0; g < group_count; g++) groups[g].label = labels[groups[g].record];
    qsort(groups, group_count, sizeof *groups, by_class_and_key);
    deal(items, groups, group_count, fractions, parts);
free_all:
    free(items);
    free(groups);
    free(labels);
    return status;
}

static rr_status copy_record(const rr_records *from, size_t record, size_t field_count, rr_records *out) {
    RR_TRY(rr_records_add(out, from->items[record].line));
    out->items[out->count - 1].file = from->items[record].file;
    for (size_t f = 0; f < field_count; f++)
        RR_TRY(rr_records_append(out, f, rr_records_text(from, record, f), rr_records_length(from, record, f)));
    return RR_OK;
}

static rr_status copy_parts(const rr_records *all, const uint8_t *parts, size_t field_count, bool need_train,
                            rr_records sets[RR_SPLIT_COUNT]) {
    for (int split = 0; split < RR_SPLIT_COUNT; split++)
        for (size_t f = 0; f < all->file_count; f++) RR_TRY(rr_records_file(&sets[split], all->files[f]));
    for (size_t i = 0; i < all->count; i++)
        if (parts[i] < RR_SPLIT_COUNT && (need_train || parts[i] != RR_SPLIT_TRAIN))
            RR_TRY(copy_record(all, i, field_count, &sets[parts[i]]));
    sets[RR_SPLIT_TRAIN].skipped = all->skipped;
    rr_buffer_puts(&sets[RR_SPLIT_TRAIN].first_skip, rr_buffer_text(&all->first_skip));
    return RR_OK;
}

static rr_status read_and_divide(const rr_config *config, const rr_data_config *data, const rr_record_wish *wish,
                                 bool need_train, rr_records sets[RR_SPLIT_COUNT]) {
    rr_records all = {0};
    uint8_t *parts = NULL;
    rr_status status = read_set(config, data, wish, RR_SPLIT_TRAIN, &data->train, &all);
    if (status == RR_OK) {
        parts = malloc(all.count + 1);
        if (parts == NULL) status = rr_fail(RR_ERR_NOMEM, "no memory to divide %zu examples", all.count);
    }
    if (status == RR_OK) status = rr_records_divide(&all, wish, data->split.values, data->split_seed, parts);
    if (status == RR_OK) status = copy_parts(&all, parts, wish->field_count, need_train, sets);
    for (int split = 0; split < RR_SPLIT_COUNT && status == RR_OK; split++)
        if (data->split.values[split] > 0 && sets[split].count == 0 && (split != RR_SPLIT_TRAIN || need_train))
            status = rr_config_fail(config, "data.split", "leaves nothing of %zu examples for %s", all.count,
                                    rr_split_names[split]);
    free(parts);
    rr_records_free(&all);
    return status;
}

rr_status rr_record_sets_read(const rr_config *config, const rr_data_config *data, const rr_record_wish *wish,
                              bool need_train, rr_records sets[RR_SPLIT_COUNT]) {
    const rr_paths *paths[RR_SPLIT_COUNT] = {&data->train, &data->valid, &data->test};
    RR_TRY(check_columns(config, data, wish));
    if (need_train && data->train.count == 0)
        return rr_config_fail(config, "data.train", "examples to train on are needed");
    if (data->split.count > 0) return read_and_divide(config, data, wish, need_train, sets);
    for (int split = 0; split < RR_SPLIT_COUNT; split++)
        if (split != RR_SPLIT_TRAIN || need_train)
            RR_TRY(read_set(config, data, wish, split, paths[split], &sets[split]));
    return RR_OK;
}

void rr_record_sets_free(rr_records sets[RR_SPLIT_COUNT]) {
    for (int split = 0; split < RR_SPLIT_COUNT; split++) rr_records_free(&sets[split]);
}
