#include "data/series.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "data/csv.h"

/* Where a file has what is wanted. */
typedef struct layout {
    size_t date, series; /* NONE: no such column */
    size_t *columns;     /* [table->column_count] */
} layout;
static const size_t NONE = (size_t)-1;

static bool is(rr_csv_field field, const char *name) {
    return field.length == strlen(name) && memcmp(field.bytes, name, field.length) == 0;
}

static rr_status find(const rr_csv *csv, const char *name, size_t *out) {
    rr_buffer there = {0};
    for (*out = 0; *out < csv->count; ++*out)
        if (is(csv->fields[*out], name)) return RR_OK;
    for (size_t i = 0; i < csv->count; i++) {
        rr_buffer_puts(&there, i > 0 ? ", " : "");
        rr_buffer_append(&there, csv->fields[i].bytes, csv->fields[i].length);
    }
    rr_status status = rr_fail(RR_ERR_INPUT, "%s:%llu: there is no column \"%s\"; there are %s", csv->name,
                               (unsigned long long)csv->record_line, name, rr_buffer_text(&there));
    rr_buffer_free(&there);
    return status;
}

static char *copy_text(const char *text, size_t length) {
    char *copy = malloc(length + 1);
    if (copy == NULL) return NULL;
    memcpy(copy, text, length);
    copy[length] = 0;
    return copy;
}

static rr_status add_column(rr_series_table *table, const char *name, size_t length) {
    char **columns = realloc(table->columns, (table->column_count + 1) * sizeof *columns);
    if (columns == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for columns");
    table->columns = columns;
    columns[table->column_count] = copy_text(name, length);
    if (columns[table->column_count] == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for columns");
    table->column_count++;
    return RR_OK;
}

typedef enum value_kind { VALUE_NUMBER, VALUE_MISSING, VALUE_TEXT } value_kind;

static value_kind read_value(rr_csv_field field, double *out) {
    static const char *const words[] = {"", "nan", "NaN", "NAN", "NA", "N/A", "null", "NULL", "?", "-"};
    char copy[64], *end;
    while (field.length > 0 && (field.bytes[0] == ' ' || field.bytes[0] == '\t')) field.bytes++, field.length--;
    while (field.length > 0 && (field.bytes[field.length - 1] == ' ' || field.bytes[field.length - 1] == '\t'))
        field.length--;
    *out = NAN;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (is(field, words[i])) return VALUE_MISSING;
    if (field.length >= sizeof copy) return VALUE_TEXT;
    memcpy(copy, field.bytes, field.length);
    copy[field.length] = 0;
    double value = strtod(copy, &end);
    if (*end != 0 || !isfinite(value)) return VALUE_TEXT;
    *out = value;
    return VALUE_NUMBER;
}

/* The columns to read where none are named: those with a number in the first record, which is csv's last. */
static rr_status choose_columns(const rr_csv_field *header, size_t count, const rr_csv *csv, const layout *at,
                                rr_series_table *table) {
    double value;
    for (size_t i = 0; i < count && i < csv->count; i++)
        if (i != at->date && i != at->series && read_value(csv->fields[i], &value) == VALUE_NUMBER)
            RR_TRY(add_column(table, header[i].bytes, header[i].length));
    if (table->column_count > 0) return RR_OK;
    return rr_fail(RR_ERR_INPUT, "%s:%llu: no column holds a number", csv->name, (unsigned long long)csv->record_line);
}

static rr_status grow(rr_series_table *table) {
    if (table->rows < table->capacity) return RR_OK;
    size_t capacity = 2 * table->capacity + 1024;
    double *values = realloc(table->values, capacity * table->column_count * sizeof *values);
    if (values != NULL) table->values = values;
    int64_t *times = realloc(table->times, capacity * sizeof *times);
    if (times != NULL) table->times = times;
    uint8_t *parts = realloc(table->parts, capacity);
    if (parts != NULL) table->parts = parts;
    uint32_t *owner = realloc(table->owner, capacity * sizeof *owner);
    if (owner != NULL) table->owner = owner;
    uint64_t *lines = realloc(table->lines, capacity * sizeof *lines);
    if (lines != NULL) table->lines = lines;
    uint32_t *files = realloc(table->files, capacity * sizeof *files);
    if (files != NULL) table->files = files;
    if (values == NULL || times == NULL || parts == NULL || owner == NULL || lines == NULL || files == NULL)
        return rr_fail(RR_ERR_NOMEM, "no memory for %zu rows of a series", capacity);
    table->capacity = capacity;
    return RR_OK;
}

static rr_status find_series(rr_series_table *table, rr_csv_field name, uint32_t *out) {
    size_t count = table->series_count;
    for (size_t i = count; i-- > 0;) /* rows of one often follow each other */
        if (is(name, table->series[i].name)) {
            *out = (uint32_t)i;
            return RR_OK;
        }
    rr_series *series = realloc(table->series, (count + 1) * sizeof *series);
    if (series == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for series");
    table->series = series;
    series[count] = (rr_series){.name = copy_text(name.bytes, name.length)};
    if (series[count].name == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for series");
    *out = (uint32_t)table->series_count++;
    return RR_OK;
}

static rr_status bad(const rr_series_options *options, const rr_csv *csv, rr_series_table *table, const char *column,
                     rr_csv_field field, const char *what) {
    int shown = field.length < 40 ? (int)field.length : 40;
    return rr_records_bad(&table->names, options->on_error, csv->record_line, "column \"%s\": \"%.*s\" is no %s",
                          column, shown, field.bytes, what);
}

/* One record. A value that is no number is missing where errors are skipped; a row without a date is left out. */
static rr_status add_row(const rr_series_options *options, const layout *at, const rr_csv *csv, rr_split part,
                         rr_series_table *table) {
    size_t row = table->rows, columns = table->column_count;
    for (size_t c = 0; c < columns + 2; c++) {
        size_t needed = c < columns ? at->columns[c] : c == columns ? at->date : at->series;
        if (needed != NONE && needed >= csv->count)
            return rr_records_bad(&table->names, options->on_error, csv->record_line,
                                  "there are %zu columns, but column %zu is needed", csv->count, needed + 1);
    }
    RR_TRY(grow(table));
    if (!rr_date_parse(csv->fields[at->date].bytes, csv->fields[at->date].length, &table->times[row]))
        return bad(options, csv, table, options->date_column != NULL ? options->date_column : "1",
                   csv->fields[at->date], "date (2016-07-01, 2016-07-01 13:00:00, Jul 1 2016, or a whole number)");
    for (size_t c = 0; c < columns; c++) {
        rr_csv_field field = csv->fields[at->columns[c]];
        double *value = &table->values[row * columns + c];
        value_kind kind = read_value(field, value);
        if (kind == VALUE_TEXT) RR_TRY(bad(options, csv, table, table->columns[c], field, "number"));
        table->missing += kind != VALUE_NUMBER;
    }
    rr_csv_field name = at->series != NONE ? csv->fields[at->series] : (rr_csv_field){"", 0};
    RR_TRY(find_series(table, name, &table->owner[row]));
    table->parts[row] = (uint8_t)part;
    table->lines[row] = csv->record_line;
    table->files[row] = (uint32_t)(table->names.file_count - 1);
    table->rows++;
    return RR_OK;
}

/* From the header, and the first record where columns are not named. */
static rr_status find_layout(const rr_series_options *options, const rr_csv_field *header, size_t count,
                             const rr_csv *csv, rr_series_table *table, layout *out) {
    rr_csv named = *csv; /* its fields are those of the header */
    named.fields = (rr_csv_field *)header;
    named.count = count;
    named.record_line = 1;
    out->date = 0;
    out->series = NONE;
    if (options->date_column != NULL) RR_TRY(find(&named, options->date_column, &out->date));
    if (options->series_column != NULL) RR_TRY(find(&named, options->series_column, &out->series));
    if (table->column_count == 0) {
        for (size_t i = 0; i < options->columns.count; i++)
            RR_TRY(add_column(table, options->columns.items[i], strlen(options->columns.items[i])));
        if (options->columns.count == 0) RR_TRY(choose_columns(header, count, csv, out, table));
    }
    out->columns = calloc(table->column_count, sizeof *out->columns);
    if (out->columns == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for columns");
    for (size_t c = 0; c < table->column_count; c++) RR_TRY(find(&named, table->columns[c], &out->columns[c]));
    return RR_OK;
}

static rr_status read_rows(const rr_series_options *options, rr_csv *csv, rr_split part, rr_series_table *table) {
    bool more = true;
    layout at = {.columns = NULL};
    RR_TRY(rr_csv_next(csv, &more));
    if (!more) return rr_fail(RR_ERR_INPUT, "%s: is empty", csv->name);
    size_t count = csv->count, before = table->rows;
    rr_csv_field *header = malloc((count + 1) * sizeof *header);
    if (header == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for columns");
    memcpy(header, csv->fields, count * sizeof *header);
    rr_status status = rr_csv_next(csv, &more);
    if (status == RR_OK && !more)
        status = rr_fail(RR_ERR_INPUT, "%s:1: there is a header, but no record behind it", csv->name);
    if (status == RR_OK) status = find_layout(options, header, count, csv, table, &at);
    while (status == RR_OK && more) {
        status = add_row(options, &at, csv, part, table);
        if (status == RR_OK) status = rr_csv_next(csv, &more);
    }
    if (status == RR_OK && table->rows == before)
        status = rr_fail(RR_ERR_INPUT, "%s: no row is left; the first that was left out: %s", csv->name,
                         rr_buffer_text(&table->names.first_skip));
    free(at.columns);
    free(header);
    return status;
}

rr_status rr_series_parse(const rr_series_options *options, const char *name, char *text, size_t length, rr_split part,
                          rr_series_table *table) {
    rr_csv csv = {0};
    RR_TRY(rr_records_file(&table->names, name));
    if (length == 0) return rr_fail(RR_ERR_INPUT, "%s: is empty", name);
    rr_csv_open(&csv, name, text, length, options->delimiter != 0 ? options->delimiter : ',');
    rr_status status = read_rows(options, &csv, part, table);
    rr_csv_close(&csv);
    return status;
}

rr_status rr_series_read(const rr_series_options *options, const char *path, rr_split part, rr_series_table *table) {
    rr_buffer text = {0};
    rr_status status = rr_file_read(path, &text);
    if (status == RR_OK) status = rr_series_parse(options, path, text.data, text.length, part, table);
    rr_buffer_free(&text);
    return status;
}

/* Moves what belongs to a row: order[i] is the row that comes to place i. */
static rr_status reorder(rr_series_table *table, const size_t *order) {
    size_t rows = table->rows, width = table->column_count;
    double *values = malloc(rows * width * sizeof *values);
    int64_t *times = malloc(rows * sizeof *times);
    uint8_t *parts = malloc(rows);
    uint32_t *owner = malloc(rows * sizeof *owner), *files = malloc(rows * sizeof *files);
    uint64_t *lines = malloc(rows * sizeof *lines);
    bool there = values != NULL && times != NULL && parts != NULL && owner != NULL && files != NULL && lines != NULL;
    for (size_t i = 0; i < rows && there; i++) {
        memcpy(values + i * width, table->values + order[i] * width, width * sizeof *values);
        times[i] = table->times[order[i]];
        parts[i] = table->parts[order[i]];
        owner[i] = table->owner[order[i]];
        files[i] = table->files[order[i]];
        lines[i] = table->lines[order[i]];
    }
    free(there ? (void *)table->values : values);
    free(there ? (void *)table->times : times);
    free(there ? (void *)table->parts : parts);
    free(there ? (void *)table->owner : owner);
    free(there ? (void *)table->files : files);
    free(there ? (void *)table->lines : lines);
    if (!there) return rr_fail(RR_ERR_NOMEM, "no memory for %zu rows of series", rows);
    table->values = values;
    table->times = times;
    table->parts = parts;
    table->owner = owner;
    table->files = files;
    table->lines = lines;
    table->capacity = rows;
    return RR_OK;
}

static rr_status group(rr_series_table *table) {
    size_t *order = calloc(table->rows + 1, sizeof *order), at = 0;
    if (order == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for %zu rows of series", table->rows);
    for (size_t row = 0; row < table->rows; row++) table->series[table->owner[row]].count++;
    for (size_t s = 0; s < table->series_count; s++) {
        table->series[s].first = at;
        at += table->series[s].count;
        table->series[s].count = 0;
    }
    for (size_t row = 0; row < table->rows; row++) {
        rr_series *series = &table->series[table->owner[row]];
        order[series->first + series->count++] = row;
    }
    rr_status status = reorder(table, order);
    free(order);
    return status;
}

static rr_status check_times(rr_series_table *table, const rr_series *series) {
    for (size_t row = series->first + 1; row < series->first + series->count; row++) {
        if (table->times[row] > table->times[row - 1]) continue;
        rr_buffer place = {0};
        char date[32];
        rr_series_place(table, row, &place);
        rr_date_format(table->times[row], false, date);
        rr_status status = rr_fail(RR_ERR_INPUT, "%s: %s %s the row before it%s%s", rr_buffer_text(&place), date,
                                   table->times[row] == table->times[row - 1] ? "has the date of" : "is earlier than",
                                   series->name[0] != 0 ? " of " : "", series->name);
        rr_buffer_free(&place);
        return status;
    }
    return RR_OK;
}

static void look_for_gaps(rr_series_table *table) {
    size_t longest = 0;
    for (size_t s = 1; s < table->series_count; s++)
        if (table->series[s].count > table->series[longest].count) longest = s;
    table->step = rr_date_common_step(table->times + table->series[longest].first, table->series[longest].count);
    for (size_t s = 0; s < table->series_count; s++)
        for (size_t i = 1; i < table->series[s].count; i++) {
            size_t row = table->series[s].first + i;
            if (rr_date_add(table->times[row - 1], table->step, 1) == table->times[row]) continue;
            if (table->irregular++ == 0) rr_series_place(table, row, &table->first_irregular);
        }
}

rr_status rr_series_finish(rr_series_table *table) {
    if (table->rows == 0) return RR_OK;
    RR_TRY(group(table));
    for (size_t s = 0; s < table->series_count; s++) RR_TRY(check_times(table, &table->series[s]));
    look_for_gaps(table);
    return RR_OK;
}

size_t rr_series_column(const rr_series_table *table, const char *name) {
    size_t c = 0;
    while (c < table->column_count && strcmp(table->columns[c], name) != 0) c++;
    return c;
}

void rr_series_place(const rr_series_table *table, size_t row, rr_buffer *out) {
    rr_buffer_printf(out, "%s:%llu", table->names.files[table->files[row]], (unsigned long long)table->lines[row]);
}

void rr_series_table_free(rr_series_table *table) {
    for (size_t c = 0; c < table->column_count && table->columns != NULL; c++) free(table->columns[c]);
    for (size_t s = 0; s < table->series_count; s++) free(table->series[s].name);
    free(table->columns);
    free(table->series);
    free(table->values);
    free(table->times);
    free(table->parts);
    free(table->owner);
    free(table->lines);
    free(table->files);
    rr_records_free(&table->names);
    rr_buffer_free(&table->first_irregular);
    *table = (rr_series_table){.rows = 0};
}
