#include "data/records.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const rr_on_error_names[] = {"stop", "skip", NULL};

rr_status rr_records_file(rr_records *records, const char *path) {
    if ((records->file_count & (records->file_count + 1)) == 0) { /* full: it holds 2^k - 1 */
        char **files = realloc(records->files, (2 * records->file_count + 1) * sizeof *files);
        if (files == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the names of %zu files", records->file_count);
        records->files = files;
    }
    char *copy = strdup(path);
    if (copy == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the name of a file");
    records->files[records->file_count++] = copy;
    return RR_OK;
}

rr_status rr_records_add(rr_records *records, uint64_t line) {
    if (records->count == records->capacity) {
        size_t capacity = 2 * records->capacity + 64;
        rr_record *items = realloc(records->items, capacity * sizeof *items);
        if (items == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for %zu examples", capacity);
        records->items = items;
        records->capacity = capacity;
    }
    rr_record *record = &records->items[records->count++];
    memset(record, 0, sizeof *record);
    record->file = (uint32_t)(records->file_count - 1);
    record->line = line;
    return RR_OK;
}

rr_status rr_records_append(rr_records *records, size_t field, const char *bytes, size_t length) {
    rr_field *target = &records->items[records->count - 1].fields[field];
    if (target->length == 0) target->at = records->text.length;
    rr_buffer_append(&records->text, bytes, length);
    if (records->text.failed) return rr_fail(RR_ERR_NOMEM, "no memory for the texts of %zu examples", records->count);
    target->length += length;
    return RR_OK;
}

void rr_records_drop(rr_records *records) { records->count--; }

rr_status rr_records_bad(rr_records *records, rr_on_error on_error, uint64_t line, const char *format, ...) {
    rr_buffer text = {0};
    char what[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    rr_buffer_printf(&text, "%s:%llu: %s", records->files[records->file_count - 1], (unsigned long long)line, what);
    rr_status status = RR_OK;
    if (on_error == RR_ON_ERROR_STOP) status = rr_fail(RR_ERR_INPUT, "%s", rr_buffer_text(&text));
    if (on_error == RR_ON_ERROR_SKIP && records->skipped++ == 0)
        rr_buffer_puts(&records->first_skip, rr_buffer_text(&text));
    rr_buffer_free(&text);
    return status;
}

void rr_records_place(const rr_records *records, size_t record, rr_buffer *out) {
    const rr_record *item = &records->items[record];
    rr_buffer_printf(out, "%s:%llu", records->files[item->file], (unsigned long long)item->line);
}

void rr_records_free(rr_records *records) {
    for (size_t i = 0; i < records->file_count; i++) free(records->files[i]);
    free(records->files);
    free(records->items);
    rr_buffer_free(&records->text);
    rr_buffer_free(&records->first_skip);
    *records = (rr_records){.count = 0};
}
