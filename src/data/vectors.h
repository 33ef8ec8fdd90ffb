/*
 * Vectors of words that others have trained, in the text formats of GloVe (`word v1 v2 ...` a line) and word2vec (the
 * same behind a first line `count size`).
 */
#ifndef RR_DATA_VECTORS_H
#define RR_DATA_VECTORS_H

#include "data/vocab.h"

/**
 * Fills the rows of the words that a vocabulary has; a word that stands twice has its first vector.
 * @param[in,out] values  [size of vocab, size]; other rows stay as they are
 * @param[out] found      how many rows were filled
 * @return RR_ERR_INPUT `path:line: ...` if a line has another number of values, or one is no number, and where the file
 * has no word of the vocabulary; RR_ERR_NOMEM
 */
rr_status rr_vectors_read(const char *path, const rr_vocab *vocab, size_t size, float *values, size_t *found);

#endif
