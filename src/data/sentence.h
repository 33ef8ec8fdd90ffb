/* Sentences with a token a line and an empty line between them: what the sources conllu and columns share. */
#ifndef RR_DATA_SENTENCE_H
#define RR_DATA_SENTENCE_H

#include "data/source_parts.h"

typedef struct rr_sentence_rules {
    /** Whether a line is left out: a comment, a multi-word token. */
    bool (*ignored)(rr_csv_field line);
    /** Cuts a line; returns the number of its columns, at most room. */
    size_t (*cut)(rr_csv_field line, rr_csv_field *columns, size_t room);
    size_t columns;            /* that a line must have; 0: any */
    const rr_csv_field *names; /* [columns], or NULL */
    const char *const *preset; /* columns of the first two fields, where the options give none */
} rr_sentence_rules;

/** Appends a record a sentence; its fields are lists with line ends between the items. */
rr_status rr_sentence_read(const rr_sentence_rules *rules, const rr_source_options *options, const char *const *paths,
                           size_t path_count, rr_records *out);

#endif
