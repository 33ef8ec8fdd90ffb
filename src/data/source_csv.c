/* Comma-separated values (RFC 4180) with columns by name or number. */
#include "base/file.h"
#include "data/source_parts.h"

static rr_status read_records(const rr_source_options *options, const char *path, rr_csv *csv, rr_records *out) {
    rr_source_map map;
    size_t columns = 0; /* of the first record */
    bool more = true;
    if (options->header) {
        RR_TRY(rr_csv_next(csv, &more));
        if (!more) return RR_OK;
        columns = csv->count;
    }
    RR_TRY(rr_source_find_columns(options, path, options->header ? csv->fields : NULL, csv->count, &map));
    while (more) {
        rr_status status = rr_csv_next(csv, &more);
        if (status == RR_ERR_INPUT && options->on_error == RR_ON_ERROR_SKIP) {
            RR_TRY(rr_records_bad(out, options->on_error, csv->record_line, "the quotes do not match"));
            continue;
        }
        RR_TRY(status);
        if (!more) break;
        size_t bytes = (size_t)(csv->cursor - csv->fields[0].bytes);
        if (columns == 0) columns = csv->count;
        if (bytes > options->max_line_bytes)
            RR_TRY(rr_records_bad(out, options->on_error, csv->record_line,
                                  "the record has %zu bytes; data.max_line_bytes is %zu", bytes,
                                  options->max_line_bytes));
        else if (csv->count > columns)
            RR_TRY(rr_records_bad(out, options->on_error, csv->record_line,
                                  "has %zu columns, the first line %zu; a field with the delimiter in it stands in "
                                  "quotes",
                                  csv->count, columns));
        else
            RR_TRY(rr_source_take(options, &map, csv->record_line, csv->fields, csv->count, out));
    }
    return RR_OK;
}

static rr_status read(const rr_source_options *options, const char *const *paths, size_t path_count, rr_records *out) {
    for (size_t i = 0; i < path_count; i++) {
        rr_buffer text = {0};
        rr_csv csv = {0};
        size_t before = out->count;
        rr_status status = rr_file_read(paths[i], &text);
        if (status == RR_OK) status = rr_records_file(out, paths[i]);
        if (status == RR_OK && text.length > 0) {
            rr_csv_open(&csv, paths[i], text.data, text.length, options->delimiter != 0 ? options->delimiter : ',');
            status = read_records(options, paths[i], &csv, out);
        }
        if (status == RR_OK) status = rr_source_check_any(out, before, paths[i]);
        rr_csv_close(&csv);
        rr_buffer_free(&text);
        RR_TRY(status);
    }
    return RR_OK;
}

const rr_source_ops rr_source_csv = {.name = "csv", .help = "comma-separated values, RFC 4180", .read = read};
