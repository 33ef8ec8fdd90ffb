/* Time series from CSV: a date, numbers, and where several series stand in one file, the name of each row's series. */
#ifndef RR_DATA_SERIES_H
#define RR_DATA_SERIES_H

#include "data/dates.h"
#include "data/records.h"

/** What is to be read. */
typedef struct rr_series_wish {
    const char *date_column; /* NULL: one named date, time, timestamp or the like; else the first, if dates stand there;
                                else there are no dates, and rows follow each other evenly */
    const char *date_format; /* of rr_date_parse_as; NULL: any that rr_date_parse knows */
    const char *series_column;  /* which tells series apart; NULL: all rows are one series */
    const char *const *columns; /* [column_count] of numbers, in this order */
    size_t column_count;        /* 0: all others that have a name and begin with a number */
    char delimiter;             /* 0: a comma */
    bool decimal_comma;         /* 3,14 is a number, and not 3.14 */
    bool header;                /* the first line names the columns; else they are "1", "2", ... */
    rr_on_error on_error;       /* of rows that are not read, and of numbers that are missing */
    bool sort; /* rows of a series are put in order of time, and of those of the same time the first stays;
                  else dates that do not grow are an error */
} rr_series_wish;

/** Strings that belong to a table. */
typedef struct rr_series_names {
    char **items; /* [count] */
    size_t count;
} rr_series_names;

/** One row of a file. */
typedef struct rr_series_row {
    int64_t time; /* seconds since 1970; without dates the number of the row within its series */
    uint32_t series, file;
    uint64_t line;
} rr_series_row;

/** Rows, series after series, each in order of time. Zero-initialise; free with rr_series_free. */
typedef struct rr_series {
    rr_series_names columns, series, files; /* one series without a name where no column tells them apart */
    char *date_name;                        /* of its column; NULL: without dates */
    rr_date_style style;                    /* of the first date */
    rr_series_row *rows;                    /* [count] */
    double *values;                         /* [count, columns.count]; NAN: missing */
    size_t count, capacity;
    size_t *begin;           /* [series.count + 1] first row of each series */
    size_t missing, skipped; /* numbers that are missing; rows that were left out */
    size_t disordered;       /* rows whose date lay before that of the row above, until they were sorted */
    rr_buffer first_bad;     /* what was wrong with the first of them: `file:line: ...` */
} rr_series;

/** How regular the dates are. */
typedef struct rr_series_steps {
    rr_date_step step; /* the most frequent */
    size_t others;     /* steps that differ from it */
    size_t first;      /* the row behind the first of them */
} rr_series_steps;

/**
 * Reads files one after the other. Empty, NaN, NA, null and the like are missing numbers.
 * @return RR_ERR_INPUT `file:line: ...`: a column that is not there; a first line without names; dates that do not grow
 * within a series, without `sort`; and, with RR_ON_ERROR_STOP, a row with too few columns, a date or number that is
 * none, or is missing. RR_ERR_NOMEM
 */
rr_status rr_series_read(const rr_series_wish *wish, const char *const *paths, size_t path_count, rr_series *out);

/** The same from one text in memory. */
rr_status rr_series_parse(const rr_series_wish *wish, const char *name, const char *text, size_t length,
                          rr_series *out);
void rr_series_free(rr_series *series);

rr_series_steps rr_series_find_steps(const rr_series *series);

/** The number of a name, or names->count. */
size_t rr_series_find(const rr_series_names *names, const char *name);

/** Adds a name and returns its number in *index. @return RR_ERR_NOMEM */
rr_status rr_series_add_name(rr_series_names *names, const char *name, size_t length, size_t *index);
void rr_series_free_names(rr_series_names *names);

/** `file:line` of a row. */
void rr_series_place(const rr_series *series, size_t row, rr_buffer *out);

#endif
