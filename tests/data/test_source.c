/* Every source: the same two examples in its format, then what is wrong with files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/stat.h>

#include "data/source.h"
#include "support/scratch.h"
#include "text.h"

static const char *const fields[] = {"text", "label"};

static rr_source_options options_for(rr_on_error on_error) {
    return (rr_source_options){
        .fields = fields, .field_count = 2, .header = true, .max_line_bytes = 1000, .on_error = on_error};
}

static const rr_source_ops *named(const char *name) {
    for (size_t i = 0; i < rr_source_count; i++)
        if (strcmp(rr_sources[i]->name, name) == 0) return rr_sources[i];
    fail_msg("no source %s", name);
    return NULL;
}

static void put(const char *path, const char *text, size_t length) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

/* What a source reads from these texts, one a file; of folders: names of files before the texts. */
typedef struct given {
    const char *source;
    const char *texts[3];
} given;

static rr_status read_texts(scratch *s, const rr_source_ops *source, const char *const *texts,
                            rr_source_options options, rr_records *out) {
    const char *paths[3];
    size_t count = 0;
    if (source->folders) {
        static const char *const names[] = {"data", "data/yes", "data/no", "data/unsup"};
        for (size_t i = 0; i < 4; i++) mkdir(scratch_path(s, names[i]), 0700);
        static const char *const files[] = {"data/yes/1.txt", "data/no/1.txt", "data/unsup/1.txt"};
        for (size_t i = 0; i < 3; i++) put(scratch_path(s, files[i]), texts[i], strlen(texts[i]));
        paths[count++] = scratch_path(s, "data");
    } else {
        static const char *const names[] = {"one", "two", "three"};
        for (; count < 3 && texts[count] != NULL; count++) {
            paths[count] = scratch_path(s, names[count]);
            put(paths[count], texts[count], strlen(texts[count]));
        }
    }
    return source->read(&options, paths, count, out);
}

static void assert_record(const rr_records *records, size_t i, const char *text, const char *label) {
    assert_true(i < records->count);
    assert_int_equal(rr_records_length(records, i, 0), strlen(text));
    assert_memory_equal(rr_records_text(records, i, 0), text, strlen(text));
    assert_int_equal(rr_records_length(records, i, 1), strlen(label));
    assert_memory_equal(rr_records_text(records, i, 1), label, strlen(label));
}

static void every_source_reads_its_format(void **state) {
    static const given cases[] = {
        {"tsv", {"good film\tyes\tmore\n\nbad one\tno\n"}},
        {"tsv", {"\xef\xbb\xbfgood film\tyes\r\n", "bad one\tno"}},
        {"csv", {"id,text,label\r\n7,good film,yes\r\n\r\n8,\"bad one\",no"}},
        {"csv", {"\xef\xbb\xbf\"label\",\"text\"\nyes,good film\nno,bad one\n"}},
        {"folders", {"bad one\r\n", "good film\n", "?"}}, /* sorted: "no" is first, so put the other way round below */
        {"parallel", {"good film\n\nbad one\n", "yes\r\n\nno\n"}},
    };
    /* Stories have three fields: stories_with_questions_are_examples. */
    size_t seen[16] = {0};
    for (size_t i = 0; i < rr_source_count; i++)
        seen[i] += rr_sources[i]->sentences || rr_sources[i] == named("babi"); /* below */
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        rr_records records = {.count = 0};
        const rr_source_ops *source = named(cases[k].source);
        rr_source_options options = options_for(RR_ON_ERROR_STOP);
        options.header = strcmp(source->name, "csv") == 0;
        assert_ok(read_texts(*state, source, cases[k].texts, options, &records));
        assert_int_equal(records.count, 2);
        if (source->folders) {
            assert_record(&records, 0, "good film", "no");
            assert_record(&records, 1, "bad one", "yes");
        } else {
            assert_record(&records, 0, "good film", "yes");
            assert_record(&records, 1, "bad one", "no");
        }
        for (size_t i = 0; i < rr_source_count; i++) seen[i] += rr_sources[i] == source;
        rr_records_free(&records);
    }
    for (size_t i = 0; i < rr_source_count; i++) assert_true(seen[i] > 0); /* a new source needs a case */
}

static const char *const lists[] = {"tokens", "tags"};

static rr_source_options list_options(rr_on_error on_error) {
    rr_source_options options = options_for(on_error);
    options.fields = lists;
    options.lists = 2;
    return options;
}

static void sentences_are_lists_of_tokens_and_tags(void **state) {
    static const given cases[] = {
        {"conllu",
         {"# text = Hello\n1\tGood\tgood\tADJ\t_\t_\t2\tamod\t_\t_\n2-3\tfilm!\t_\t_\t_\t_\t_\t_\t_\t_\n"
          "2\tfilm\tfilm\tNOUN\t_\t_\t0\troot\t_\t_\n2.1\tx\tx\tX\t_\t_\t_\t_\t_\t_\n\n\n"
          "1\tNo\tno\tINTJ\t_\t_\t0\troot\t_\t_\n"}},
        {"columns", {"Good\t\tx\t ADJ \nfilm\tx\tNOUN\n\t \nNo\tx\tINTJ\t\n"}},
        {"columns", {"-DOCSTART- -X- O\n\nGood JJ ADJ\r\nfilm NN NOUN\r\n\r\n\nNo UH  INTJ"}},
        {"parallel", {"Good  film\nNo\n", " ADJ NOUN \nINTJ\n"}},
        {"tsv", {"Good film\tADJ NOUN\nNo\tINTJ\n"}},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        rr_records records = {.count = 0};
        rr_source_options options = list_options(RR_ON_ERROR_STOP);
        options.header = false;
        assert_ok(read_texts(*state, named(cases[k].source), cases[k].texts, options, &records));
        assert_int_equal(records.count, 2);
        assert_record(&records, 0, "Good\nfilm", "ADJ\nNOUN");
        assert_record(&records, 1, "No", "INTJ");
        rr_records_free(&records);
    }
}

static void tokens_may_hold_blanks_where_tabs_divide(void **state) {
    static const char *const texts[] = {"New York\tB-LOC\nis\tO\n", NULL};
    rr_records records = {.count = 0};
    assert_ok(read_texts(*state, named("columns"), texts, list_options(RR_ON_ERROR_STOP), &records));
    assert_record(&records, 0, "New York\nis", "B-LOC\nO");
    rr_records_free(&records);
}

static void a_bad_line_leaves_its_whole_sentence_out(void **state) {
    static const struct {
        given given;
        const char *complaint;
    } cases[] = {
        {{"columns", {"a X\n\nb X\nc\xff X\nd\xff X\n\ne X\n"}}, "one:4: the line is not UTF-8"},
        {{"conllu", {"1\ta\ta\tX\t_\t_\t_\t_\t_\t_\n\n1\ta\ta\tX\n\n1\ta\ta\tX\t_\t_\t_\t_\t_\t_\n"}},
         "one:3: the line has not the columns"},
        {{"conllu", {"1\ta\ta\tX\t_\t_\t_\t_\t_\t_\n\n1\ta\ta\t\t_\t_\t_\t_\t_\t_\n\n1\ta\ta\tX\t_\t_\t_\t_\t_\t_\n"}},
         "one:3: a column is empty"},
        {{"parallel", {"a\nb\nc\n", "X\n  \nX\n"}}, "one:2: the tags is empty"},
        {{"columns", {"a X\n\nb\n\nc X\n"}}, "one:3: the line has too few columns"},
        {{"columns", {"a x X\n\nb x X\nc X\n\nc X\n"}}, "one:4: the line has not as many columns"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        rr_records stop = {.count = 0}, skip = {.count = 0};
        const rr_source_ops *source = named(cases[k].given.source);
        assert_refused(read_texts(*state, source, cases[k].given.texts, list_options(RR_ON_ERROR_STOP), &stop),
                       cases[k].complaint);
        assert_ok(read_texts(*state, source, cases[k].given.texts, list_options(RR_ON_ERROR_SKIP), &skip));
        assert_int_equal(skip.count, 2);
        assert_int_equal(skip.skipped, 1);
        rr_records_free(&stop);
        rr_records_free(&skip);
    }
}

static void columns_of_sentences_are_chosen_by_name_or_number(void **state) {
    static const char *const text[] = {"1\ta\tb\tX\tY\t_\t_\t_\t_\t_\n", NULL}, *const words[] = {"a NN B-NP O\n",
                                                                                                  NULL};
    static const char *const names[] = {"LEMMA", "5"}, *const wrong[] = {"LEMMA", "TAG"}, *const third[] = {"1", "-2"};
    rr_records records = {.count = 0};
    rr_source_options options = list_options(RR_ON_ERROR_STOP);
    options.columns = names;
    assert_ok(read_texts(*state, named("conllu"), text, options, &records));
    assert_record(&records, 0, "b", "Y");
    options.columns = wrong;
    assert_refused(read_texts(*state, named("conllu"), text, options, &records),
                   "has no column \"TAG\"; there are ID, FORM");
    options.columns = third;
    assert_ok(read_texts(*state, named("columns"), words, options, &records));
    assert_record(&records, 1, "a", "B-NP");
    rr_records_free(&records);
}

/* The third line (of folders: the file of "yes") is bad. */
static void bad_examples_stop_or_are_left_out_and_counted(void **state) {
    static const struct {
        given given;
        const char *complaint;
    } cases[] = {
        {{"tsv", {"a\tyes\nb\tno\nonly text\nc\tyes\n"}}, "one:3: has 1 column, so none for the label"},
        {{"tsv", {"a\tyes\nb\tno\n\tyes\nc\tyes\n"}}, "one:3: the text is empty"},
        {{"tsv", {"a\tyes\nb\tno\nx\xff\tyes\nc\tyes\n"}}, "one:3: the text is not UTF-8"},
        {{"csv", {"text,label\na,yes\nb\nc,no\nd,yes\n"}}, "one:3: has 1 column, so none for the label"},
        {{"csv", {"text,label\na,yes\nb, or c,no\nc,no\nd,yes\n"}}, "one:3: has 3 columns, the first line 2; a field"},
        {{"csv", {"text,label\na,yes\n\"b\"x,yes\nc,no\nd,yes\n"}}, "one:3: "},
        {{"parallel", {"a\nb\n\nc\n", "yes\nno\nyes\nyes\n"}}, "one:3: the text is empty"},
        {{"parallel", {"a\nb\nx\xff\nc\n", "yes\nno\nyes\nyes\n"}}, "one:3: the text is not UTF-8"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        rr_records stop = {.count = 0}, skip = {.count = 0};
        const rr_source_ops *source = named(cases[k].given.source);
        rr_source_options options = options_for(RR_ON_ERROR_STOP);
        options.header = strcmp(source->name, "csv") == 0;
        assert_refused(read_texts(*state, source, cases[k].given.texts, options, &stop), cases[k].complaint);
        options.on_error = RR_ON_ERROR_SKIP;
        assert_ok(read_texts(*state, source, cases[k].given.texts, options, &skip));
        assert_int_equal(skip.count, 3);
        assert_int_equal(skip.skipped, 1);
        assert_non_null(strstr(rr_buffer_text(&skip.first_skip), cases[k].complaint));
        rr_records_free(&stop);
        rr_records_free(&skip);
    }
}

static void a_line_that_is_too_long_is_bad(void **state) {
    static const char *const texts[] = {"a\tyes\nmuch too long a text\tno\nb\tno\n", NULL};
    rr_records records = {.count = 0};
    rr_source_options options = options_for(RR_ON_ERROR_SKIP);
    options.header = false;
    options.max_line_bytes = 10;
    assert_ok(read_texts(*state, named("tsv"), texts, options, &records));
    assert_int_equal(records.count, 2);
    assert_int_equal(records.skipped, 1);
    rr_records_free(&records);
}

static void columns_are_named_or_numbered_from_both_ends(void **state) {
    static const char *const texts[] = {"no,x,good film,yes\nno,x,bad one,no\n", NULL};
    static const char *const by_number[] = {"3", "-1"}, *const beyond[] = {"3", "9"}, *const wrong[] = {"text", "-1"};
    rr_records records = {.count = 0};
    rr_source_options options = options_for(RR_ON_ERROR_STOP);
    options.header = false;
    options.columns = by_number;
    assert_ok(read_texts(*state, named("csv"), texts, options, &records));
    assert_record(&records, 0, "good film", "yes");
    assert_record(&records, 1, "bad one", "no");
    options.columns = beyond;
    assert_refused(read_texts(*state, named("csv"), texts, options, &records), "so none for the label");
    options.columns = wrong;
    assert_refused(read_texts(*state, named("csv"), texts, options, &records), "the columns have no names here");
    options.header = true;
    assert_refused(read_texts(*state, named("csv"), texts, options, &records), "there are no, x, good film, yes");
    rr_records_free(&records);
}

static void a_field_that_may_be_empty_makes_no_record_bad(void **state) {
    static const given cases[] = {
        {"tsv", {"one\ta\ntwo\t\n\tb\n"}}, {"csv", {"one,a\ntwo,\n,b\n"}}, {"parallel", {"one\ntwo\n\n", "a\n\nb\n"}}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        rr_records records = {.count = 0};
        rr_source_options options = options_for(RR_ON_ERROR_SKIP);
        options.header = false;
        options.may_be_empty = 1U << 1;
        assert_ok(read_texts(*state, named(cases[k].source), cases[k].texts, options, &records));
        assert_int_equal(records.count, 2);
        assert_record(&records, 0, "one", "a");
        assert_record(&records, 1, "two", "");
        assert_int_equal(records.skipped, 1);
        rr_records_free(&records);
    }
}

static void headers_are_found_and_have_blanks_around_names(void **state) {
    static const char *const columns[] = {"2", "1"};
    static const given cases[] = {{"csv", {"id, label ,text\n1,yes,good film\n2,no,bad one\n"}},
                                  {"tsv", {"id\ttext\tlabel\n1\tgood film\tyes\n2\tbad one\tno\n"}},
                                  {"tsv", {"yes\tgood film\nno\tbad one\n"}}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        rr_records records = {.count = 0};
        rr_source_options options = options_for(RR_ON_ERROR_STOP);
        options.header = k == 0;
        options.header_by_names = true;
        options.columns = k > 0 ? columns : NULL;
        assert_ok(read_texts(*state, named(cases[k].source), cases[k].texts, options, &records));
        assert_int_equal(records.count, 2);
        assert_record(&records, 0, "good film", "yes");
        assert_record(&records, 1, "bad one", "no");
        rr_records_free(&records);
    }
    static const char *const bytes[] = {"te\xff,label\na,b\n", NULL}, *const semicolons[] = {"text;label\na;b\n", NULL};
    rr_records records = {.count = 0};
    assert_refused(read_texts(*state, named("csv"), bytes, options_for(RR_ON_ERROR_SKIP), &records),
                   "one:1: the names");
    assert_refused(read_texts(*state, named("csv"), semicolons, options_for(RR_ON_ERROR_SKIP), &records),
                   "there is text;label; data.delimiter");
    rr_records_free(&records);
}

static void a_folder_in_the_folder_of_a_class_is_refused(void **state) {
    static const char *const texts[] = {"a", "b", "c"};
    rr_records records = {.count = 0};
    assert_ok(read_texts(*state, named("folders"), texts, options_for(RR_ON_ERROR_STOP), &records));
    mkdir(scratch_path(*state, "data/yes/more"), 0700);
    assert_refused(read_texts(*state, named("folders"), texts, options_for(RR_ON_ERROR_SKIP), &records),
                   "data/yes/more: is a folder within the folder of a class");
    rr_records_free(&records);
}

static rr_source_options story_options(rr_on_error on_error) {
    static const char *const story_fields[] = {"context", "question", "answer"};
    rr_source_options options = options_for(on_error);
    options.fields = story_fields;
    options.field_count = 3;
    return options;
}

static void assert_story(const rr_records *records, size_t i, uint64_t line, const char *const texts[3]) {
    assert_true(i < records->count);
    assert_int_equal(records->items[i].line, line);
    for (size_t f = 0; f < 3; f++) {
        assert_int_equal(rr_records_length(records, i, f), strlen(texts[f]));
        assert_memory_equal(rr_records_text(records, i, f), texts[f], strlen(texts[f]));
    }
}

static void stories_with_questions_are_examples(void **state) {
    static const char *const texts[] = {"1 Ann left.\n2 Who left? \tAnn\t1\n3 Bob came.\r\n4 Who came?\tBob\n"
                                        "\n1 It rained.\n2 What did it do?\train,pour\t1\n",
                                        NULL};
    static const char *const bad[] = {"Ann left.\n1 Ann left.\n3 Bob.\n2 Who? \tAnn\t1\n1 Who?\tAnn\n", NULL};
    static const char *const expected[][3] = {{"Ann left.", "Who left?", "Ann"},
                                              {"Ann left.\nBob came.", "Who came?", "Bob"},
                                              {"It rained.", "What did it do?", "rain,pour"}};
    rr_records records = {.count = 0};
    assert_ok(read_texts(*state, named("babi"), texts, story_options(RR_ON_ERROR_STOP), &records));
    assert_int_equal(records.count, 3);
    assert_story(&records, 0, 2, expected[0]);
    assert_story(&records, 1, 4, expected[1]);
    assert_story(&records, 2, 7, expected[2]);
    rr_records_free(&records);
    assert_refused(read_texts(*state, named("babi"), bad, story_options(RR_ON_ERROR_STOP), &records),
                   "a line begins with its number");
    rr_records_free(&records);
    assert_ok(read_texts(*state, named("babi"), bad, story_options(RR_ON_ERROR_SKIP), &records));
    assert_int_equal(records.count, 1);
    assert_int_equal(records.skipped, 3);
    rr_records_free(&records);
    assert_refused(read_texts(*state, named("babi"), texts, options_for(RR_ON_ERROR_SKIP), &records), "task qa");
    rr_records_free(&records);
}

static void files_that_give_nothing_are_errors(void **state) {
    static const char *const empty[] = {"", "", "", NULL}, *const uneven[] = {"a\nb\n", "yes\n", NULL};
    for (size_t i = 0; i < rr_source_count; i++) {
        rr_records records = {.count = 0};
        const char *missing[] = {scratch_path(*state, "nothing"), scratch_path(*state, "nothing")};
        rr_source_options options = options_for(RR_ON_ERROR_SKIP);
        if (rr_sources[i] == named("babi")) options = story_options(RR_ON_ERROR_SKIP);
        assert_refused(rr_sources[i]->read(&options, missing, 2, &records), "nothing");
        if (rr_sources[i]->sentences) options = list_options(RR_ON_ERROR_SKIP);
        const char *texts[3] = {"", strcmp(rr_sources[i]->name, "parallel") == 0 ? "" : NULL, NULL};
        assert_refused(read_texts(*state, rr_sources[i], rr_sources[i]->folders ? empty : texts, options, &records),
                       "holds no example");
        rr_records_free(&records);
    }
    rr_records records = {.count = 0};
    assert_refused(read_texts(*state, named("parallel"), uneven, options_for(RR_ON_ERROR_SKIP), &records),
                   "parallel files must have as many");
    rr_records_free(&records);
}

static void the_path_tells_the_format(void **state) {
    const rr_source_ops *preset = named("parallel");
    assert_ptr_equal(rr_source_guess("x/a.csv", preset), named("csv"));
    assert_ptr_equal(rr_source_guess("x/a.tsv", preset), named("tsv"));
    assert_ptr_equal(rr_source_guess("x/a.txt", preset), preset);
    mkdir(scratch_path(*state, "folder"), 0700);
    assert_ptr_equal(rr_source_guess(scratch_path(*state, "folder"), preset), named("folders"));
    for (size_t i = 0; i < rr_source_count; i++) assert_string_equal(rr_source_names[i + 1], rr_sources[i]->name);
    assert_null(rr_source_names[rr_source_count + 1]);
}

static void real_files_have_the_examples_that_are_known(void **state) {
    const char *folder = getenv("RINGRNN_TEST_DATA");
    char sms[512], seq[512], label[512];
    (void)state;
    if (folder == NULL) folder = TEST_DATA_FOLDER;
    snprintf(sms, sizeof sms, "%s/smsspam/SMSSpamCollection", folder);
    snprintf(seq, sizeof seq, "%s/snips/train/seq.in", folder);
    snprintf(label, sizeof label, "%s/snips/train/label", folder);
    if (access(sms, R_OK) != 0 || access(seq, R_OK) != 0) {
        print_message("no real data: skipped\n");
        skip();
    }
    static const char *const columns[] = {"2", "1"};
    rr_records records = {.count = 0};
    rr_source_options options = options_for(RR_ON_ERROR_SKIP);
    options.header = false;
    options.columns = columns;
    options.max_line_bytes = 1 << 20;
    assert_ok(named("tsv")->read(&options, (const char *[]){sms}, 1, &records));
    assert_int_equal(records.count + records.skipped, 5574);
    assert_true(records.skipped < 10); /* a few lines are no UTF-8 */
    rr_records_free(&records);
    options.columns = NULL;
    assert_ok(named("parallel")->read(&options, (const char *[]){seq, label}, 2, &records));
    assert_int_equal(records.count, 13084);
    rr_records_free(&records);
    char trees[512];
    snprintf(trees, sizeof trees, "%s/ud_ewt/en_ewt-ud-train.conllu", folder);
    options = list_options(RR_ON_ERROR_STOP);
    options.max_line_bytes = 1 << 20;
    size_t words = 0;
    assert_ok(named("conllu")->read(&options, (const char *[]){trees}, 1, &records));
    assert_int_equal(records.count, 12544);
    for (size_t i = 0; i < records.count; i++) {
        const char *text = rr_records_text(&records, i, 0);
        words++;
        for (size_t k = 0; k < rr_records_length(&records, i, 0); k++) words += text[k] == '\n';
    }
    assert_int_equal(words, 204577);
    rr_records_free(&records);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_source_reads_its_format, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(sentences_are_lists_of_tokens_and_tags, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(tokens_may_hold_blanks_where_tabs_divide, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(a_bad_line_leaves_its_whole_sentence_out, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(columns_of_sentences_are_chosen_by_name_or_number, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(bad_examples_stop_or_are_left_out_and_counted, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(a_line_that_is_too_long_is_bad, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(columns_are_named_or_numbered_from_both_ends, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(a_field_that_may_be_empty_makes_no_record_bad, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(headers_are_found_and_have_blanks_around_names, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(a_folder_in_the_folder_of_a_class_is_refused, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(stories_with_questions_are_examples, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(files_that_give_nothing_are_errors, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(the_path_tells_the_format, scratch_open, scratch_close),
        cmocka_unit_test(real_files_have_the_examples_that_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
