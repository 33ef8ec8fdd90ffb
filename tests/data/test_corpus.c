#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "data/corpus.h"
#include "support/scratch.h"
#include "text.h"

/* Three sentences as they stand in the files of the Penn Treebank: blanks at both ends, <unk> and N in the text. */
static const char ptb_train[] = " mr. <unk> is chairman of <unk> n.v. \n"
                                " the publishing group \n"
                                " mr. N is N \n";
static const char ptb_valid[] = " the chairman is new \n";
static const char ptb_test[] = " <unk> the group \n\n";

typedef struct bound {
    rr_config *config;
    rr_data_config data;
} bound;

/* Files in the scratch folder, which the text of the configuration calls DIR. */
static void put(scratch *s, const char *name, const char *bytes, size_t length) {
    assert_ok(rr_file_write(scratch_path(s, name), bytes, length));
}

static rr_status open_config(scratch *s, const char *yaml, bound *out) {
    rr_buffer text = {0};
    for (const char *at = yaml; *at != 0;) {
        bool folder = strncmp(at, "DIR", 3) == 0;
        rr_buffer_append(&text, folder ? s->folder : at, folder ? strlen(s->folder) : 1);
        at += folder ? 3 : 1;
    }
    *out = (bound){0};
    rr_status status = rr_config_parse("lm.yaml", text.data, text.length, NULL, 0, &out->config);
    if (status == RR_OK) status = rr_config_bind(out->config, &rr_data_section, &out->data);
    rr_buffer_free(&text);
    return status;
}

static rr_status read_with(scratch *s, const char *yaml, rr_unit unit, rr_vocab *vocab, bool need_train,
                           rr_corpus *out) {
    bound opened;
    rr_status status = open_config(s, yaml, &opened);
    if (status == RR_OK)
        status = rr_corpus_read(opened.config, &opened.data, unit, vocab, need_train, out);
    else
        rr_vocab_free(vocab);
    rr_config_free(opened.config);
    return status;
}

static rr_corpus read_corpus(scratch *s, const char *yaml, rr_unit unit) {
    rr_corpus corpus = {0};
    assert_ok(read_with(s, yaml, unit, NULL, true, &corpus));
    return corpus;
}

/* It is refused with these words, and nothing is given. */
static void assert_corpus_refused(scratch *s, const char *yaml, rr_unit unit, const char *words) {
    rr_corpus corpus = {0};
    assert_refused(read_with(s, yaml, unit, NULL, true, &corpus), words);
    assert_null(corpus.vocab);
}

static void assert_text(const rr_corpus *corpus, rr_split split, const char *expected) {
    rr_buffer text = {0};
    for (size_t i = 0; i < corpus->tokens[split].count; i++)
        rr_vocab_decode(corpus->vocab, corpus->tokens[split].ids[i], &text);
    assert_string_equal(rr_buffer_text(&text), expected);
    rr_buffer_free(&text);
}

static void penn_treebank_files_give_the_ids_that_the_usual_reader_gives(void **state) {
    scratch *s = *state;
    put(s, "ptb.train.txt", BYTES(ptb_train));
    put(s, "ptb.valid.txt", BYTES(ptb_valid));
    put(s, "ptb.test.txt", BYTES(ptb_test));
    rr_corpus corpus = read_corpus(
        s,
        "data: {train: DIR/ptb.train.txt, valid: DIR/ptb.valid.txt, test: DIR/ptb.test.txt, vocab: {max_size: 10000}}",
        RR_UNIT_WORD);
    /* N, is, mr. twice; chairman group n.v. of publishing the once */
    static const char *const tokens[] = {"<unk>", "<eos>", "N",  "is",         "mr.", "chairman",
                                         "group", "n.v.",  "of", "publishing", "the"};
    assert_int_equal(rr_vocab_size(corpus.vocab), 11);
    for (int32_t id = 0; id < 11; id++) assert_token(corpus.vocab, id, tokens[id], strlen(tokens[id]));
    assert_ids(&corpus.tokens[RR_SPLIT_TRAIN], (int32_t[]){4, 0, 3, 5, 8, 0, 7, 1, 10, 9, 6, 1, 4, 2, 3, 2, 1}, 17);
    assert_ids(&corpus.tokens[RR_SPLIT_VALID], (int32_t[]){10, 5, 3, 0, 1}, 5);
    assert_ids(&corpus.tokens[RR_SPLIT_TEST], (int32_t[]){0, 10, 6, 1, 1}, 5);
    assert_int_equal(corpus.tokens[RR_SPLIT_TRAIN].unknown, 0); /* a literal <unk> is not unknown */
    assert_int_equal(corpus.tokens[RR_SPLIT_VALID].unknown, 1); /* "new" */
    assert_int_equal(corpus.tokens[RR_SPLIT_TEST].unknown, 0);
    rr_corpus_free(&corpus);
    assert_null(corpus.vocab);
}

static void patterns_expand_in_sorted_order_and_lists_keep_theirs(void **state) {
    scratch *s = *state;
    put(s, "b.txt", BYTES("b"));
    put(s, "a10.txt", BYTES("x"));
    put(s, "a9.txt", BYTES("y\n"));
    put(s, "B.txt", BYTES("B"));
    put(s, "[a].txt", BYTES("q"));
    assert_ok(rr_folder_make(scratch_path(s, "folder.txt")));
    rr_corpus corpus = read_corpus(s, "data: {train: [DIR/b.txt, 'DIR/*.txt', 'DIR/[a].txt']}", RR_UNIT_CHAR);
    assert_text(&corpus, RR_SPLIT_TRAIN, "bBqxy\nbq"); /* '[a].txt' is there under that very name */
    rr_corpus_free(&corpus);
    corpus = read_corpus(s, "data: {train: 'DIR/a[0-9]*.txt'}", RR_UNIT_CHAR);
    assert_text(&corpus, RR_SPLIT_TRAIN, "xy\n");
    rr_corpus_free(&corpus);
    corpus = read_corpus(s, "data: {train: 'DIR/?.txt'}", RR_UNIT_WORD); /* files of words end with a line end each */
    assert_text(&corpus, RR_SPLIT_TRAIN, "B\nb\n");
    rr_corpus_free(&corpus);
}

static void a_split_cuts_chars_by_count_and_learns_its_vocabulary_from_train_alone(void **state) {
    scratch *s = *state;
    put(s, "t.txt",
        BYTES("aabbccddee"
              "aabbzz\xc3\xa9yxx"));
    rr_corpus corpus = read_corpus(s, "data: {train: DIR/t.txt, split: [0.5, 0.3, 0.2]}", RR_UNIT_CHAR);
    assert_int_equal(rr_vocab_size(corpus.vocab), 6); /* <unk> and a to e */
    assert_text(&corpus, RR_SPLIT_TRAIN, "aabbccddee");
    assert_text(&corpus, RR_SPLIT_VALID, "aabb<unk><unk>");
    assert_text(&corpus, RR_SPLIT_TEST, "<unk><unk><unk><unk>");
    assert_int_equal(corpus.tokens[RR_SPLIT_TRAIN].unknown, 0);
    assert_int_equal(corpus.tokens[RR_SPLIT_VALID].unknown, 2);
    assert_int_equal(corpus.tokens[RR_SPLIT_TEST].unknown, 4);
    rr_corpus_free(&corpus);
    corpus = read_corpus(s, "data: {train: DIR/t.txt, split: [0.5, 0, 0.2]}", RR_UNIT_BYTE); /* 21 bytes */
    assert_int_equal(corpus.tokens[RR_SPLIT_TRAIN].count, 10);
    assert_int_equal(corpus.tokens[RR_SPLIT_VALID].count, 0);
    assert_int_equal(corpus.tokens[RR_SPLIT_TEST].count, 4);
    rr_corpus_free(&corpus);
}

static void fractions_meet_the_counts_they_mean(void **state) {
    scratch *s = *state;
    static char text[20000];
    memset(text, 'a', sizeof text);
    static const struct {
        size_t count;
        const char *split;
        size_t counts[3];
    } cases[] = {
        {100, "[0.29, 0.28, 0.43]", {29, 28, 43}}, /* 0.29 * 100 is 28.999... in floating point */
        {10, "[0.7, 0.2, 0.1]", {7, 2, 1}},        /* as is 0.7 + 0.2 + 0.1 below 1 */
        {1000, "[0.9, 0.05, 0.05]", {900, 50, 50}},
        {999, "[0.9, 0.05, 0.05]", {899, 50, 50}},
        {7, "[1, 0, 0]", {7, 0, 0}},
        {10, "[0.5, 0.1, 0.1]", {5, 1, 1}}, /* the rest is left out */
        {3, "[0.34, 0.33, 0.33]", {1, 1, 1}},
        {20000, "[0.3333333333, 0.3333333333, 0.3333333333]", {6666, 6667, 6667}}, /* nearly 1 is 1 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put(s, "t.txt", text, cases[i].count);
        char yaml[128];
        snprintf(yaml, sizeof yaml, "data: {train: DIR/t.txt, split: %s}", cases[i].split);
        rr_corpus corpus = read_corpus(s, yaml, RR_UNIT_CHAR);
        for (int split = 0; split < 3; split++) assert_int_equal(corpus.tokens[split].count, cases[i].counts[split]);
        rr_corpus_free(&corpus);
    }
}

static void a_split_cuts_words_at_line_ends(void **state) {
    scratch *s = *state;
    put(s, "t.txt", BYTES("a b c\nd e f\ng h i\nj k l\nm")); /* 18 tokens; lines end behind 4, 8, 12, 16, 18 */
    static const struct {
        const char *split;
        const char *parts[3];
    } cases[] = {
        {"[0.5, 0.25, 0.25]", {"a b c\nd e f\ng h i\n", "<unk> <unk> <unk>\n", "<unk>\n"}}, /* 9 -> 12, 13 -> 16 */
        {"[0.23, 0.4, 0.3]", /* 4, 11 -> 12, 16; the last line is left out */
         {"a b c\n", "<unk> <unk> <unk>\n<unk> <unk> <unk>\n", "<unk> <unk> <unk>\n"}},
        {"[1, 0, 0]", {"a b c\nd e f\ng h i\nj k l\nm\n", "", ""}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char yaml[128];
        snprintf(yaml, sizeof yaml, "data: {train: DIR/t.txt, split: %s}", cases[i].split);
        rr_corpus corpus = read_corpus(s, yaml, RR_UNIT_WORD);
        for (int split = 0; split < 3; split++) assert_text(&corpus, (rr_split)split, cases[i].parts[split]);
        rr_corpus_free(&corpus);
    }
    assert_corpus_refused(s, "data:\n  train: DIR/t.txt\n  split: [0.9, 0.05, 0.05]\n", RR_UNIT_WORD,
                          "lm.yaml:3: data.split: leaves nothing of 18 tokens for test");
}

static void a_checkpoints_vocabulary_gives_the_same_ids_and_fingerprint(void **state) {
    scratch *s = *state;
    put(s, "t.txt", BYTES("a b b\nc <unk>\nb q\nz a\n"));
    const char *yaml = "data: {train: DIR/t.txt, split: [0.4, 0.3, 0.3]}";
    rr_corpus first = read_corpus(s, yaml, RR_UNIT_WORD), again = {0}, evaluation = {0};
    rr_buffer json = {0};
    rr_vocab *vocab = NULL;
    assert_ok(rr_vocab_to_json(first.vocab, &json));
    assert_ok(rr_vocab_from_json(json.data, &vocab));
    assert_ok(read_with(s, yaml, RR_UNIT_WORD, vocab, true, &again));
    assert_true(again.vocab == vocab);
    assert_true(again.fingerprint == first.fingerprint);
    assert_ok(rr_vocab_from_json(json.data, &vocab));
    assert_ok(read_with(s, yaml, RR_UNIT_WORD, vocab, false, &evaluation));
    assert_int_equal(evaluation.tokens[RR_SPLIT_TRAIN].count, 0);
    for (int split = 0; split < RR_SPLIT_COUNT; split++) {
        assert_ids(&again.tokens[split], first.tokens[split].ids, first.tokens[split].count);
        assert_int_equal(again.tokens[split].unknown, first.tokens[split].unknown);
        if (split == RR_SPLIT_TRAIN) continue;
        assert_ids(&evaluation.tokens[split], first.tokens[split].ids, first.tokens[split].count);
        assert_int_equal(evaluation.tokens[split].unknown, first.tokens[split].unknown);
    }
    rr_buffer_free(&json);
    rr_corpus_free(&first);
    rr_corpus_free(&again);
    rr_corpus_free(&evaluation);
}

static void evaluation_does_not_touch_the_training_file_when_the_vocabulary_is_known(void **state) {
    scratch *s = *state;
    put(s, "v.txt", BYTES("b a"));
    const char *yaml = "data: {train: DIR/absent, valid: DIR/v.txt, vocab: {file: DIR/absent}}";
    rr_corpus corpus = {0};
    assert_ok(read_with(s, yaml, RR_UNIT_WORD, vocab_of(RR_UNIT_WORD, BYTES("a"), 1, 0), false, &corpus));
    assert_ids(&corpus.tokens[RR_SPLIT_VALID], (int32_t[]){0, 2, 1}, 3);
    rr_corpus_free(&corpus);
    assert_refused(read_with(s, yaml, RR_UNIT_CHAR, vocab_of(RR_UNIT_WORD, BYTES("a"), 1, 0), false, &corpus),
                   "is one of unit word, the configuration's unit is char");
}

static void evaluation_without_a_vocabulary_builds_it_from_the_training_file(void **state) {
    scratch *s = *state;
    put(s, "t.txt", BYTES("a b b"));
    put(s, "v.txt", BYTES("b a q"));
    rr_corpus corpus = {0};
    assert_ok(read_with(s, "data: {train: DIR/t.txt, valid: DIR/v.txt}", RR_UNIT_WORD, NULL, false, &corpus));
    assert_int_equal(corpus.tokens[RR_SPLIT_TRAIN].count, 0);
    assert_ids(&corpus.tokens[RR_SPLIT_VALID], (int32_t[]){2, 3, 0, 1}, 4);
    rr_corpus_free(&corpus);
    assert_refused(read_with(s, "data: {valid: DIR/v.txt}", RR_UNIT_WORD, NULL, false, &corpus),
                   "data.train (default null): a text file is needed for the vocabulary, or data.vocab.file");
    assert_ok(read_with(s, "data: {valid: DIR/v.txt}", RR_UNIT_BYTE, NULL, false, &corpus)); /* bytes need none */
    assert_int_equal(corpus.tokens[RR_SPLIT_VALID].count, 5);
    rr_corpus_free(&corpus);
}

static void a_vocabulary_file_decides(void **state) {
    scratch *s = *state;
    put(s, "t.txt", BYTES("a b q b\n"));
    put(s, "vocab.txt", BYTES("<eos>\nb\n<unk>\nzebra\na\n"));
    rr_corpus corpus =
        read_corpus(s, "data: {train: DIR/t.txt, vocab: {file: DIR/vocab.txt, max_size: 5}}", RR_UNIT_WORD);
    assert_int_equal(rr_vocab_size(corpus.vocab), 5);
    assert_ids(&corpus.tokens[RR_SPLIT_TRAIN], (int32_t[]){4, 1, 2, 1, 0}, 5);
    assert_int_equal(corpus.tokens[RR_SPLIT_TRAIN].unknown, 1);
    rr_corpus_free(&corpus);
    assert_corpus_refused(s, "data:\n  train: DIR/t.txt\n  vocab:\n    file: DIR/vocab.txt\n    max_size: 4\n",
                          RR_UNIT_WORD, "gives 5 tokens, more than data.vocab.max_size, 4");
    assert_corpus_refused(s, "data:\n  train: DIR/t.txt\n  vocab:\n    file: DIR/none\n", RR_UNIT_WORD,
                          "lm.yaml:4: data.vocab.file: ");
    assert_corpus_refused(s, "data: {train: DIR/t.txt, vocab: {file: DIR/vocab.txt, min_count: 2}}", RR_UNIT_WORD,
                          "data.vocab.min_count: 2 does not go with data.vocab.file");
    assert_corpus_refused(s, "data: {train: DIR/t.txt, vocab: {min_count: 999}}", RR_UNIT_WORD,
                          "data.vocab.min_count: leaves nothing");
}

static void the_fingerprint_sees_every_token_of_every_split(void **state) {
    scratch *s = *state;
    const char *yaml = "data: {train: DIR/t.txt, valid: DIR/v.txt, test: DIR/w.txt}";
    uint64_t prints[6];
    static const char *const texts[6][3] = {{"abc", "ab", "b"}, {"bac", "ab", "b"},  {"abc", "aa", "b"},
                                            {"abc", "ab", "c"}, {"abcc", "ab", "b"}, {"abc", "a", "bb"}};
    for (int i = 0; i < 6; i++) {
        put(s, "t.txt", texts[i][0], strlen(texts[i][0]));
        put(s, "v.txt", texts[i][1], strlen(texts[i][1]));
        put(s, "w.txt", texts[i][2], strlen(texts[i][2]));
        rr_corpus corpus = read_corpus(s, yaml, RR_UNIT_CHAR), again = read_corpus(s, yaml, RR_UNIT_CHAR);
        assert_true(corpus.fingerprint == again.fingerprint);
        prints[i] = corpus.fingerprint;
        for (int k = 0; k < i; k++) assert_true(prints[i] != prints[k]);
        rr_corpus_free(&corpus);
        rr_corpus_free(&again);
    }
}

static void a_file_that_cannot_be_used_is_refused_with_key_and_place(void **state) {
    scratch *s = *state;
    put(s, "t.txt", BYTES("one\ntwo\n"));
    put(s, "empty", "", 0);
    put(s, "mark", BYTES("\xef\xbb\xbf"));
    put(s, "latin", BYTES("one\ncaf\xe9\n"));
    assert_ok(rr_folder_make(scratch_path(s, "folder")));
    assert_corpus_refused(s, "data:\n  train: DIR/none.txt\n", RR_UNIT_WORD, "lm.yaml:2: data.train: ");
    assert_corpus_refused(s, "data:\n  train: DIR/none.txt\n", RR_UNIT_WORD, "/none.txt: No such file or directory");
    assert_corpus_refused(s, "data:\n  train: DIR/t.txt\n  valid: 'DIR/*.csv'\n", RR_UNIT_WORD,
                          "lm.yaml:3: data.valid: no file matches ");
    assert_corpus_refused(s, "data:\n  train: 'DIR/fol*'\n", RR_UNIT_WORD, "lm.yaml:2: data.train: no file matches ");
    assert_corpus_refused(s, "data:\n  train: DIR/t.txt\n  test: DIR/folder\n", RR_UNIT_WORD, "/folder: is a folder");
    assert_corpus_refused(s, "data:\n  train: DIR/t.txt\n  test: DIR/empty\n", RR_UNIT_WORD, "lm.yaml:3: data.test: ");
    assert_corpus_refused(s, "data: {train: [DIR/t.txt, DIR/empty]}", RR_UNIT_BYTE, "/empty: is empty");
    assert_corpus_refused(s, "data: {train: DIR/mark}", RR_UNIT_CHAR, "/mark: is empty");
    assert_corpus_refused(s, "data: {train: [DIR/t.txt, DIR/latin]}", RR_UNIT_CHAR,
                          "/latin:2: not UTF-8: byte 0xE9 at byte 4 of the line");
    assert_corpus_refused(s, "data: {valid: DIR/t.txt}", RR_UNIT_CHAR,
                          "data.train (default null): a text file is needed");
    assert_corpus_refused(s, "data: {split: [0.8, 0.1, 0.1]}", RR_UNIT_CHAR,
                          "a text file is needed, which data.split cuts");
}

static void a_section_that_contradicts_itself_is_refused(void **state) {
    scratch *s = *state;
    static const char *const cases[][2] = {
        {"data: {split: [0.9, 0.1]}", "data.split: must be three fractions [train, valid, test], got 2"},
        {"data: {split: [0, 0.5, 0.5]}", "data.split: the first fraction, train, must be > 0, got 0"},
        {"data: {split: [0.8, 0.2, 0.1]}", "data.split: the sum of the fractions must be <= 1, got 1.1"},
        {"data: {split: [0.8, -0.1, 0.1]}", "data.split"},
        {"data: {split: [.nan, 0.1, 0.1]}", "data.split"},
        {"data: {split: [0.8, .nan, 0.1]}", "data.split"},
        {"data: {split: [0.8, 0.1, 0.1], valid: a}",
         "data.split: cuts data.train in three and does not go with data.valid"},
        {"data: {split: [0.8, 0.1, 0.1], test: a}", "does not go with data.test"},
        {"data: {vocab: {max_size: 1}}", "data.vocab.max_size"},
        {"data: {vocab: {min_count: 0}}", "data.vocab.min_count"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bound opened;
        assert_refused(open_config(s, cases[i][0], &opened), cases[i][1]);
        rr_config_free(opened.config);
    }
    bound opened;
    assert_ok(open_config(s, "data: {train: a, split: [0.3333333333, 0.3333333333, 0.3333333334]}", &opened));
    rr_config_free(opened.config);
}

static void keys_that_mean_nothing_for_bytes_are_refused(void **state) {
    scratch *s = *state;
    put(s, "t.txt", BYTES("one"));
    assert_corpus_refused(s, "data: {train: DIR/t.txt, vocab: {min_count: 2}}", RR_UNIT_BYTE,
                          "data.vocab.min_count: must be 1 with unit byte");
    assert_corpus_refused(s, "data: {train: DIR/t.txt, vocab: {file: DIR/t.txt}}", RR_UNIT_BYTE,
                          "data.vocab.file: does not go with unit byte");
    assert_corpus_refused(s, "data: {train: DIR/t.txt, vocab: {max_size: 255}}", RR_UNIT_BYTE,
                          "data.vocab.max_size: a vocabulary of unit byte has at least 256 ids, 255 are allowed");
    rr_corpus corpus = read_corpus(s, "data: {train: DIR/t.txt, vocab: {max_size: 10000}}", RR_UNIT_BYTE);
    assert_ids(&corpus.tokens[RR_SPLIT_TRAIN], (int32_t[]){'o', 'n', 'e'}, 3);
    rr_corpus_free(&corpus);
}

#define with_folder(test) cmocka_unit_test_setup_teardown(test, scratch_open, scratch_close)

int main(void) {
    const struct CMUnitTest tests[] = {
        with_folder(penn_treebank_files_give_the_ids_that_the_usual_reader_gives),
        with_folder(patterns_expand_in_sorted_order_and_lists_keep_theirs),
        with_folder(a_split_cuts_chars_by_count_and_learns_its_vocabulary_from_train_alone),
        with_folder(fractions_meet_the_counts_they_mean),
        with_folder(a_split_cuts_words_at_line_ends),
        with_folder(a_checkpoints_vocabulary_gives_the_same_ids_and_fingerprint),
        with_folder(evaluation_does_not_touch_the_training_file_when_the_vocabulary_is_known),
        with_folder(evaluation_without_a_vocabulary_builds_it_from_the_training_file),
        with_folder(a_vocabulary_file_decides),
        with_folder(the_fingerprint_sees_every_token_of_every_split),
        with_folder(a_file_that_cannot_be_used_is_refused_with_key_and_place),
        with_folder(a_section_that_contradicts_itself_is_refused),
        with_folder(keys_that_mean_nothing_for_bytes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
