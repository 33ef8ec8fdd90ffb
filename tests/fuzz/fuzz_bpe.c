/* Any bytes as codes of byte pair encoding, applied to themselves. What is split must come back when it is joined. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "data/bpe.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void require(int fact) {
    if (!fact) abort();
}

/* Blanks alone are not kept as they are. */
static void check(const rr_bpe *bpe, const char *text, size_t length) {
    rr_buffer split = {0}, again = {0};
    require(rr_bpe_apply(bpe, text, length, &split) == RR_OK);
    if (length > 0 && memmem(text, length, "@@", 2) == NULL && memmem(text, length, "@ ", 2) == NULL &&
        memmem(text, length, "  ", 2) == NULL && text[length - 1] != '@') {
        rr_bpe_join(&split);
        require(split.length == length && memcmp(split.data, text, length) == 0);
        require(rr_bpe_apply(bpe, split.data, split.length, &again) == RR_OK);
    }
    rr_buffer_free(&split);
    rr_buffer_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    rr_bpe *bpe = NULL;
    char *text = malloc(length + 1); /* of its size, so that a sanitizer sees a read beyond it */
    require(text != NULL);
    if (length > 0) memcpy(text, bytes, length);
    rr_status status = rr_bpe_parse("fuzz", text, length, &bpe);
    if (status == RR_OK) {
        check(bpe, text, length);
        rr_bpe_free(bpe);
    } else {
        require(status == RR_ERR_INPUT && rr_last_error()[0] != 0);
    }
    free(text);
    return 0;
}
