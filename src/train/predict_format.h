/* Predictions as text: from the members of a JSON object for each line to what people and other programs read. */
#ifndef RR_TRAIN_PREDICT_FORMAT_H
#define RR_TRAIN_PREDICT_FORMAT_H

#include <stdbool.h>
#include <stdio.h>

#include "base/buffer.h"
#include "base/error.h"

typedef enum rr_prediction_format {
    RR_PREDICTION_JSON, /* an object a line, with the line's number */
    RR_PREDICTION_TEXT, /* the first member alone: the answer; items of a list with blanks between */
    RR_PREDICTION_CSV   /* RFC 4180 with a header: the line's number, and a column for each member */
} rr_prediction_format;

/** NULL: JSON. @return RR_ERR_INPUT: names those that there are */
rr_status rr_prediction_format_find(const char *name, rr_prediction_format *out);

/** Columns of CSV, found in the first lines that are printed. Zero-initialise. */
typedef struct rr_prediction_columns {
    char **names; /* [count] "tags", "probabilities.ham" */
    size_t count;
    bool printed; /* the header */
} rr_prediction_columns;

void rr_prediction_columns_free(rr_prediction_columns *columns);

/**
 * Prints what is said of consecutive lines: `said` has, line by line, the members of a JSON object each.
 * @param before  lines that came earlier
 * @return RR_ERR_NOMEM
 */
rr_status rr_prediction_print(rr_prediction_format format, rr_prediction_columns *columns, size_t before,
                              const rr_buffer *said, FILE *out);

#endif
