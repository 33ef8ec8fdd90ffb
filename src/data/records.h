/* Examples as text: a table of records with a few fields each (text and label, source and target ...), read once. */
#ifndef RR_DATA_RECORDS_H
#define RR_DATA_RECORDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

enum { RR_RECORD_FIELDS = 4 };

/** What a bad record does: ends the program (RR_ERR_INPUT), or is left out, counted and reported. */
typedef enum rr_on_error { RR_ON_ERROR_STOP, RR_ON_ERROR_SKIP } rr_on_error;
extern const char *const rr_on_error_names[]; /* "stop", "skip", NULL */

/** Bytes of records->text. */
typedef struct rr_field {
    size_t at, length;
} rr_field;

typedef struct rr_record {
    uint32_t file; /* index in records->files */
    uint64_t line; /* where it begins, from 1 on */
    rr_field fields[RR_RECORD_FIELDS];
} rr_record;

/** Zero-initialise; free with rr_records_free. */
typedef struct rr_records {
    rr_record *items;
    size_t count, capacity;
    rr_buffer text; /* of all fields */
    char **files;   /* [file_count] paths, for errors */
    size_t file_count;
    size_t skipped;       /* bad records that were left out */
    rr_buffer first_skip; /* what was wrong with the first of them: `file:line: ...`; empty if none */
} rr_records;

/** A file that the following records come from. @return RR_ERR_NOMEM */
rr_status rr_records_file(rr_records *records, const char *path);

/** A new record of the last file, with empty fields. @return RR_ERR_NOMEM */
rr_status rr_records_add(rr_records *records, uint64_t line);

/** The next bytes of a field of the last record; a field's bytes must come one after the other. @return RR_ERR_NOMEM */
rr_status rr_records_append(rr_records *records, size_t field, const char *bytes, size_t length);

/** Takes the last record back; its text stays in memory. */
void rr_records_drop(rr_records *records);

/**
 * Words what is wrong with a line of the last file. RR_ON_ERROR_SKIP: counts it and returns RR_OK.
 * @return RR_ERR_INPUT `path:line: ...`
 */
rr_status rr_records_bad(rr_records *records, rr_on_error on_error, uint64_t line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/** `path:line` of a record, for errors that are found later. */
void rr_records_place(const rr_records *records, size_t record, rr_buffer *out);

static inline const char *rr_records_text(const rr_records *records, size_t record, size_t field) {
    return records->text.data + records->items[record].fields[field].at;
}

static inline size_t rr_records_length(const rr_records *records, size_t record, size_t field) {
    return records->items[record].fields[field].length;
}

void rr_records_free(rr_records *records);

#endif
