/* Sources: formats of files that hold examples. A new one is one file and one line in source.c. */
#ifndef RR_DATA_SOURCE_H
#define RR_DATA_SOURCE_H

#include "config/schema.h"
#include "data/records.h"

/**
 * How files are to be read. Fields are those that a task wants, in its order: {"text", "label"}, {"source", "target"}.
 */
typedef struct rr_source_options {
    const char *const *fields; /* [field_count] the task's names */
    size_t field_count;
    /* [field_count] which column each field comes from: a name (where there is a header), or a number
     * from 1 on, or from the end (-1 is the last). NULL: the source's own choice, see there. */
    const char *const *columns;
    unsigned may_be_empty; /* bit f: field f may hold nothing */
    size_t lists;          /* so many of the first fields are lists of items between blanks; in records line ends
                            * divide them */
    char delimiter;        /* csv, tsv; 0: the format's own */
    bool header;           /* csv, tsv: the first record names the columns */
    bool header_by_names;  /* tsv: it does so if it has the names of all fields */
    size_t max_line_bytes; /* a longer line is a bad record */
    rr_on_error on_error;
} rr_source_options;

typedef struct rr_source_ops {
    const char *name, *help;
    bool folders;   /* paths are folders, not files */
    bool sentences; /* every record is a list of tokens with a list of tags: for tasks that ask for lists */
    /**
     * Appends the records of all paths (of files: in that order, patterns already expanded).
     * Text is UTF-8: other bytes make a record bad. A byte order mark at the start of a file is left out, CR LF is a
     * line end. Empty lines are no records and no errors. A file without any record is an error.
     * @return RR_ERR_INPUT `path:line: ...` as options->on_error says; always where a file cannot be read, or a column
     * is not there at all
     */
    rr_status (*read)(const rr_source_options *options, const char *const *paths, size_t path_count, rr_records *out);
} rr_source_ops;

extern const rr_source_ops *const rr_sources[];
extern const size_t rr_source_count;
extern const char *const rr_source_names[]; /* "auto", then those of rr_sources, NULL */

/** The source that `auto` means for this path: by its ending (.csv, .tsv, .conllu ...) or as it is a folder; else
 * preset. */
const rr_source_ops *rr_source_guess(const char *path, const rr_source_ops *preset);

#endif
