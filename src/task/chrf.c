#include "task/chrf.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "data/tokenize.h"
#include "task/ngrams.h"

/* The characters of a text without its blanks, which are put one after the other into `bytes`. A byte that is no UTF-8
 * counts as a character with what follows it. */
static rr_status list_characters(const char *text, size_t length, rr_buffer *bytes, rr_ngram_text *out) {
    rr_tokenizer words;
    rr_token word;
    rr_tokenizer_start(&words, RR_UNIT_WORD, "", text, length);
    while (rr_tokenizer_next(&words, &word) == RR_OK && word.kind != RR_TOKEN_STOP)
        if (word.kind == RR_TOKEN_TEXT) rr_buffer_append(bytes, word.bytes, word.length);
    if (bytes->failed) return rr_fail(RR_ERR_NOMEM, "no memory for the characters of a text");
    out->text = rr_buffer_text(bytes);
    for (size_t at = 0, end; at < bytes->length; at = end) {
        for (end = at + 1; end < bytes->length && ((unsigned char)out->text[end] & 0xc0) == 0x80;) end++;
        RR_TRY(rr_ngram_text_add(out, at, end));
    }
    return RR_OK;
}

rr_status rr_chrf_count(const char *said, size_t said_length, const char *reference, size_t reference_length,
                        double counts[RR_CHRF_COUNTS]) {
    rr_buffer a = {0}, b = {0};
    rr_ngram_text chars_a = {0}, chars_b = {0};
    rr_status status = list_characters(said, said_length, &a, &chars_a);
    if (status == RR_OK) status = list_characters(reference, reference_length, &b, &chars_b);
    for (size_t n = 1; n <= RR_CHRF_ORDER && status == RR_OK; n++) {
        size_t matches = 0, in_a = rr_ngram_count(&chars_a, n), in_b = rr_ngram_count(&chars_b, n);
        double *count = counts + 3 * (n - 1);
        status = rr_ngram_matches(&chars_a, &chars_b, n, &matches);
        /* sacrebleu counts nothing said where the reference has no n-gram of that order. */
        count[0] += in_b > 0 ? (double)in_a : 0;
        count[1] += (double)in_b;
        count[2] += (double)matches;
    }
    free(chars_a.begin);
    free(chars_b.begin);
    rr_buffer_free(&a);
    rr_buffer_free(&b);
    return status;
}

double rr_chrf_score(const double counts[RR_CHRF_COUNTS]) {
    const double factor = 4; /* beta squared */
    double precision = 0, recall = 0;
    size_t orders = 0;
    for (size_t n = 0; n < RR_CHRF_ORDER; n++) {
        const double *count = counts + 3 * n;
        if (!(count[0] > 0 && count[1] > 0)) continue;
        precision += count[2] / count[0];
        recall += count[2] / count[1];
        orders++;
    }
    if (orders == 0 || !(precision + recall > 0)) return 0;
    precision /= (double)orders;
    recall /= (double)orders;
    return 100 * (1 + factor) * precision * recall / (factor * precision + recall);
}
