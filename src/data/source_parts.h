/* What sources share: files as lines, columns by name or number, and the checks of a record. */
#ifndef RR_DATA_SOURCE_PARTS_H
#define RR_DATA_SOURCE_PARTS_H

#include "data/csv.h"
#include "data/source.h"

extern const rr_source_ops rr_source_tsv, rr_source_csv, rr_source_folders, rr_source_parallel, rr_source_conllu,
    rr_source_columns, rr_source_babi;

/** A file, line by line. Zero-initialise; free text with rr_buffer_free. */
typedef struct rr_source_file {
    rr_buffer text;
    const char *cursor, *end;
    uint64_t line; /* of the last line read */
} rr_source_file;

/** Reads a file, and names it to the records. A byte order mark is left out. */
rr_status rr_source_open(rr_source_file *file, const char *path, rr_records *records);

/** The next line without its end (LF or CR LF); false at the end of the file. */
bool rr_source_line(rr_source_file *file, rr_csv_field *line);

/** Which columns hold the fields: numbers from 0 on, or from the end (-1 is the last). */
typedef struct rr_source_map {
    long columns[RR_RECORD_FIELDS];
} rr_source_map;

/**
 * Finds options->columns, or what stands for them (the names of the fields with a header, else their order).
 * @param[in] header  [count] names of the columns; NULL: there are none
 * @return RR_ERR_INPUT `path: ...` with the columns that there are
 */
rr_status rr_source_find_columns(const rr_source_options *options, const char *path, const rr_csv_field *header,
                                 size_t count, rr_source_map *out);

/** Whether a column of a header has this name; blanks around it do not matter. */
bool rr_source_is_name(rr_csv_field column, const char *name);

/** Adds the record of these columns, if nothing is wrong with it. */
rr_status rr_source_take(const rr_source_options *options, const rr_source_map *map, uint64_t line,
                         const rr_csv_field *columns, size_t count, rr_records *records);

/** The same for fields [options->field_count] in their order. */
rr_status rr_source_add(const rr_source_options *options, uint64_t line, const rr_csv_field *fields,
                        rr_records *records);

/** At the end of a file or folder: RR_ERR_INPUT if it gave no record. before: their number at its start. */
rr_status rr_source_check_any(const rr_records *records, size_t before, const char *path);

#endif
