/* Comma-separated values (RFC 4180): quotes, doubled quotes, delimiters and line breaks within fields. */
#ifndef RR_DATA_CSV_H
#define RR_DATA_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct rr_csv_field {
    const char *bytes; /* within the text, not ended by a NUL; quotes removed in place */
    size_t length;
} rr_csv_field;

/** Zero-initialise, or rr_csv_open; free with rr_csv_close. */
typedef struct rr_csv {
    const char *name; /* for errors; borrowed, as the text is */
    char *cursor, *end;
    char delimiter;
    uint64_t line; /* of cursor, from 1 on */
    /* the last record */
    rr_csv_field *fields; /* [count] */
    size_t count, capacity;
    uint64_t record_line; /* where it begins */
} rr_csv;

/** text is changed while it is read. A byte order mark at its start is left out; CR LF and LF end records. */
void rr_csv_open(rr_csv *csv, const char *name, char *text, size_t length, char delimiter);

/**
 * The next record that is not an empty line; *more is false at the end.
 * @return RR_ERR_INPUT `name:line: ...`: a quote that is never closed, or text after a closing quote; reading can go on
 * at the next line. RR_ERR_NOMEM
 */
rr_status rr_csv_next(rr_csv *csv, bool *more);
void rr_csv_close(rr_csv *csv);

#endif
