#include "task/word_forms.h"

#include <stdlib.h>
#include <string.h>

static rr_status add_word(rr_word_forms *forms, const rr_vocab *characters, const char *name, const char *word,
                          size_t length) {
    static const rr_text_rules rules = {.unit = RR_UNIT_CHAR, .max_length = RR_WORD_CHARACTERS, .keep = RR_KEEP_HEAD};
    int32_t form;
    if (forms->count == forms->capacity) {
        size_t capacity = 2 * forms->capacity + 1024;
        uint32_t *of_token = realloc(forms->of_token, capacity * sizeof *of_token);
        if (of_token == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the forms of %zu words", capacity);
        forms->of_token = of_token;
        forms->capacity = capacity;
    }
    size_t before = forms->table.count;
    RR_TRY(rr_token_table_add(&forms->table, word, length, &form));
    if (forms->table.count > before) RR_TRY(rr_text_set_add(&forms->texts, characters, &rules, name, word, length));
    forms->of_token[forms->count++] = (uint32_t)form;
    return RR_OK;
}

rr_status rr_word_forms_add(rr_word_forms *forms, const rr_vocab *characters, const char *name, const char *list,
                            size_t length, size_t first, size_t kept) {
    const char *at = list, *end = list + length;
    for (size_t i = 0; at < end && i < first + kept; i++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (stop == NULL) stop = end;
        if (i >= first) RR_TRY(add_word(forms, characters, name, at, (size_t)(stop - at)));
        at = stop + 1;
    }
    return RR_OK;
}

void rr_word_forms_clear(rr_word_forms *forms) {
    rr_token_table_free(&forms->table);
    forms->table = (rr_token_table){.count = 0};
    rr_text_set_clear(&forms->texts);
    forms->count = 0;
}

void rr_word_forms_free(rr_word_forms *forms) {
    rr_token_table_free(&forms->table);
    rr_text_set_free(&forms->texts);
    free(forms->of_token);
    *forms = (rr_word_forms){.count = 0};
}
