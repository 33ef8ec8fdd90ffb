/* Time series from CSV files with dates: one series, several columns, or several series in one file. */
#ifndef RR_DATA_SERIES_H
#define RR_DATA_SERIES_H

#include "base/buffer.h"
#include "config/schema.h"
#include "data/corpus.h"
#include "data/dates.h"
#include "data/records.h"

typedef struct rr_series_options {
    const char *date_column;   /* NULL: the first */
    const char *series_column; /* tells series apart; NULL: there is one */
    rr_paths columns;          /* to read; count 0: all that hold a number in the first record */
    char delimiter;            /* 0: a comma */
    rr_on_error on_error;      /* of what is no number: skip makes it a missing value */
} rr_series_options;

typedef struct rr_series {
    char *name;          /* "" where there is one */
    size_t first, count; /* rows of the table */
} rr_series;

/** Zero-initialise; free with rr_series_table_free. Rows of a series stand together, in rising time. */
typedef struct rr_series_table {
    char **columns; /* [column_count] names */
    size_t column_count, rows, capacity;
    double *values;  /* [rows, column_count]; NAN where one is missing */
    int64_t *times;  /* [rows] seconds */
    uint8_t *parts;  /* [rows] rr_split */
    uint32_t *owner; /* [rows] index of the series */
    uint64_t *lines; /* [rows] of their file */
    uint32_t *files; /* [rows] */
    rr_series *series;
    size_t series_count;
    rr_records names;  /* of the files, for errors, and what was wrong with values that were left out */
    size_t missing;    /* values that are missing */
    rr_date_step step; /* between most rows */
    size_t irregular;  /* rows that do not follow their neighbour by one step */
    rr_buffer first_irregular;
} rr_series_table;

/** Adds the rows of a file to a part. @return RR_ERR_INPUT `path:line: ...`, RR_ERR_NOMEM */
rr_status rr_series_read(const rr_series_options *options, const char *path, rr_split part, rr_series_table *table);

/** The same of a text in memory, which is changed. */
rr_status rr_series_parse(const rr_series_options *options, const char *name, char *text, size_t length, rr_split part,
                          rr_series_table *table);

/** After the last file: puts the rows of each series together, and looks at their times. @return RR_ERR_INPUT where a
 * series goes back in time, or has a date twice */
rr_status rr_series_finish(rr_series_table *table);

/** The index of a column, or column_count. */
size_t rr_series_column(const rr_series_table *table, const char *name);

/** `path:line` of a row. */
void rr_series_place(const rr_series_table *table, size_t row, rr_buffer *out);

void rr_series_table_free(rr_series_table *table);

#endif
