#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"

/* The address sanitizer would end the program where malloc says no. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "allocator_may_return_null=1"; }

static void an_empty_buffer_is_an_empty_text(void **state) {
    (void)state;
    rr_buffer buffer = {0};
    assert_string_equal(rr_buffer_text(&buffer), "");
    rr_buffer_clear(&buffer);
    rr_buffer_append(&buffer, NULL, 0);
    assert_string_equal(rr_buffer_text(&buffer), "");
    assert_int_equal(buffer.length, 0);
    rr_buffer_free(&buffer);
    assert_null(buffer.data);
}

static void a_text_stands_behind_every_append_whatever_its_length(void **state) {
    (void)state;
    rr_buffer buffer = {0};
    char want[3000] = "";
    for (size_t length = 0; length < 70; length++) {
        char piece[80];
        memset(piece, 'a' + (int)(length % 26), length);
        piece[length] = 0;
        strcat(want, piece);
        if (length % 3 == 0) rr_buffer_append(&buffer, piece, length);
        if (length % 3 == 1) rr_buffer_puts(&buffer, piece);
        if (length % 3 == 2) rr_buffer_printf(&buffer, "%s", piece);
        assert_int_equal(buffer.length, strlen(want));
        assert_true(buffer.capacity > buffer.length);
        assert_int_equal(buffer.data[buffer.length], 0);
        assert_string_equal(rr_buffer_text(&buffer), want);
    }
    rr_buffer_clear(&buffer);
    assert_string_equal(rr_buffer_text(&buffer), "");
    rr_buffer_printf(&buffer, "%d-%s", 12, "x");
    assert_string_equal(rr_buffer_text(&buffer), "12-x");
    rr_buffer_free(&buffer);
}

static void zero_bytes_are_bytes(void **state) {
    (void)state;
    rr_buffer buffer = {0};
    rr_buffer_append(&buffer, "a\0b", 3);
    rr_buffer_append(&buffer, "\0", 1);
    assert_int_equal(buffer.length, 4);
    assert_memory_equal(buffer.data, "a\0b\0", 5);
    rr_buffer_free(&buffer);
}

static void a_buffer_without_memory_has_failed_and_keeps_what_it_had(void **state) {
    (void)state;
    rr_buffer buffer = {0};
    rr_buffer_puts(&buffer, "kept");
    rr_buffer_append(&buffer, "", SIZE_MAX / 2); /* more than there can be; nothing is read */
    assert_true(buffer.failed);
    rr_buffer_puts(&buffer, "ignored");
    assert_string_equal(rr_buffer_text(&buffer), "kept");
    rr_buffer_free(&buffer);
    assert_false(buffer.failed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_buffer_is_an_empty_text),
        cmocka_unit_test(a_text_stands_behind_every_append_whatever_its_length),
        cmocka_unit_test(zero_bytes_are_bytes),
        cmocka_unit_test(a_buffer_without_memory_has_failed_and_keeps_what_it_had),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
