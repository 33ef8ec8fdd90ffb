#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "log/markdown.h"

#define BAD "\xEF\xBF\xBD"

static void check(const char *text, const char *expected) {
    rr_buffer out = {0};
    rr_markdown_code(text, &out);
    assert_string_equal(rr_buffer_text(&out), expected);
    rr_buffer_free(&out);
}

static void every_line_is_indented(void **state) {
    (void)state;
    check("", "");
    check("a", "    a");
    check("a\n", "    a\n");
    check("a: {b: 1}\n\n  c\nd", "    a: {b: 1}\n    \n      c\n    d");
}

static void well_formed_characters_stay(void **state) {
    (void)state;
    check("\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF",
          "    \x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF");
}

static void what_is_no_utf8_is_replaced(void **state) {
    (void)state;
    check("a\x80z", "    a" BAD "z");
    check("\xC1\xBF", "    " BAD BAD);                 /* overlong */
    check("\xE0\x9F\xBF", "    " BAD BAD BAD);         /* overlong */
    check("\xED\xA0\x80", "    " BAD BAD BAD);         /* surrogate */
    check("\xF4\x90\x80\x80", "    " BAD BAD BAD BAD); /* beyond U+10FFFF */
    check("\xF5z", "    " BAD "z");
    check("\xE2\x82", "    " BAD BAD); /* cut off at the end */
    check("\xF0\x9F\x98", "    " BAD BAD BAD);
    check("\xC3\nx", "    " BAD "\n    x");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_is_indented),
        cmocka_unit_test(well_formed_characters_stay),
        cmocka_unit_test(what_is_no_utf8_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
