/*
 * What a checkpoint keeps of a task that gives texts or tokens labels: {"tokens": a vocabulary, "labels": the classes,
 * "examples": how many there were, where one may have any number of labels, "frequent": for each token the class that
 * training has most often for it, "characters": a vocabulary of what words are made of, "sentence_labels": classes of
 * whole sentences, where the task asks for these}.
 */
#ifndef RR_DATA_LABEL_VOCAB_H
#define RR_DATA_LABEL_VOCAB_H

#include "data/labels.h"
#include "data/vocab.h"

/** frequent: [size of vocab], or NULL; characters, sentences: or NULL. */
rr_status rr_label_vocab_to_json(const rr_vocab *vocab, const rr_labels *labels, const int32_t *frequent,
                                 const rr_vocab *characters, const rr_labels *sentences, rr_buffer *out);

/** frequent, characters, sentences: NULL where the task has none. @return RR_ERR_INPUT, RR_ERR_NOMEM; what was made
 * stays to be freed */
rr_status rr_label_vocab_from_json(const char *text, rr_vocab **vocab, rr_labels *labels, int32_t **frequent,
                                   rr_vocab **characters, rr_labels *sentences);

#endif
