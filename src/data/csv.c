#include "data/csv.h"

#include <stdlib.h>
#include <string.h>

#include "data/tokenize.h"

void rr_csv_open(rr_csv *csv, const char *name, char *text, size_t length, char delimiter) {
    size_t mark = rr_text_mark(text, length);
    *csv = (rr_csv){.name = name, .cursor = text + mark, .end = text + length, .delimiter = delimiter, .line = 1};
}

void rr_csv_close(rr_csv *csv) { free(csv->fields); }

static rr_status add_field(rr_csv *csv, const char *bytes, size_t length) {
    if (csv->count == csv->capacity) {
        size_t capacity = 2 * csv->capacity + 16;
        rr_csv_field *fields = realloc(csv->fields, capacity * sizeof *fields);
        if (fields == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a record of %zu columns", capacity);
        csv->fields = fields;
        csv->capacity = capacity;
    }
    csv->fields[csv->count++] = (rr_csv_field){bytes, length};
    return RR_OK;
}

static bool at_line_end(const rr_csv *csv, const char *at) {
    return at == csv->end || *at == '\n' || (*at == '\r' && at + 1 < csv->end && at[1] == '\n');
}

/* From an opening quote to behind the closing one. unquote: doubled quotes become one, in place. */
static rr_status quoted(rr_csv *csv, bool unquote) {
    char *from = csv->cursor + 1, *to = from;
    const char *begin = from;
    for (;; from++) {
        if (from == csv->end)
            return rr_fail(RR_ERR_INPUT, "%s:%llu: a quote is never closed", csv->name,
                           (unsigned long long)csv->record_line);
        if (*from == '"') {
            if (from + 1 == csv->end || from[1] != '"') break;
            from++;
        }
        csv->line += *from == '\n';
        if (unquote) *to = *from;
        to++;
    }
    csv->cursor = from + 1;
    if (!at_line_end(csv, csv->cursor) && *csv->cursor != csv->delimiter)
        return rr_fail(RR_ERR_INPUT, "%s:%llu: text follows a closing quote; a quote within quotes is doubled",
                       csv->name, (unsigned long long)csv->line);
    return add_field(csv, begin, (size_t)(to - begin));
}

static rr_status plain(rr_csv *csv) {
    const char *begin = csv->cursor;
    while (!at_line_end(csv, csv->cursor) && *csv->cursor != csv->delimiter) csv->cursor++;
    return add_field(csv, begin, (size_t)(csv->cursor - begin));
}

static void pass_line_end(rr_csv *csv) {
    if (csv->cursor < csv->end && *csv->cursor == '\r') csv->cursor++;
    if (csv->cursor < csv->end) {
        csv->cursor++;
        csv->line++;
    }
}

static rr_status read_fields(rr_csv *csv, bool unquote) {
    csv->count = 0;
    for (;;) {
        bool quote = csv->cursor < csv->end && *csv->cursor == '"';
        RR_TRY(quote ? quoted(csv, unquote) : plain(csv));
        if (at_line_end(csv, csv->cursor)) return RR_OK;
        csv->cursor++; /* the delimiter */
    }
}

rr_status rr_csv_next(rr_csv *csv, bool *more) {
    while (csv->cursor < csv->end && at_line_end(csv, csv->cursor)) pass_line_end(csv);
    *more = csv->cursor < csv->end;
    csv->count = 0;
    csv->record_line = csv->line;
    if (!*more) return RR_OK;
    char *begin = csv->cursor;
    rr_status status = read_fields(csv, false);
    if (status == RR_ERR_INPUT) { /* to the next line, of which nothing has been changed */
        char *newline = memchr(begin, '\n', (size_t)(csv->end - begin));
        csv->cursor = newline != NULL ? newline + 1 : csv->end;
        csv->line = csv->record_line + 1;
    }
    RR_TRY(status);
    csv->cursor = begin;
    csv->line = csv->record_line;
    RR_TRY(read_fields(csv, true));
    pass_line_end(csv);
    return RR_OK;
}
