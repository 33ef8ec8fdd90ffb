/* Text before it is cut into tokens: lower case, and punctuation that stands by itself. */
#ifndef RR_DATA_NORMALISE_H
#define RR_DATA_NORMALISE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

typedef struct rr_normalise {
    bool lowercase;         /* Unicode's simple mapping, character by character */
    bool split_punctuation; /* blanks around every character of Unicode's category P */
} rr_normalise;

/** Appends text (UTF-8; other bytes are kept as they are) in its normal form. */
void rr_normalise_text(rr_normalise rules, const char *text, size_t length, rr_buffer *out);

#endif
