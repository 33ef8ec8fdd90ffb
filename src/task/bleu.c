#include "task/bleu.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "data/tokenize.h"
#include "task/ngrams.h"

typedef struct replacement {
    const char *from, *to;
} replacement;

/* What mteval-v13a undoes first, in this order over the whole text. */
static const replacement replacements[] = {{"<skipped>", ""}, {"-\n", ""},   {"\n", " "},  {"&quot;", "\""},
                                           {"&amp;", "&"},    {"&lt;", "<"}, {"&gt;", ">"}};

static void replace(const replacement *r, const rr_buffer *in, rr_buffer *out) {
    const char *text = rr_buffer_text(in), *end = text + in->length;
    size_t length = strlen(r->from);
    rr_buffer_clear(out);
    for (const char *stop; text < end; text = stop) {
        bool found = (size_t)(end - text) >= length && memcmp(text, r->from, length) == 0;
        if (found) rr_buffer_puts(out, r->to);
        stop = found ? text + length : text + 1;
        if (!found) {
            const char *next = memchr(stop, r->from[0], (size_t)(end - stop));
            if (next == NULL) next = end;
            rr_buffer_append(out, text, (size_t)(next - text));
            stop = next;
        }
    }
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* Punctuation of ASCII but ' , - . and blanks: always a word by itself. */
static bool stands_alone(char c) {
    return (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c >= ' ' && c <= '&') || (c >= '(' && c <= '+') ||
           (c >= ':' && c <= '@') || c == '/';
}

static bool is_stop(char c) { return c == '.' || c == ','; }

/* Blanks around what `middle` says of two neighbours: a pass of mteval's substitutions, from left to right without
 * overlap. */
typedef enum rule { STOP_AFTER_OTHER, STOP_BEFORE_OTHER, DASH_AFTER_DIGIT } rule;

static bool applies(rule which, char a, char b) {
    switch (which) {
    case STOP_AFTER_OTHER:
        return !is_digit(a) && is_stop(b);
    case STOP_BEFORE_OTHER:
        return is_stop(a) && !is_digit(b);
    case DASH_AFTER_DIGIT:
        return is_digit(a) && b == '-';
    }
    return false;
}

static void pass(rule which, const rr_buffer *in, rr_buffer *out) {
    const char *text = rr_buffer_text(in);
    rr_buffer_clear(out);
    for (size_t i = 0; i < in->length; i++) {
        if (i + 1 == in->length || !applies(which, text[i], text[i + 1])) {
            rr_buffer_append(out, text + i, 1);
            continue;
        }
        const char before[] = {' ', text[i], ' ', text[i + 1], ' '};
        bool leading = which == STOP_BEFORE_OTHER; /* " . x", the others "x . " */
        rr_buffer_append(out, before + (leading ? 0 : 1), 4);
        i++;
    }
}

static void swap(rr_buffer *a, rr_buffer *b) {
    rr_buffer kept = *a;
    *a = *b;
    *b = kept;
}

void rr_bleu_tokenize(const char *text, size_t length, rr_buffer *out) {
    rr_buffer a = {0}, b = {0};
    rr_tokenizer words;
    rr_token word;
    rr_buffer_append(&a, text, length);
    for (size_t i = 0; i < sizeof replacements / sizeof *replacements; i++) {
        replace(&replacements[i], &a, &b);
        swap(&a, &b);
    }
    rr_buffer_clear(&b);
    rr_buffer_puts(&b, " ");
    for (size_t i = 0; i < a.length; i++) {
        const char apart[] = {' ', a.data[i], ' '};
        bool alone = stands_alone(a.data[i]);
        rr_buffer_append(&b, apart + (alone ? 0 : 1), alone ? 3 : 1);
    }
    rr_buffer_puts(&b, " ");
    for (int rule_at = STOP_AFTER_OTHER; rule_at <= DASH_AFTER_DIGIT; rule_at++) {
        pass((rule)rule_at, &b, &a);
        swap(&a, &b);
    }
    rr_tokenizer_start(&words, RR_UNIT_WORD, "", rr_buffer_text(&b), b.length);
    for (size_t count = 0; rr_tokenizer_next(&words, &word) == RR_OK && word.kind != RR_TOKEN_STOP;) {
        if (word.kind != RR_TOKEN_TEXT) continue;
        if (count++ > 0) rr_buffer_puts(out, " ");
        rr_buffer_append(out, word.bytes, word.length);
    }
    out->failed = out->failed || a.failed || b.failed;
    rr_buffer_free(&a);
    rr_buffer_free(&b);
}

/* Words of a tokenised text, whose bytes are in `buffer`. */
static rr_status list_words(const rr_buffer *buffer, rr_ngram_text *out) {
    out->text = rr_buffer_text(buffer);
    if (buffer->failed) return rr_fail(RR_ERR_NOMEM, "no memory for the words of a text");
    for (size_t at = 0; at < buffer->length;) {
        const char *blank = memchr(out->text + at, ' ', buffer->length - at);
        size_t end = blank != NULL ? (size_t)(blank - out->text) : buffer->length;
        RR_TRY(rr_ngram_text_add(out, at, end));
        at = end + 1;
    }
    return RR_OK;
}

rr_status rr_bleu_count(const char *said, size_t said_length, const char *reference, size_t reference_length,
                        double counts[RR_BLEU_COUNTS]) {
    rr_buffer a = {0}, b = {0};
    rr_ngram_text words_a = {0}, words_b = {0};
    rr_bleu_tokenize(said, said_length, &a);
    rr_bleu_tokenize(reference, reference_length, &b);
    rr_status status = list_words(&a, &words_a);
    if (status == RR_OK) status = list_words(&b, &words_b);
    counts[0] += (double)words_a.count;
    counts[1] += (double)words_b.count;
    for (size_t n = 1; n <= RR_BLEU_ORDER && status == RR_OK; n++) {
        size_t matches = 0;
        status = rr_ngram_matches(&words_a, &words_b, n, &matches);
        counts[1 + n] += (double)matches;
        counts[1 + RR_BLEU_ORDER + n] += (double)rr_ngram_count(&words_a, n);
    }
    free(words_a.begin);
    free(words_b.begin);
    rr_buffer_free(&a);
    rr_buffer_free(&b);
    return status;
}

double rr_bleu_score(const double counts[RR_BLEU_COUNTS]) {
    const double *correct = counts + 2, *total = correct + RR_BLEU_ORDER;
    double logs = 0, smooth = 1, any = 0;
    for (size_t n = 0; n < RR_BLEU_ORDER; n++) any += correct[n];
    if (!(any > 0)) return 0;
    for (size_t n = 0; n < RR_BLEU_ORDER; n++) {
        if (!(total[n] > 0)) return 0; /* no sentence has n words */
        if (correct[n] > 0) {
            logs += log(100 * correct[n] / total[n]);
        } else {
            smooth *= 2;
            logs += log(100 / (smooth * total[n]));
        }
    }
    double brevity = counts[0] < counts[1] ? exp(1 - counts[1] / counts[0]) : 1;
    return brevity * exp(logs / RR_BLEU_ORDER);
}
