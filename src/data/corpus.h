/* Running text for language models: the files of the three splits as token ids. */
#ifndef RR_DATA_CORPUS_H
#define RR_DATA_CORPUS_H

#include "config/config.h"
#include "data/data_config.h"
#include "data/vocab.h"

typedef enum rr_split { RR_SPLIT_TRAIN, RR_SPLIT_VALID, RR_SPLIT_TEST, RR_SPLIT_COUNT } rr_split;
extern const char *const rr_split_names[]; /* "train", "valid", "test" */

typedef struct rr_corpus {
    rr_vocab *vocab;                  /* owned */
    rr_tokens tokens[RR_SPLIT_COUNT]; /* empty where there is no such split */
    uint64_t fingerprint;             /* of vocabulary and all tokens: equal on all ranks, recorded in checkpoints */
} rr_corpus;

/**
 * Reads the files, builds the vocabulary from the training part (or reads data.vocab.file, or takes `vocab`), and
 * encodes all splits. Patterns expand in sorted order; files are joined in the order given. With data.split the
 * training files are cut by tokens (words: moved to the next line end), and the vocabulary is built from the training
 * part alone.
 *
 * @param[in] config  for the places of keys in errors
 * @param[in] vocab   of a checkpoint, or NULL; ownership passes to the corpus
 * @param[in] need_train  false: only valid and test are read (evaluation; needs vocab unless there is data.train)
 * @return RR_ERR_INPUT: a file is missing (names key and place), empty, or not UTF-8
 */
rr_status rr_corpus_read(const rr_config *config, const rr_data_config *data, rr_unit unit, rr_vocab *vocab,
                         bool need_train, rr_corpus *out);
void rr_corpus_free(rr_corpus *corpus);

#endif
