#include "data/source_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "data/tokenize.h"

rr_status rr_source_open(rr_source_file *file, const char *path, rr_records *records) {
    RR_TRY(rr_file_read(path, &file->text));
    const char *text = rr_buffer_text(&file->text);
    file->cursor = text + rr_text_mark(text, file->text.length);
    file->end = text + file->text.length;
    file->line = 0;
    return rr_records_file(records, path);
}

bool rr_source_line(rr_source_file *file, rr_csv_field *line) {
    if (file->cursor == file->end) return false;
    const char *newline = memchr(file->cursor, '\n', (size_t)(file->end - file->cursor));
    const char *stop = newline != NULL ? newline : file->end;
    *line = (rr_csv_field){file->cursor, (size_t)(stop - file->cursor)};
    if (line->length > 0 && stop[-1] == '\r') line->length--;
    file->cursor = newline != NULL ? newline + 1 : file->end;
    file->line++;
    return true;
}

static rr_status no_column(const char *path, const char *name, const rr_csv_field *header, size_t count) {
    rr_buffer names = {0};
    if (header == NULL)
        return rr_fail(RR_ERR_INPUT,
                       "%s: column \"%s\": the columns have no names here; allowed are numbers from 1 on, or from the "
                       "end (-1)",
                       path, name);
    for (size_t i = 0; i < count; i++)
        rr_buffer_printf(&names, "%s%.*s", i > 0 ? ", " : "", (int)header[i].length, header[i].bytes);
    rr_status status =
        rr_fail(RR_ERR_INPUT, "%s: has no column \"%s\"; there %s %s%s", path, name, count == 1 ? "is" : "are",
                rr_buffer_text(&names), count == 1 ? "; data.delimiter says what stands between columns" : "");
    rr_buffer_free(&names);
    return status;
}

bool rr_source_is_name(rr_csv_field column, const char *name) {
    while (column.length > 0 && *column.bytes == ' ') column.bytes++, column.length--;
    while (column.length > 0 && column.bytes[column.length - 1] == ' ') column.length--;
    return column.length == strlen(name) && memcmp(column.bytes, name, column.length) == 0;
}

static rr_status find_column(const char *path, const char *name, const rr_csv_field *header, size_t count, long *out) {
    for (size_t i = 0; i < count && header != NULL; i++)
        if (rr_source_is_name(header[i], name)) {
            *out = (long)i;
            return RR_OK;
        }
    char *end;
    long number = strtol(name, &end, 10);
    if (name[0] == 0 || *end != 0 || number == 0 || number > 1000000 || number < -1000000)
        return no_column(path, name, header, count);
    *out = number > 0 ? number - 1 : number;
    return RR_OK;
}

rr_status rr_source_find_columns(const rr_source_options *options, const char *path, const rr_csv_field *header,
                                 size_t count, rr_source_map *out) {
    for (size_t i = 0; i < count && header != NULL; i++)
        if (!rr_text_is_utf8(header[i].bytes, header[i].length, NULL) || memchr(header[i].bytes, 0, header[i].length))
            return rr_fail(RR_ERR_INPUT,
                           "%s:1: the names of the columns are not UTF-8; convert the file (iconv -t UTF-8)", path);
    for (size_t f = 0; f < options->field_count; f++) {
        out->columns[f] = (long)f;
        const char *name = options->columns != NULL ? options->columns[f] : header != NULL ? options->fields[f] : NULL;
        if (name != NULL) RR_TRY(find_column(path, name, header, count, &out->columns[f]));
    }
    return RR_OK;
}

/* What stands between blanks, with line ends between. */
static rr_status append_items(rr_records *records, size_t field, rr_csv_field text) {
    static const char blanks[] = " \t\r\n";
    const char *at = text.bytes, *end = text.bytes + text.length;
    for (bool first = true; at < end;) {
        while (at < end && memchr(blanks, *at, sizeof blanks - 1) != NULL) at++;
        const char *stop = at;
        while (stop < end && memchr(blanks, *stop, sizeof blanks - 1) == NULL) stop++;
        if (stop == at) break;
        if (!first) RR_TRY(rr_records_append(records, field, "\n", 1));
        RR_TRY(rr_records_append(records, field, at, (size_t)(stop - at)));
        first = false;
        at = stop;
    }
    return RR_OK;
}

static bool may_be_empty(const rr_source_options *options, size_t field) { return options->may_be_empty >> field & 1; }

rr_status rr_source_add(const rr_source_options *options, uint64_t line, const rr_csv_field *fields,
                        rr_records *records) {
    for (size_t f = 0; f < options->field_count; f++) {
        if (fields[f].length == 0 && !may_be_empty(options, f))
            return rr_records_bad(records, options->on_error, line, "the %s is empty", options->fields[f]);
        if (memchr(fields[f].bytes, 0, fields[f].length) != NULL)
            return rr_records_bad(records, options->on_error, line, "the %s holds a NUL byte", options->fields[f]);
        if (!rr_text_is_utf8(fields[f].bytes, fields[f].length, NULL))
            return rr_records_bad(records, options->on_error, line, "the %s is not UTF-8", options->fields[f]);
    }
    RR_TRY(rr_records_add(records, line));
    for (size_t f = 0; f < options->field_count; f++)
        RR_TRY(f < options->lists ? append_items(records, f, fields[f])
                                  : rr_records_append(records, f, fields[f].bytes, fields[f].length));
    for (size_t f = 0; f < options->field_count; f++) {
        if (records->items[records->count - 1].fields[f].length > 0 || may_be_empty(options, f)) continue;
        rr_records_drop(records); /* a list without items */
        return rr_records_bad(records, options->on_error, line, "the %s is empty", options->fields[f]);
    }
    return RR_OK;
}

rr_status rr_source_take(const rr_source_options *options, const rr_source_map *map, uint64_t line,
                         const rr_csv_field *columns, size_t count, rr_records *records) {
    rr_csv_field fields[RR_RECORD_FIELDS];
    for (size_t f = 0; f < options->field_count; f++) {
        long column = map->columns[f] >= 0 ? map->columns[f] : (long)count + map->columns[f];
        if (column < 0 || column >= (long)count)
            return rr_records_bad(records, options->on_error, line, "has %zu column%s, so none for the %s", count,
                                  count == 1 ? "" : "s", options->fields[f]);
        fields[f] = columns[column];
    }
    return rr_source_add(options, line, fields, records);
}

rr_status rr_source_check_any(const rr_records *records, size_t before, const char *path) {
    if (records->count > before) return RR_OK;
    return rr_fail(RR_ERR_INPUT, "%s: holds no example%s%s", path,
                   records->first_skip.length > 0 ? "; the first that was left out: " : "",
                   rr_buffer_text(&records->first_skip));
}
