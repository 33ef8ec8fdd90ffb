#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "data/token_table.h"
#include "text.h"

enum { MANY = 200003 };

static void every_string_keeps_its_number_while_the_table_grows(void **state) {
    (void)state;
    rr_token_table table = {0};
    char word[32];
    int32_t index = -1;
    for (int i = 0; i < MANY; i++) {
        int length = snprintf(word, sizeof word, "w%x", (unsigned)i);
        assert_ok(rr_token_table_add(&table, word, (size_t)length, &index));
        if (index != i) fail_msg("%s got number %d", word, (int)index);
    }
    assert_int_equal(table.count, MANY);
    assert_true(table.slot_count * 2 >= table.count * 3);
    for (int i = 0; i < MANY; i++) {
        int length = snprintf(word, sizeof word, "w%x", (unsigned)i);
        size_t got_length;
        const char *got = rr_token_table_get(&table, i, &got_length);
        if (rr_token_table_find(&table, word, (size_t)length) != i || strcmp(got, word) != 0 ||
            got_length != (size_t)length)
            fail_msg("number %d is not %s", i, word);
        assert_ok(rr_token_table_add(&table, word, (size_t)length, &index)); /* again: nothing new */
        assert_int_equal(index, i);
    }
    assert_int_equal(table.count, MANY);
    assert_int_equal(rr_token_table_find(&table, BYTES("w")), -1);
    assert_int_equal(rr_token_table_find(&table, BYTES("wg")), -1);
    rr_token_table_free(&table);
    assert_int_equal(table.count, 0);
}

static void strings_differ_in_length_nuls_and_every_byte(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
    } strings[] = {{BYTES("\0")}, {BYTES("\0\0")}, {BYTES("a")},    {BYTES("a\0")},      {BYTES("a\0b")},
                   {BYTES("ab")}, {BYTES("ba")},   {BYTES("\xff")}, {BYTES("\xff\xff")}, {BYTES("")}};
    size_t count = sizeof strings / sizeof *strings;
    rr_token_table table = {0};
    int32_t index;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(rr_token_table_find(&table, strings[i].bytes, strings[i].length), -1);
        assert_ok(rr_token_table_add(&table, strings[i].bytes, strings[i].length, &index));
        assert_int_equal(index, i);
    }
    for (size_t i = 0; i < count; i++) {
        size_t length;
        const char *bytes = rr_token_table_get(&table, (int32_t)i, &length);
        assert_int_equal(length, strings[i].length);
        assert_memory_equal(bytes, strings[i].bytes, length + 1); /* with the NUL */
        assert_int_equal(rr_token_table_find(&table, strings[i].bytes, length), i);
    }
    rr_token_table_free(&table);
}

typedef struct string {
    const char *bytes;
    size_t length;
} string;

static uint64_t hash_of(const string *strings, size_t count) {
    rr_token_table table = {0};
    int32_t index;
    for (size_t i = 0; i < count; i++)
        assert_ok(rr_token_table_add(&table, strings[i].bytes, strings[i].length, &index));
    uint64_t hash = rr_token_table_hash(&table, 0);
    rr_token_table_free(&table);
    return hash;
}

static void the_hash_sees_order_and_borders(void **state) {
    (void)state;
    uint64_t hash = hash_of((string[]){{BYTES("ab")}, {BYTES("cd")}}, 2);
    assert_true(hash == hash_of((string[]){{BYTES("ab")}, {BYTES("cd")}, {BYTES("ab")}}, 3));
    assert_true(hash != hash_of((string[]){{BYTES("cd")}, {BYTES("ab")}}, 2));
    assert_true(hash != hash_of((string[]){{BYTES("abc")}, {BYTES("d")}}, 2));
    assert_true(hash != hash_of((string[]){{BYTES("ab")}}, 1));
    assert_true(hash != hash_of(NULL, 0));
    assert_true(hash_of((string[]){{BYTES("a\0b")}, {BYTES("c")}}, 2) !=
                hash_of((string[]){{BYTES("a")}, {BYTES("b\0c")}}, 2));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_string_keeps_its_number_while_the_table_grows),
        cmocka_unit_test(strings_differ_in_length_nuls_and_every_byte),
        cmocka_unit_test(the_hash_sees_order_and_borders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
