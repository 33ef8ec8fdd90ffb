/* A file for each field, whose lines belong together. */
#include "data/source_parts.h"

static rr_status read_lines(const rr_source_options *options, rr_source_file *files, rr_records *out) {
    for (;;) {
        rr_csv_field fields[RR_RECORD_FIELDS];
        size_t there = 0, empty = 0, longest = 0;
        for (size_t f = 0; f < options->field_count; f++) {
            fields[f] = (rr_csv_field){"", 0};
            there += rr_source_line(&files[f], &fields[f]);
            empty += fields[f].length == 0;
            if (fields[f].length > longest) longest = fields[f].length;
        }
        if (there < options->field_count) return RR_OK;
        if (empty == options->field_count) continue;
        if (longest > options->max_line_bytes)
            RR_TRY(rr_records_bad(out, options->on_error, files[0].line,
                                  "the line has %zu bytes; data.max_line_bytes is %zu", longest,
                                  options->max_line_bytes));
        else
            RR_TRY(rr_source_add(options, files[0].line, fields, out));
    }
}

/* All lines belong together, or none is to be trusted. */
static rr_status check_lines(const rr_source_options *options, const char *const *paths, rr_source_file *files) {
    uint64_t lines[RR_RECORD_FIELDS];
    for (size_t f = 0; f < options->field_count; f++) {
        rr_source_file copy = files[f];
        rr_csv_field line;
        while (rr_source_line(&copy, &line)) continue;
        lines[f] = copy.line;
        if (lines[f] != lines[0])
            return rr_fail(RR_ERR_INPUT, "%s has %llu lines and %s %llu: parallel files must have as many", paths[0],
                           (unsigned long long)lines[0], paths[f], (unsigned long long)lines[f]);
    }
    return RR_OK;
}

static rr_status read_group(const rr_source_options *options, const char *const *paths, rr_records *out) {
    rr_source_file files[RR_RECORD_FIELDS] = {{{0}, NULL, NULL, 0}};
    size_t before = out->count;
    rr_status status = RR_OK;
    for (size_t f = options->field_count; f-- > 0 && status == RR_OK;) /* the first is named last, and in errors */
        status = rr_source_open(&files[f], paths[f], out);
    if (status == RR_OK) status = check_lines(options, paths, files);
    if (status == RR_OK) status = read_lines(options, files, out);
    if (status == RR_OK) status = rr_source_check_any(out, before, paths[0]);
    for (size_t f = 0; f < options->field_count; f++) rr_buffer_free(&files[f].text);
    return status;
}

static rr_status read(const rr_source_options *options, const char *const *paths, size_t path_count, rr_records *out) {
    size_t fields = options->field_count;
    if (path_count % fields != 0)
        return rr_fail(RR_ERR_INPUT, "%s: %zu parallel files: there must be %zu, one for each of the task's fields",
                       paths[0], path_count, fields);
    for (size_t i = 0; i < path_count; i += fields) RR_TRY(read_group(options, paths + i, out));
    return RR_OK;
}

const rr_source_ops rr_source_parallel = {
    .name = "parallel", .help = "a file for each field, whose lines belong together", .read = read};
