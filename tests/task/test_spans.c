#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "task/spans.h"

enum { MOST = 64 };

static const char *const names[] = {"B-A", "I-A", "B-B", "I-B", "O", "E-A", "S-B"};

static size_t ids_of(const rr_labels *labels, const char *text, int32_t *ids) {
    size_t count = 0;
    while (*text != 0) {
        size_t length = strcspn(text, " ");
        ids[count++] = rr_labels_find(labels, text, length);
        text += length;
        text += *text == ' ';
    }
    return count;
}

/* Counts of random sequences as seqeval 1.2.2 (get_entities) gives them: right A, B; true A, B; predicted A, B. */
static void spans_are_those_of_seqeval(void **state) {
    (void)state;
    static const struct {
        const char *gold, *said;
        double counts[6];
    } cases[] = {
        {"I-A", "I-A", {1, 0, 1, 0, 1, 0}},
        {"E-A", "E-A", {1, 0, 1, 0, 1, 0}},
        {"I-A", "I-A", {1, 0, 1, 0, 1, 0}},
        {"B-A I-B", "B-A I-B", {1, 1, 1, 1, 1, 1}},
        {"S-B B-A", "S-B B-A", {1, 1, 1, 1, 1, 1}},
        {"B-B S-B", "B-B S-B", {0, 2, 0, 2, 0, 2}},
        {"I-A B-A S-B", "B-B I-A S-B", {1, 1, 2, 1, 1, 2}},
        {"B-B E-A S-B", "S-B B-B S-B", {0, 2, 1, 2, 0, 3}},
        {"O B-B E-A", "O B-B E-A", {1, 1, 1, 1, 1, 1}},
        {"B-B B-A S-B S-B O", "B-A O B-B O O", {0, 1, 1, 3, 1, 1}},
        {"I-B O B-B I-B I-B", "I-B O B-A I-B I-B", {0, 1, 0, 2, 1, 2}},
        {"B-B O O E-A I-B", "I-A I-A O E-A B-B", {1, 1, 1, 2, 2, 1}},
        {"I-A B-B I-B E-A O B-B E-A O", "I-A B-B E-A E-A O B-A E-A O", {2, 0, 3, 2, 4, 1}},
        {"I-B B-A B-A B-B E-A B-A B-B E-A", "B-B B-A B-A S-B S-B O B-A E-A", {2, 2, 5, 3, 3, 3}},
        {"I-A I-B B-B I-A B-B I-B O I-A", "I-A I-B B-B I-A B-B O O I-B", {2, 2, 3, 3, 2, 4}},
        {"I-A B-A B-A B-A B-A E-A I-A O E-A I-A O B-A O",
         "I-A B-A B-A B-B I-B I-A I-A O E-A I-A O B-A S-B",
         {6, 0, 9, 0, 7, 2}},
        {"I-A I-B I-A B-A B-A B-B B-B I-A O I-A S-B I-A I-B",
         "I-A I-B B-B B-A I-B E-A S-B B-A O I-A S-B I-A I-B",
         {5, 4, 7, 5, 6, 6}},
        {"E-A I-B S-B E-A B-B S-B I-B O I-A E-A S-B E-A S-B",
         "E-A I-B S-B E-A B-A S-B S-B E-A S-B E-A O E-A S-B",
         {3, 5, 4, 7, 6, 6}},
        {"I-B I-A S-B B-A I-A I-A B-A O B-B B-A I-B S-B S-B S-B I-B I-A O B-A I-A I-A E-A",
         "S-B S-B O B-A I-A B-A B-A O B-A B-A O B-B S-B S-B I-B I-A B-B B-A S-B B-A E-A",
         {3, 5, 6, 8, 8, 8}},
        {"O S-B B-B O I-B I-B S-B E-A S-B I-B B-A E-A I-A E-A B-B S-B I-B I-B B-A S-B O",
         "O I-A B-B O I-B I-B E-A E-A B-A I-B B-A I-B I-A E-A B-B S-B I-B I-B B-A O O",
         {3, 6, 4, 10, 7, 7}},
        {"I-B S-B O B-B S-B O S-B I-B O O I-B I-B I-A B-B S-B O B-B E-A B-B I-A I-B",
         "I-B S-B I-A B-B I-A O S-B B-A O I-A I-B I-B I-A O S-B S-B B-B E-A B-A I-A I-B",
         {2, 8, 3, 12, 7, 9}},
        {"I-B E-A O B-A S-B B-A I-A E-A I-B E-A E-A I-A O S-B S-B E-A B-B S-B E-A I-B O I-A I-B E-A I-A B-B B-B I-A "
         "E-A B-B O E-A O I-B",
         "I-B E-A B-B B-A S-B B-A I-A E-A O I-B O I-A O S-B E-A O B-A I-B E-A O I-A B-A I-B I-A I-A B-B E-A B-B E-A "
         "B-B I-A E-A O I-B",
         {6, 8, 13, 13, 13, 11}},
        {"B-A E-A B-B O E-A E-A I-A E-A I-A E-A I-B I-A E-A E-A B-A O B-B E-A B-A E-A O I-A O I-B I-A I-A S-B B-B I-B "
         "O B-A I-B I-A I-A",
         "B-B E-A B-B O E-A E-A I-A B-B B-A E-A B-A I-A S-B E-A B-A O O E-A E-A E-A I-B I-A O I-B I-A I-A B-B B-B I-B "
         "B-A I-A I-B E-A I-A",
         {8, 5, 14, 7, 16, 9}},
        {"S-B I-B E-A S-B B-B S-B S-B B-A I-A B-B B-A E-A E-A B-A O B-B O I-B B-B B-A I-A E-A B-A I-B O O S-B O E-A "
         "I-A B-A I-A E-A B-A",
         "S-B I-A B-A S-B S-B S-B S-B O I-A E-A B-A E-A E-A B-A E-A B-B S-B I-B B-A B-A I-A E-A B-A I-B O O S-B B-B "
         "E-A I-A B-B I-A E-A I-B",
         {7, 9, 11, 12, 12, 13}},
    };
    rr_labels labels = {.count = 0};
    rr_span_tags tags = {.any = false};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(rr_labels_add(&labels, names[i], strlen(names[i])), RR_OK);
    assert_int_equal(rr_span_tags_create(&labels, &tags), RR_OK);
    assert_true(tags.any);
    size_t types = tags.types.count;
    assert_int_equal(types, 3); /* A, B and O, of which there are no spans */
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        int32_t gold[MOST], said[MOST];
        double counts[9] = {0};
        size_t length = ids_of(&labels, cases[k].gold, gold);
        assert_int_equal(ids_of(&labels, cases[k].said, said), length);
        rr_spans_count(&tags, gold, said, length, counts);
        for (size_t part = 0; part < 3; part++)
            for (size_t type = 0; type < 2; type++)
                assert_true(counts[part * types + type] == cases[k].counts[part * 2 + type]);
        assert_true(counts[2] == 0 && counts[types + 2] == 0 && counts[2 * types + 2] == 0);
    }
    rr_span_tags_free(&tags);
    rr_labels_free(&labels);
}

/* Tags of no scheme, or without a type: seqeval gives them spans, too (not first in its list). Right, true, predicted.
 */
static void other_tags_are_those_of_seqeval(void **state) {
    (void)state;
    static const char *const odd[] = {"B", "I", "O", "B-A", "I-A", "_", "X", "NOUN", "A-", "L-A"};
    static const struct {
        const char *gold, *said;
        double counts[3];
    } cases[] = {
        {"B-A I-A I", "NOUN I-A I", {1, 2, 3}},
        {"X A- I-A B B-A", "X A- I B B", {1, 4, 3}},
        {"I-A I-A B-A O I-A I-A _", "I-A X B-A O I-A I-A A-", {2, 3, 4}},
        {"I-A B I-A L-A I-A A- B-A X X", "I-A B I-A L-A B A- B-A A- X", {3, 5, 5}},
        {"NOUN _ O B-A I X B-A NOUN I-A O _", "NOUN _ B-A I B-A X B-A I I-A O _", {3, 6, 9}},
        {"B _ I I-A _ B _ I-A _ O X L-A I", "B _ I I-A _ _ _ I-A _ O I-A L-A I", {4, 7, 6}},
        {"B-A X B-A I B B B O L-A O L-A B A- NOUN L-A", "B-A I I-A X B-A B B O L-A O L-A B-A A- NOUN L-A", {9, 12, 12}},
        {"B-A A- B-A B-A X I-A O _ B _ L-A I L-A X B NOUN X",
         "B-A A- O B-A _ A- O I-A B _ L-A I-A B-A X O I-A B",
         {4, 12, 8}},
    };
    rr_labels labels = {.count = 0};
    rr_span_tags tags = {.any = false};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        assert_int_equal(rr_labels_add(&labels, odd[i], strlen(odd[i])), RR_OK);
    assert_int_equal(rr_span_tags_create(&labels, &tags), RR_OK);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        int32_t gold[MOST], said[MOST];
        double counts[3 * MOST] = {0};
        size_t length = ids_of(&labels, cases[k].gold, gold);
        assert_int_equal(ids_of(&labels, cases[k].said, said), length);
        rr_spans_count(&tags, gold, said, length, counts);
        for (size_t part = 0; part < 3; part++) {
            double sum = 0;
            for (size_t type = 0; type < tags.types.count; type++) sum += counts[part * tags.types.count + type];
            assert_true(sum == cases[k].counts[part]);
        }
    }
    rr_span_tags_free(&tags);
    rr_labels_free(&labels);
}

static bool marked(const char *const *of, size_t count) {
    rr_labels labels = {.count = 0};
    rr_span_tags tags = {.any = false};
    for (size_t i = 0; i < count; i++) assert_int_equal(rr_labels_add(&labels, of[i], strlen(of[i])), RR_OK);
    assert_int_equal(rr_span_tags_create(&labels, &tags), RR_OK);
    bool any = tags.any;
    rr_span_tags_free(&tags);
    rr_labels_free(&labels);
    return any;
}

static void tags_of_spans_are_told_from_parts_of_speech(void **state) {
    (void)state;
    static const char *const speech[] = {"NOUN", "INTJ", "I-", "S-", "B", "X"}, *const bare[] = {"O", "B", "I"},
                             *const one[] = {"O"}, *const typed[] = {"NOUN", "I-A"};
    assert_false(marked(speech, sizeof speech / sizeof *speech));
    assert_false(marked(one, 1));
    assert_true(marked(bare, 3));
    assert_true(marked(typed, 2));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_are_those_of_seqeval),
        cmocka_unit_test(other_tags_are_those_of_seqeval),
        cmocka_unit_test(tags_of_spans_are_told_from_parts_of_speech),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
