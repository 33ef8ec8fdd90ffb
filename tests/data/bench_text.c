/*
 * Speed of reading text: bench_data_text [MEGABYTES of text, 100] [FILE]. One JSON object a line; medians of three runs
 * after one to warm up. The synthetic words are drawn with falling frequencies, as in language (Zipf), from 50,000.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/rng.h"
#include "data/token_counts.h"
#include "data/vocab.h"

enum { RUNS = 3, TYPES = 50000, LINE_WORDS = 20 };

typedef enum act { COUNT, INDEX, ENCODE, ACTS } act;
static const char *const act_names[] = {"count", "index", "encode"};

static void make_words(size_t bytes, rr_buffer *out) {
    for (uint32_t i = 0; out->length < bytes; i++) {
        uint32_t random[4];
        rr_philox(1, RR_RNG_TEST, (uint32_t[4]){i}, random);
        for (int k = 0; k < 4; k++) {
            double u = rr_unit_float(random[k]); /* type ~ u^4: few are frequent */
            size_t type = (size_t)(u * u * u * u * TYPES);
            char word[16];
            int length = 0;
            for (size_t rest = type + 1; rest > 0; rest /= 26) word[length++] = (char)('a' + rest % 26);
            for (size_t extra = type % 4; extra > 0; extra--) word[length++] = 'e';
            word[length++] = (i * 4 + (uint32_t)k) % LINE_WORDS == LINE_WORDS - 1 ? '\n' : ' ';
            rr_buffer_append(out, word, (size_t)length);
        }
    }
}

static rr_status run(act what, rr_unit unit, const rr_buffer *text, const rr_vocab *vocab, double *seconds,
                     size_t *tokens) {
    rr_token_counts *counts = NULL;
    rr_tokens ids = {0};
    RR_TRY(rr_token_counts_create(unit, &counts));
    double start = rr_clock_seconds();
    rr_status status = what == COUNT   ? rr_token_counts_add(counts, "text", text->data, text->length)
                       : what == INDEX ? rr_token_counts_index(counts, "text", text->data, text->length, &ids)
                                       : rr_vocab_encode(vocab, "text", text->data, text->length, true, &ids);
    *seconds = rr_clock_seconds() - start;
    *tokens = ids.count;
    rr_token_counts_free(counts);
    rr_tokens_free(&ids);
    return status;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static rr_status measure(rr_unit unit, const char *what, const rr_buffer *text) {
    rr_token_counts *counts = NULL;
    rr_vocab *vocab = NULL;
    rr_status status = rr_token_counts_create(unit, &counts);
    if (status == RR_OK) status = rr_token_counts_add(counts, what, text->data, text->length);
    if (status == RR_OK) status = rr_vocab_build(counts, 1, 0, &vocab);
    for (int act_index = 0; act_index < ACTS && status == RR_OK; act_index++) {
        double seconds[RUNS + 1];
        size_t tokens = 0;
        for (int i = 0; i <= RUNS && status == RR_OK; i++)
            status = run((act)act_index, unit, text, vocab, &seconds[i], &tokens);
        if (status != RR_OK) break;
        qsort(seconds + 1, RUNS, sizeof *seconds, by_value);
        double median = seconds[1 + RUNS / 2];
        printf("{\"bench\":\"text\",\"what\":\"%s\",\"act\":\"%s\",\"unit\":\"%s\",\"bytes\":%zu,\"vocab_size\":%zu,"
               "\"median_s\":%.6f,\"mb_per_s\":%.1f,\"tokens_per_s\":%.0f}\n",
               what, act_names[act_index], rr_unit_names[unit], text->length, rr_vocab_size(vocab), median,
               1e-6 * (double)text->length / median, (double)tokens / median);
    }
    rr_vocab_free(vocab);
    rr_token_counts_free(counts);
    return status;
}

int main(int argc, char **argv) {
    size_t megabytes = argc > 1 ? strtoul(argv[1], NULL, 10) : 100;
    rr_buffer text = {0};
    rr_status status = RR_OK;
    if (argc > 2)
        status = rr_file_read(argv[2], &text);
    else
        make_words(megabytes * 1000000, &text);
    const char *what = argc > 2 ? argv[2] : "synthetic words";
    for (int unit = 0; rr_unit_names[unit] != NULL && status == RR_OK; unit++)
        status = measure((rr_unit)unit, what, &text);
    rr_buffer_free(&text);
    if (status != RR_OK) fprintf(stderr, "%s\n", rr_last_error());
    return rr_status_exit_code(status);
}
