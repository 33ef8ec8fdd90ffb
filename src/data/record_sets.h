/* The three parts of a data set of examples, as the `data` section names them. */
#ifndef RR_DATA_RECORD_SETS_H
#define RR_DATA_RECORD_SETS_H

#include "config/config.h"
#include "data/corpus.h"
#include "data/source.h"

/** What a task wants to read. */
typedef struct rr_record_wish {
    const char *const *fields; /* [field_count], its names for them */
    size_t field_count;
    const char *preset;             /* name of the format that `auto` means where the path does not tell */
    const char *const *tsv_columns; /* [field_count] where its fields stand in tsv by custom; NULL: in order */
    unsigned may_be_empty;          /* bit f: field f may hold nothing */
    size_t lists;                   /* so many of the first fields are lists of items */
    size_t group_field;             /* data.split: records with equal text here stay together */
    size_t class_field;             /* and each class of these is divided alike; field_count: there are none */
} rr_record_wish;

/**
 * Reads data.train, valid and test, or divides data.train as data.split says.
 * @param[in] need_train  false: the training part stays empty
 * @return RR_ERR_INPUT: with the key of the file, `config:line: data.train: file:line: ...`; RR_ERR_NOMEM
 */
rr_status rr_record_sets_read(const rr_config *config, const rr_data_config *data, const rr_record_wish *wish,
                              bool need_train, rr_records sets[RR_SPLIT_COUNT]);
void rr_record_sets_free(rr_records sets[RR_SPLIT_COUNT]);

/**
 * Divides records at random: parts[i] is the part (a split, RR_SPLIT_COUNT: none) of record i. A pure function of
 * texts, fractions and seed.
 */
rr_status rr_records_divide(const rr_records *records, const rr_record_wish *wish, const double *fractions,
                            uint64_t seed, uint8_t *parts);

#endif
