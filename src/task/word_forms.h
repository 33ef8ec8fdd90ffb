/* The words of sentences as they are written, each kind once, as characters. */
#ifndef RR_TASK_WORD_FORMS_H
#define RR_TASK_WORD_FORMS_H

#include "data/text_set.h"
#include "data/token_table.h"

enum { RR_WORD_CHARACTERS = 64 }; /* of a longer word those are kept */

/** Zero-initialise; free with rr_word_forms_free. */
typedef struct rr_word_forms {
    rr_token_table table; /* number: which form */
    rr_text_set texts;    /* [table.count] characters of each */
    uint32_t *of_token;   /* [count] the form of each token */
    size_t count, capacity;
} rr_word_forms;

/**
 * Appends words [first, first + kept) of a list with line ends between.
 * @param[in] characters  a vocabulary of characters
 * @return RR_ERR_INPUT (not UTF-8), RR_ERR_NOMEM
 */
rr_status rr_word_forms_add(rr_word_forms *forms, const rr_vocab *characters, const char *name, const char *list,
                            size_t length, size_t first, size_t kept);

void rr_word_forms_clear(rr_word_forms *forms);
void rr_word_forms_free(rr_word_forms *forms);

#endif
