/* Vectors of words in the formats that are about, and what is wrong with files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data/vectors.h"
#include "support/scratch.h"
#include "text.h"

enum { SIZE = 3 };

static const char *file_with(scratch *s, const char *text) {
    const char *path = scratch_path(s, "vectors");
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fputs(text, file) >= 0, 1);
    assert_int_equal(fclose(file), 0);
    return path;
}

static void every_format_gives_the_same_rows(void **state) {
    static const char *const texts[] = {
        "the 1 2 3\nfilm -4 5e-1 6\nnowhere 7 8 9\n",
        "\xef\xbb\xbfthe 1 2 3\nfilm -4 5e-1 6",
        "3 3\nthe 1 2 3\nfilm -4 .5 6\nnowhere 7 8 9\n",
        "2 3 \r\nthe 1 2 3 \r\nfilm -4 0.5 6 \r\n",
        "2\t3\nthe\t1\t2\t3\nfilm\t-4\t0.5\t6\n",
        "the 1 2 3\nat name@x 7 7 7\n. . . 7 7 7\nfilm -4 0.5 6\nfilm 9 9 9\n", /* words with blanks; one twice */
        "12 7 7 7\nfilm -4 0.5 6\nna\xefve 7 7 7\nthe 1 2 3\n",
    };
    rr_vocab *vocab = vocab_of(RR_UNIT_WORD, BYTES("the film is bad\n"), 1, 0);
    int32_t the = rr_vocab_id(vocab, "the", 3), film = rr_vocab_id(vocab, "film", 4);
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        float values[16 * SIZE];
        size_t found = 0;
        for (size_t i = 0; i < 16 * SIZE; i++) values[i] = -7;
        assert_ok(rr_vectors_read(file_with(*state, texts[k]), vocab, SIZE, values, &found));
        assert_int_equal(found, 2);
        assert_memory_equal(values + the * SIZE, ((float[]){1, 2, 3}), SIZE * sizeof(float));
        assert_memory_equal(values + film * SIZE, ((float[]){-4, 0.5F, 6}), SIZE * sizeof(float));
        for (size_t row = 0; row < 16; row++)
            if (row != (size_t)the && row != (size_t)film) assert_true(values[row * SIZE] == -7);
    }
    rr_vocab_free(vocab);
}

static void what_is_wrong_is_named_with_its_line(void **state) {
    static const char *const cases[][2] = {
        {"the 1 2\n", "vectors:1: has 2 values; model.embedding_size is 3"},
        {"the 1 2 3 4\n", "vectors:1: has 4 values"},
        {"9 4\nthe 1 2 3 4\n", "vectors:1: says that each word has 4 values; model.embedding_size is 3"},
        {"the 1 2 3\nfilm 1 2\n", "vectors:2: has 2 values"},
        {"the 1 2 3\nfilm 1 x 3\n", "vectors:2: \"x\" is no number"},
        {"the 1 2 3\nfilm 1 nan 3\n", "vectors:2: \"nan\" is no number"},
        {"the 1 2 3\nfilm 1 2 inf\n", "vectors:2: \"inf\" is no number"},
        {"The 1 2 3\nFILM 1 2 3\n", "vectors: has none of the"},
        {"", "vectors: is empty"},
    };
    rr_vocab *vocab = vocab_of(RR_UNIT_WORD, BYTES("the film is bad\n"), 1, 0);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        float values[16 * SIZE];
        size_t found = 0;
        assert_refused(rr_vectors_read(file_with(*state, cases[k][0]), vocab, SIZE, values, &found), cases[k][1]);
    }
    rr_vocab_free(vocab);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_format_gives_the_same_rows, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_named_with_its_line, scratch_open, scratch_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
