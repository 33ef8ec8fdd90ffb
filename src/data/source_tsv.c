/* Lines of columns with a tab between them; nothing is quoted, further columns do not matter. */
#include <stdlib.h>
#include <string.h>

#include "data/source_parts.h"

typedef struct columns {
    rr_csv_field *items;
    size_t count, capacity;
} columns;

static rr_status cut(rr_csv_field line, char delimiter, columns *out) {
    const char *at = line.bytes, *end = line.bytes + line.length;
    out->count = 0;
    for (;;) {
        const char *stop = memchr(at, delimiter, (size_t)(end - at));
        if (out->count == out->capacity) {
            size_t capacity = 2 * out->capacity + 16;
            rr_csv_field *items = realloc(out->items, capacity * sizeof *items);
            if (items == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a line of %zu columns", capacity);
            out->items = items;
            out->capacity = capacity;
        }
        out->items[out->count++] = (rr_csv_field){at, (size_t)((stop != NULL ? stop : end) - at)};
        if (stop == NULL) return RR_OK;
        at = stop + 1;
    }
}

static bool names_all_fields(const rr_source_options *options, const columns *row) {
    for (size_t f = 0; f < options->field_count; f++) {
        size_t i = 0;
        while (i < row->count && !rr_source_is_name(row->items[i], options->fields[f])) i++;
        if (i == row->count) return false;
    }
    return true;
}

static rr_status read_lines(const rr_source_options *options, const char *path, rr_source_file *file, columns *row,
                            rr_records *out) {
    char delimiter = options->delimiter != 0 ? options->delimiter : '\t';
    rr_source_options named = *options;
    rr_source_map map;
    rr_csv_field line;
    bool mapped = !options->header, first = true;
    if (mapped) RR_TRY(rr_source_find_columns(options, path, NULL, 0, &map));
    while (rr_source_line(file, &line)) {
        if (line.length == 0) continue;
        if (line.length > options->max_line_bytes) {
            RR_TRY(rr_records_bad(out, options->on_error, file->line,
                                  "the line has %zu bytes; data.max_line_bytes is %zu", line.length,
                                  options->max_line_bytes));
            continue;
        }
        RR_TRY(cut(line, delimiter, row));
        if (first && options->header_by_names && names_all_fields(options, row)) {
            named.columns = NULL;
            mapped = false;
        }
        if (mapped)
            RR_TRY(rr_source_take(options, &map, file->line, row->items, row->count, out));
        else
            RR_TRY(rr_source_find_columns(&named, path, row->items, row->count, &map));
        mapped = true;
        first = false;
    }
    return RR_OK;
}

static rr_status read(const rr_source_options *options, const char *const *paths, size_t path_count, rr_records *out) {
    columns row = {0};
    rr_status status = RR_OK;
    for (size_t i = 0; i < path_count && status == RR_OK; i++) {
        rr_source_file file = {0};
        size_t before = out->count;
        status = rr_source_open(&file, paths[i], out);
        if (status == RR_OK) status = read_lines(options, paths[i], &file, &row, out);
        if (status == RR_OK) status = rr_source_check_any(out, before, paths[i]);
        rr_buffer_free(&file.text);
    }
    free(row.items);
    return status;
}

const rr_source_ops rr_source_tsv = {.name = "tsv", .help = "columns with a tab between them", .read = read};
