#include "data/sentence.h"

#include <string.h>

#include "data/tokenize.h"

enum { COLUMNS = 64 };

typedef struct reader {
    const rr_sentence_rules *rules;
    const rr_source_options *options;
    rr_source_map map;
    rr_records *records;
    rr_buffer fields[RR_RECORD_FIELDS]; /* of the sentence that is being read */
    uint64_t begin;                     /* its first line */
    size_t tokens, columns;             /* columns: of its first line */
    bool bad;                           /* the sentence is left out */
} reader;

/* The sentence is over: a record, if nothing was wrong with it. */
static rr_status close_sentence(reader *r) {
    if (r->tokens > 0 && !r->bad) {
        RR_TRY(rr_records_add(r->records, r->begin));
        for (size_t f = 0; f < r->options->field_count; f++)
            RR_TRY(rr_records_append(r->records, f, rr_buffer_text(&r->fields[f]), r->fields[f].length));
    }
    for (size_t f = 0; f < r->options->field_count; f++) rr_buffer_clear(&r->fields[f]);
    r->tokens = 0;
    r->bad = false;
    return RR_OK;
}

/* A sentence counts as one bad example, however many lines of it are wrong. */
static rr_status complain(reader *r, uint64_t line, const char *what) {
    if (r->bad) return RR_OK;
    r->bad = true;
    return rr_records_bad(r->records, r->options->on_error, line, "%s", what);
}

static rr_status add_token(reader *r, uint64_t line, rr_csv_field text) {
    rr_csv_field columns[COLUMNS];
    size_t count = r->rules->cut(text, columns, COLUMNS), wanted = r->rules->columns;
    long first = -1;
    if (r->tokens++ == 0) {
        r->begin = line;
        r->columns = count;
    }
    if (count != r->columns) return complain(r, line, "the line has not as many columns as the sentence's first");
    if (wanted > 0 && count != wanted) return complain(r, line, "the line has not the columns of this format");
    if (!rr_text_is_utf8(text.bytes, text.length, NULL) || memchr(text.bytes, 0, text.length) != NULL)
        return complain(r, line, "the line is not UTF-8");
    for (size_t f = 0; f < r->options->field_count; f++) {
        long column = r->map.columns[f] >= 0 ? r->map.columns[f] : (long)count + r->map.columns[f];
        if (column < 0 || column >= (long)count) return complain(r, line, "the line has too few columns");
        if (columns[column].length == 0) return complain(r, line, "a column is empty");
        if (f > 0 && column == first) return complain(r, line, "the line has too few columns");
        first = f == 0 ? column : first;
        if (r->fields[f].length > 0) rr_buffer_puts(&r->fields[f], "\n");
        rr_buffer_append(&r->fields[f], columns[column].bytes, columns[column].length);
        if (r->fields[f].failed) return rr_fail(RR_ERR_NOMEM, "no memory for a sentence");
    }
    return RR_OK;
}

static bool is_blank(rr_csv_field line) {
    for (size_t i = 0; i < line.length; i++)
        if (line.bytes[i] != ' ' && line.bytes[i] != '\t') return false;
    return true;
}

static rr_status read_file(reader *r, const char *path) {
    rr_source_file file = {0};
    rr_csv_field line;
    size_t before = r->records->count;
    rr_status status = rr_source_open(&file, path, r->records);
    while (status == RR_OK && rr_source_line(&file, &line)) {
        if (is_blank(line))
            status = close_sentence(r);
        else if (line.length > r->options->max_line_bytes)
            status = complain(r, file.line, "the line is longer than data.max_line_bytes");
        else if (!r->rules->ignored(line))
            status = add_token(r, file.line, line);
    }
    if (status == RR_OK) status = close_sentence(r);
    if (status == RR_OK) status = rr_source_check_any(r->records, before, path);
    rr_buffer_free(&file.text);
    return status;
}

rr_status rr_sentence_read(const rr_sentence_rules *rules, const rr_source_options *options, const char *const *paths,
                           size_t path_count, rr_records *out) {
    reader r = {.rules = rules, .options = options, .records = out};
    rr_source_options columns = *options;
    if (options->field_count > 2 && options->columns == NULL)
        return rr_fail(RR_ERR_INPUT, "%s: data.columns must say where the %s stands", paths[0], options->fields[2]);
    if (options->columns == NULL) columns.columns = rules->preset;
    rr_status status = rr_source_find_columns(&columns, paths[0], rules->names, rules->columns, &r.map);
    for (size_t i = 0; i < path_count && status == RR_OK; i++) status = read_file(&r, paths[i]);
    for (size_t f = 0; f < RR_RECORD_FIELDS; f++) rr_buffer_free(&r.fields[f]);
    return status;
}
