/* What a checkpoint keeps of a task that gives texts labels: {"tokens": a vocabulary, "labels": the classes}. */
#ifndef RR_DATA_LABEL_VOCAB_H
#define RR_DATA_LABEL_VOCAB_H

#include "data/labels.h"
#include "data/vocab.h"

rr_status rr_label_vocab_to_json(const rr_vocab *vocab, const rr_labels *labels, rr_buffer *out);
/** @return RR_ERR_INPUT, RR_ERR_NOMEM; what was made before stays to be freed */
rr_status rr_label_vocab_from_json(const char *text, rr_vocab **vocab, rr_labels *labels);

#endif
