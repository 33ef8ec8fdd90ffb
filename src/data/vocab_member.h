/* Vocabularies within the JSON of a checkpoint. */
#ifndef RR_DATA_VOCAB_MEMBER_H
#define RR_DATA_VOCAB_MEMBER_H

#include <cJSON.h>

#include "data/vocab.h"

/** The vocabulary (see rr_vocab_to_json) that is a member of an object. @return RR_ERR_INPUT, RR_ERR_NOMEM */
rr_status rr_vocab_from_member(const cJSON *object, const char *name, rr_vocab **out);

#endif
