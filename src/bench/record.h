/* One line of a benchmark: JSON on a pipe or in a file, a column of a table on a terminal. */
#ifndef RR_BENCH_RECORD_H
#define RR_BENCH_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

enum { RR_BENCH_RECORD_FIELDS = 64 };

typedef struct rr_bench_record {
    struct {
        const char *group; /* name of the object that it stands in, or NULL */
        const char *name;
        const char *text; /* NULL: number */
        double number;
    } fields[RR_BENCH_RECORD_FIELDS];
    size_t count;
} rr_bench_record;

/** Strings and names are borrowed until the record is printed. */
void rr_bench_record_text(rr_bench_record *record, const char *name, const char *text);
void rr_bench_record_number(rr_bench_record *record, const char *group, const char *name, double value);

/** Appends the JSON object in one line, with a newline; numbers that are not finite are null. */
void rr_bench_record_json(const rr_bench_record *record, rr_buffer *out);

/** Prints to stdout: JSON, or on a terminal `name  value` lines. */
void rr_bench_record_print(const rr_bench_record *record);

/** Prints to stdout as CSV, after a line of names where it is the first; texts are quoted. */
void rr_bench_record_print_csv(const rr_bench_record *record, bool first);

/** The median of values, which are sorted in place; NAN of none. */
double rr_median(double *values, size_t count);

#endif
