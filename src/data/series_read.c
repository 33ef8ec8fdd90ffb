/* Series from CSV files: which columns there are, the rows, and their order. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "data/csv.h"
#include "data/series.h"
#include "data/series_order.h"
#include "data/tokenize.h"

enum { NUMBER = 64 }; /* bytes of a number, at most */

/* A file that is being read. */
typedef struct reader {
    const rr_series_wish *wish;
    rr_series *out;
    rr_csv csv;
    size_t width;        /* columns of the file */
    size_t date, series; /* which they are; width: none */
    size_t *columns;     /* [out->columns.count] */
} reader;

/* What is wrong with a row or a number. */
static rr_status bad(rr_series *out, rr_on_error on_error, size_t *count, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static rr_status bad(rr_series *out, rr_on_error on_error, size_t *count, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (on_error == RR_ON_ERROR_STOP) return rr_fail(RR_ERR_INPUT, "%s", text);
    if ((*count)++ == 0 && out->first_bad.length == 0) rr_buffer_puts(&out->first_bad, text);
    return RR_OK;
}

static rr_csv_field trimmed(rr_csv_field field) {
    while (field.length > 0 && strchr(" \t\r", field.bytes[0]) != NULL) field.bytes++, field.length--;
    while (field.length > 0 && strchr(" \t\r", field.bytes[field.length - 1]) != NULL) field.length--;
    return field;
}

static bool equals(rr_csv_field field, const char *word) {
    return field.length == strlen(word) && strncasecmp(field.bytes, word, field.length) == 0;
}

static bool is_missing(rr_csv_field field) {
    static const char *const words[] = {"", "nan", "na", "n/a", "null", "none", "?"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (equals(field, words[i])) return true;
    return false;
}

static bool parse_number(rr_csv_field field, bool decimal_comma, double *out) {
    char text[NUMBER], *end;
    if (field.length == 0 || field.length >= sizeof text || strchr("+-.,0123456789", field.bytes[0]) == NULL)
        return false;
    memcpy(text, field.bytes, field.length);
    text[field.length] = 0;
    if (decimal_comma) {
        char *comma = strchr(text, ',');
        if (strchr(text, '.') != NULL) return false;
        if (comma != NULL) *comma = '.';
    }
    if (strpbrk(text, "xXpP") != NULL) return false; /* hexadecimal */
    *out = strtod(text, &end);
    return *end == 0 && isfinite(*out);
}

static bool is_date(const rr_series_wish *wish, rr_csv_field field) {
    rr_date_style style;
    int64_t time;
    return rr_date_read(wish->date_format, field.bytes, field.length, &style, &time);
}

/* The columns of a file: their names, and what stands in each first. */
typedef struct layout {
    rr_series_names names;
    bool *numbers, *dates; /* [names.count] */
    bool commas;           /* somewhere stands a number with a decimal comma, where others are wanted */
} layout;

static void free_layout(layout *l) {
    rr_series_free_names(&l->names);
    free(l->numbers);
    free(l->dates);
}

static rr_status add_names(layout *l, const rr_csv *csv, bool header) {
    for (size_t i = 0; i < csv->count; i++) {
        char number[24];
        rr_csv_field name = trimmed(csv->fields[i]);
        size_t index;
        int length = snprintf(number, sizeof number, "%zu", i + 1);
        if (!header) name = (rr_csv_field){number, (size_t)length};
        if (!rr_text_is_utf8(name.bytes, name.length, NULL))
            return rr_fail(RR_ERR_INPUT, "%s:%llu: the name of column %zu is not UTF-8", csv->name,
                           (unsigned long long)csv->record_line, i + 1);
        RR_TRY(rr_series_add_name(&l->names, name.bytes, name.length, &index));
        if (rr_series_find(&l->names, l->names.items[index]) != index)
            return rr_fail(RR_ERR_INPUT, "%s:%llu: two columns are named \"%s\"", csv->name,
                           (unsigned long long)csv->record_line, l->names.items[index]);
    }
    return RR_OK;
}

/* A line of numbers and dates is no line of names. */
static rr_status check_header(const rr_series_wish *wish, const rr_csv *csv) {
    double number;
    for (size_t i = 0; i < csv->count; i++) {
        rr_csv_field field = trimmed(csv->fields[i]);
        if (!parse_number(field, wish->decimal_comma, &number) && !is_date(wish, field)) return RR_OK;
    }
    return rr_fail(RR_ERR_INPUT,
                   "%s:%llu: the first line holds numbers, no names of columns; data.header: false says that there are "
                   "none (columns are then 1, 2, ...)",
                   csv->name, (unsigned long long)csv->record_line);
}

/* Reads until something stands in every column. Bad rows are told when they are read. */
static rr_status look_at_rows(const rr_series_wish *wish, rr_csv *csv, layout *l) {
    bool more = true, *seen = calloc(l->names.count + 1, sizeof *seen);
    rr_status status = seen != NULL ? RR_OK : rr_fail(RR_ERR_NOMEM, "no memory for %zu columns", l->names.count);
    for (size_t left = l->names.count; status == RR_OK && more && left > 0; status = rr_csv_next(csv, &more)) {
        for (size_t i = 0; i < csv->count && i < l->names.count; i++) {
            double number;
            rr_csv_field field = trimmed(csv->fields[i]);
            if (seen[i] || is_missing(field)) continue;
            seen[i] = true;
            left--;
            l->numbers[i] = parse_number(field, wish->decimal_comma, &number);
            l->dates[i] = is_date(wish, field);
            l->commas |= !l->numbers[i] && parse_number(field, !wish->decimal_comma, &number);
        }
    }
    free(seen);
    return status == RR_ERR_INPUT ? RR_OK : status;
}

static rr_status look(const rr_series_wish *wish, rr_csv *csv, layout *l) {
    bool more;
    RR_TRY(rr_csv_next(csv, &more));
    if (more && wish->header) RR_TRY(check_header(wish, csv));
    if (more) RR_TRY(add_names(l, csv, wish->header));
    l->numbers = calloc(l->names.count + 1, sizeof *l->numbers);
    l->dates = calloc(l->names.count + 1, sizeof *l->dates);
    if (l->numbers == NULL || l->dates == NULL)
        return rr_fail(RR_ERR_NOMEM, "no memory for %zu columns", l->names.count);
    rr_status status = more && wish->header ? rr_csv_next(csv, &more) : RR_OK;
    if (status == RR_OK && !more) return rr_fail(RR_ERR_INPUT, "%s: holds no rows", csv->name);
    return status == RR_OK ? look_at_rows(wish, csv, l) : status;
}

static rr_status not_there(const reader *r, const layout *l, const char *name) {
    rr_buffer names = {0};
    for (size_t i = 0; i < l->names.count; i++) rr_buffer_printf(&names, "%s%s", i > 0 ? ", " : "", l->names.items[i]);
    rr_status status = rr_fail(RR_ERR_INPUT, "%s:1: there is no column \"%s\"; there are: %s", r->csv.name, name,
                               rr_buffer_text(&names));
    rr_buffer_free(&names);
    return status;
}

static rr_status find_column(const reader *r, const layout *l, const char *name, size_t *out) {
    *out = rr_series_find(&l->names, name);
    return *out < l->names.count ? RR_OK : not_there(r, l, name);
}

static rr_status find_date(reader *r, const layout *l) {
    static const char *const words[] = {"date", "datetime", "timestamp", "ds", "time", "day", "month"};
    enum { DATES_ALONE = 4 }; /* words that nothing else is called by */
    if (r->wish->date_column != NULL) return find_column(r, l, r->wish->date_column, &r->date);
    r->date = l->names.count;
    for (size_t w = sizeof words / sizeof *words; w-- > 0;)
        for (size_t i = 0; i < l->names.count; i++) {
            if (strcasecmp(l->names.items[i], words[w]) != 0) continue;
            if (!l->numbers[i] || r->wish->date_format != NULL)
                r->date = i;
            else if (w < DATES_ALONE && r->wish->column_count == 0)
                return rr_fail(RR_ERR_INPUT,
                               "%s:1: column %s holds numbers; task.date_format says how they are dates (%%Y%%m%%d, or "
                               "%%s for seconds since 1970), or task.inputs which columns are meant",
                               r->csv.name, l->names.items[i]);
        }
    if (r->date == l->names.count && l->dates[0]) r->date = 0;
    return RR_OK;
}

/* What may be the matter. */
static rr_status no_numbers(const reader *r, const layout *l) {
    const char *others = l->names.count == 1 ? strpbrk(l->names.items[0], ";\t|,") : NULL;
    if (others != NULL)
        return rr_fail(RR_ERR_INPUT, "%s:1: no column holds numbers; is data.delimiter %s%.*s?", r->csv.name,
                       *others == '\t' ? "a tab" : "", *others == '\t' ? 0 : 1, others);
    return rr_fail(RR_ERR_INPUT, "%s:1: no column holds numbers%s", r->csv.name,
                   !l->commas               ? ""
                   : r->wish->decimal_comma ? "; is task.decimal point?"
                                            : "; is task.decimal comma?");
}

static rr_status choose_columns(reader *r, const layout *l) {
    rr_series_names *columns = &r->out->columns;
    size_t index;
    for (size_t i = 0; i < r->wish->column_count && columns->count < r->wish->column_count; i++)
        RR_TRY(rr_series_add_name(columns, r->wish->columns[i], strlen(r->wish->columns[i]), &index));
    for (size_t i = 0; i < l->names.count && r->wish->column_count == 0; i++)
        if (l->numbers[i] && i != r->date && i != r->series && l->names.items[i][0] != 0)
            RR_TRY(rr_series_add_name(columns, l->names.items[i], strlen(l->names.items[i]), &index));
    return columns->count > 0 ? RR_OK : no_numbers(r, l);
}

static rr_status copy_name(const rr_series_names *names, size_t index, char **out) {
    *out = names->items != NULL ? strdup(names->items[index]) : NULL;
    return *out != NULL ? RR_OK : rr_fail(RR_ERR_NOMEM, "no memory for a name");
}

/* Which column is which. Those of the first file are wanted of the others, too. */
static rr_status lay_out(reader *r, const layout *l) {
    bool first = r->out->files.count == 1;
    r->width = r->series = l->names.count;
    RR_TRY(find_date(r, l));
    if (r->wish->series_column != NULL) RR_TRY(find_column(r, l, r->wish->series_column, &r->series));
    if (first) RR_TRY(choose_columns(r, l));
    if (first && r->date < r->width) RR_TRY(copy_name(&l->names, r->date, &r->out->date_name));
    bool dated = r->date < r->width;
    if (dated != (r->out->date_name != NULL))
        return rr_fail(RR_ERR_INPUT, "%s:1: has %s column of dates, the first file has %s", r->csv.name,
                       dated ? "a" : "no", dated ? "none" : "one");
    r->columns = malloc(r->out->columns.count * sizeof *r->columns);
    if (r->columns == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for %zu columns", r->out->columns.count);
    for (size_t i = 0; i < r->out->columns.count; i++)
        RR_TRY(find_column(r, l, r->out->columns.items[i], &r->columns[i]));
    return RR_OK;
}

static rr_status reserve_row(rr_series *out) {
    if (out->count < out->capacity) return RR_OK;
    size_t capacity = 2 * out->capacity + 1024;
    rr_series_row *rows = realloc(out->rows, capacity * sizeof *rows);
    if (rows != NULL) out->rows = rows;
    double *values = realloc(out->values, capacity * out->columns.count * sizeof *values);
    if (values != NULL) out->values = values;
    if (rows == NULL || values == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for %zu rows", capacity);
    out->capacity = capacity;
    return RR_OK;
}

static rr_status series_of(const reader *r, uint32_t *out) {
    rr_series_names *names = &r->out->series;
    size_t index = 0;
    char name[256] = "";
    if (r->series < r->width) {
        rr_csv_field field = trimmed(r->csv.fields[r->series]);
        if (field.length >= sizeof name || !rr_text_is_utf8(field.bytes, field.length, NULL))
            return rr_fail(RR_ERR_INPUT, "%s:%llu: the name of the series is too long or not UTF-8", r->csv.name,
                           (unsigned long long)r->csv.record_line);
        memcpy(name, field.bytes, field.length);
        name[field.length] = 0;
    }
    /* mostly that of the row before */
    if (r->out->count > 0 && strcmp(names->items[r->out->rows[r->out->count - 1].series], name) == 0)
        index = r->out->rows[r->out->count - 1].series;
    else if ((index = rr_series_find(names, name)) == names->count)
        RR_TRY(rr_series_add_name(names, name, strlen(name), &index));
    *out = (uint32_t)index;
    return RR_OK;
}

static rr_status read_numbers(const reader *r, double *values) {
    const rr_csv *csv = &r->csv;
    for (size_t i = 0; i < r->out->columns.count; i++) {
        rr_csv_field field = trimmed(csv->fields[r->columns[i]]);
        if (!is_missing(field) && parse_number(field, r->wish->decimal_comma, &values[i])) continue;
        values[i] = NAN;
        int shown = field.length < 40 ? (int)field.length : 40;
        RR_TRY(is_missing(field)
                   ? bad(r->out, r->wish->on_error, &r->out->missing, "%s:%llu: column %s: the number is missing",
                         csv->name, (unsigned long long)csv->record_line, r->out->columns.items[i])
                   : bad(r->out, r->wish->on_error, &r->out->missing, "%s:%llu: column %s: \"%.*s\" is no number",
                         csv->name, (unsigned long long)csv->record_line, r->out->columns.items[i], shown,
                         field.bytes));
    }
    return RR_OK;
}

static rr_status read_row(const reader *r) {
    const rr_csv *csv = &r->csv;
    rr_series *out = r->out;
    rr_date_style style = {.kind = RR_DATE_ISO};
    rr_series_row row = {.file = (uint32_t)(out->files.count - 1), .line = csv->record_line};
    if (csv->count != r->width)
        return bad(out, r->wish->on_error, &out->skipped, "%s:%llu: has %zu columns, the first line %zu", csv->name,
                   (unsigned long long)csv->record_line, csv->count, r->width);
    if (r->date < r->width) {
        rr_csv_field date = trimmed(csv->fields[r->date]);
        if (!rr_date_read(r->wish->date_format, date.bytes, date.length, &style, &row.time))
            return bad(out, r->wish->on_error, &out->skipped, "%s:%llu: column %s: \"%.*s\" is no date; allowed: %s",
                       csv->name, (unsigned long long)csv->record_line, out->date_name,
                       (int)(date.length < 40 ? date.length : 40), date.bytes,
                       r->wish->date_format != NULL ? r->wish->date_format
                                                    : RR_DATE_FORMATS "; others by task.date_format");
    }
    RR_TRY(reserve_row(out));
    RR_TRY(series_of(r, &row.series));
    RR_TRY(read_numbers(r, out->values + out->count * out->columns.count));
    if (out->count == 0) out->style = style;
    out->rows[out->count++] = row;
    return RR_OK;
}

static rr_status read_rows(reader *r) {
    bool more = true;
    if (r->wish->header) RR_TRY(rr_csv_next(&r->csv, &more));
    while (more) {
        rr_status status = rr_csv_next(&r->csv, &more);
        if (status == RR_ERR_INPUT) {
            RR_TRY(bad(r->out, r->wish->on_error, &r->out->skipped, "%s", rr_last_error()));
            more = true;
            continue;
        }
        RR_TRY(status);
        if (more) RR_TRY(read_row(r));
    }
    return RR_OK;
}

static rr_status read_text(const rr_series_wish *wish, const char *name, const char *text, size_t length,
                           rr_series *out) {
    char delimiter = wish->delimiter != 0 ? wish->delimiter : ',';
    reader r = {.wish = wish, .out = out};
    layout l = {.numbers = NULL};
    rr_csv first = {.name = name};
    size_t index;
    char *copy = malloc(2 * length + 2); /* reading changes the text: once to look, once to read */
    if (copy == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for %zu bytes of %s", length, name);
    memcpy(copy, text, length);
    memcpy(copy + length, text, length);
    rr_csv_open(&first, name, copy, length, delimiter);
    rr_csv_open(&r.csv, name, copy + length, length, delimiter);
    rr_status status = rr_series_add_name(&out->files, name, strlen(name), &index);
    if (status == RR_OK) status = look(wish, &first, &l);
    if (status == RR_OK) status = lay_out(&r, &l);
    if (status == RR_OK) status = read_rows(&r);
    free(r.columns);
    free_layout(&l);
    rr_csv_close(&first);
    rr_csv_close(&r.csv);
    free(copy);
    return status;
}

/* Rows of a series together, each in the order in which they came. */
static rr_status group(rr_series *out) {
    size_t width = out->columns.count;
    size_t *next = calloc(out->series.count + 1, sizeof *next);
    rr_series_row *rows = malloc((out->count + 1) * sizeof *rows);
    double *values = malloc((out->count * width + 1) * sizeof *values);
    out->begin = calloc(out->series.count + 1, sizeof *out->begin);
    if (next == NULL || rows == NULL || values == NULL || out->begin == NULL) {
        free(next);
        free(rows);
        free(values);
        return rr_fail(RR_ERR_NOMEM, "no memory to put %zu rows in order", out->count);
    }
    for (size_t i = 0; i < out->count; i++) out->begin[out->rows[i].series + 1]++;
    for (size_t s = 0; s < out->series.count; s++) out->begin[s + 1] += out->begin[s];
    memcpy(next, out->begin, out->series.count * sizeof *next);
    for (size_t i = 0; i < out->count; i++) {
        size_t to = next[out->rows[i].series]++;
        rows[to] = out->rows[i];
        memcpy(values + to * width, out->values + i * width, width * sizeof *values);
    }
    free(next);
    free(out->rows);
    free(out->values);
    out->rows = rows;
    out->values = values;
    out->capacity = out->count;
    return RR_OK;
}

static rr_status finish(const rr_series_wish *wish, rr_series *out) {
    if (out->count == 0)
        return rr_fail(RR_ERR_INPUT, "%s: holds no rows%s%s", out->files.items[0],
                       out->first_bad.length > 0 ? " that can be read; the first that cannot: " : "",
                       rr_buffer_text(&out->first_bad));
    RR_TRY(group(out));
    if (out->series.count > 1 || wish->series_column == NULL || out->series.items[0][0] != 0)
        return rr_series_put_in_order(wish->sort, out);
    return rr_fail(RR_ERR_INPUT, "%s: column %s is empty", out->files.items[0], wish->series_column);
}

rr_status rr_series_parse(const rr_series_wish *wish, const char *name, const char *text, size_t length,
                          rr_series *out) {
    RR_TRY(read_text(wish, name, text, length, out));
    return finish(wish, out);
}

rr_status rr_series_read(const rr_series_wish *wish, const char *const *paths, size_t path_count, rr_series *out) {
    rr_buffer text = {0};
    rr_status status = RR_OK;
    for (size_t i = 0; i < path_count && status == RR_OK; i++) {
        rr_buffer_clear(&text);
        status = rr_file_read(paths[i], &text);
        if (status == RR_OK) status = read_text(wish, paths[i], rr_buffer_text(&text), text.length, out);
    }
    rr_buffer_free(&text);
    return status == RR_OK ? finish(wish, out) : status;
}
