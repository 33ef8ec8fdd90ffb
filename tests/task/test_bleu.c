/* BLEU and chrF of single sentences and of a corpus, as sacrebleu 2.6.0 (corpus_bleu, corpus_chrf) gives them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "task/bleu.h"
#include "task/chrf.h"

typedef struct sentence {
    const char *said, *reference, *words; /* words: of `said`, by tokeniser 13a */
    double bleu, chrf;
} sentence;

static const sentence sentences[] = {
    {"the cat sat on the mat .", "the cat sat on the mat.", "the cat sat on the mat .", 100, 100},
    {"It's 3,000.50 dollars, isn't it?", "It's 3,000.50 dollars , is n't it ?", "It's 3,000.50 dollars , isn't it ?",
     42.38365628278778, 100},
    {"a b c d e f", "a b c d e g", "a b c d e f", 75.98356856515926, 59.166666666666664},
    {"Elle a dit : « non » – 10-20 fois…", "Elle a dit: « non » – 10-20 fois …", "Elle a dit : « non » – 10 - 20 fois…",
     83.1353976469103, 100},
    {"x&quot;y&amp;z <skipped> 5-3", "x\"y&z 5 - 3", "x \" y & z 5 - 3", 100, 16.529846977948285},
    {"", "nothing here at all", "", 0, 0},
    {"..a,b.5,6-7 /etc/x [y] {z} a_b", "..a , b .5,6-7 / etc / x [ y ] { z } a_b",
     ". . a , b . 5,6 - 7 / etc / x [ y ] { z } a _ b", 100, 100},
    {"très bien  merci", "très bien, merci beaucoup à vous", "très bien merci", 0, 35.86795492783584}};
enum { COUNT = sizeof sentences / sizeof *sentences };

static void close_to(double a, double b) { assert_true(fabs(a - b) < 1e-9); }

static void scores_are_those_of_sacrebleu(void **state) {
    (void)state;
    double all_bleu[RR_BLEU_COUNTS] = {0}, all_chrf[RR_CHRF_COUNTS] = {0};
    for (size_t i = 0; i < COUNT; i++) {
        const sentence *s = &sentences[i];
        double bleu[RR_BLEU_COUNTS] = {0}, chrf[RR_CHRF_COUNTS] = {0};
        size_t said = strlen(s->said), reference = strlen(s->reference);
        assert_int_equal(rr_bleu_count(s->said, said, s->reference, reference, bleu), 0);
        assert_int_equal(rr_chrf_count(s->said, said, s->reference, reference, chrf), 0);
        close_to(rr_bleu_score(bleu), s->bleu);
        close_to(rr_chrf_score(chrf), s->chrf);
        for (size_t k = 0; k < RR_BLEU_COUNTS; k++) all_bleu[k] += bleu[k];
        for (size_t k = 0; k < RR_CHRF_COUNTS; k++) all_chrf[k] += chrf[k];
    }
    close_to(rr_bleu_score(all_bleu), 77.90773594120841);
    close_to(rr_chrf_score(all_chrf), 74.88300471091634);
}

static void words_are_those_of_13a(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        rr_buffer words = {0};
        rr_bleu_tokenize(sentences[i].said, strlen(sentences[i].said), &words);
        assert_string_equal(rr_buffer_text(&words), sentences[i].words);
        rr_buffer_free(&words);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(scores_are_those_of_sacrebleu),
                                       cmocka_unit_test(words_are_those_of_13a)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
