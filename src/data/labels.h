/* Classes: their names, sorted by bytes, and how often each stood in the training part. */
#ifndef RR_DATA_LABELS_H
#define RR_DATA_LABELS_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "data/records.h"

/** Zero-initialise; free with rr_labels_free. */
typedef struct rr_labels {
    char **names;     /* [count] sorted */
    uint64_t *counts; /* [count] in the training part */
    size_t count, capacity;
    uint64_t examples; /* of the training part; 0: not known. For the owner, where an example may have any number */
} rr_labels;

/** Counts one more of a name, which is added where it is new. Ids are final after the last call. @return RR_ERR_NOMEM
 */
rr_status rr_labels_add(rr_labels *labels, const char *name, size_t length);

/** The id of a name, -1 if there is none. */
int32_t rr_labels_find(const rr_labels *labels, const char *name, size_t length);

/** The most frequent; ties go to the lower id. */
size_t rr_labels_majority(const rr_labels *labels);

/** [{"name": "ham", "count": 4825}, ...] and back. @return RR_ERR_INPUT, RR_ERR_NOMEM */
void rr_labels_to_json(const rr_labels *labels, rr_buffer *out);
rr_status rr_labels_from_json(const char *text, rr_labels *out);

/** Of names and counts. */
uint64_t rr_labels_hash(const rr_labels *labels, uint64_t seed);
void rr_labels_free(rr_labels *labels);

/** Where text without the blanks around it begins; *length becomes its length. */
const char *rr_labels_trim(const char *text, size_t *length);

/**
 * Calls visit for every part of text between separators, blanks around it left out; NULL: the whole is one part. Parts
 * that are empty are left out. Stops at the first call that fails.
 */
rr_status rr_labels_each(const char *text, size_t length, const char *separator,
                         rr_status (*visit)(void *ctx, const char *part, size_t length), void *ctx);

#endif
