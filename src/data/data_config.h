/* The `data` section. */
#ifndef RR_DATA_DATA_CONFIG_H
#define RR_DATA_DATA_CONFIG_H

#include "config/schema.h"
#include "data/records.h"

typedef struct rr_data_config {
    rr_paths train, valid, test; /* files or shell patterns; valid and test may be absent (count 0) */
    rr_floats split;             /* [train, valid, test] fractions that cut data.train; absent: files as given */
    uint64_t split_seed;         /* examples are dealt to the parts at random */
    /* Examples: */
    int format;            /* index in rr_source_names */
    rr_paths columns;      /* which column each field comes from; absent: the format's own */
    const char *delimiter; /* NULL: the format's own */
    bool header;
    int on_error; /* rr_on_error */
    size_t max_line_bytes;
    /* Their text: */
    bool lowercase, split_punctuation;
    size_t max_length; /* tokens; 0: no limit */
    int keep;          /* rr_keep: which end of a longer text */
    struct {
        size_t min_count, max_size; /* max_size 0: no limit */
        const char *file;           /* NULL: built from the training part */
    } vocab;
} rr_data_config;

typedef enum rr_keep { RR_KEEP_HEAD, RR_KEEP_TAIL } rr_keep;

extern const rr_section rr_data_section;

#endif
