/* The `data` section. */
#ifndef RR_DATA_DATA_CONFIG_H
#define RR_DATA_DATA_CONFIG_H

#include "config/schema.h"

typedef struct rr_data_config {
    rr_paths train, valid, test; /* files or shell patterns; valid and test may be absent (count 0) */
    rr_floats split;             /* [train, valid, test] fractions that cut data.train; absent: files as given */
    struct {
        size_t min_count, max_size; /* max_size 0: no limit */
        const char *file;           /* NULL: built from the training part */
    } vocab;
} rr_data_config;

extern const rr_section rr_data_section;

#endif
