#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "support/scratch.h"

static void what_is_written_is_read_whole(void **state) {
    static const size_t lengths[] = {0, 1, 1048575, 1048576, 1048577, 3000001}; /* around the block of a read */
    const char *path = scratch_path(*state, "file");
    char *data = malloc(3000001);
    for (size_t i = 0; i < 3000001; i++) data[i] = (char)(i * 7 + i / 251);
    rr_buffer back = {0};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        assert_int_equal(rr_file_write(path, data, lengths[i]), RR_OK);
        assert_int_equal(rr_file_read(path, &back), RR_OK); /* replaces what the buffer held */
        assert_int_equal(back.length, lengths[i]);
        if (lengths[i] > 0) assert_memory_equal(back.data, data, lengths[i]);
    }
    rr_buffer_free(&back);
    free(data);
}

static void errors_name_the_path_and_what_the_system_said(void **state) {
    scratch *s = *state;
    rr_buffer out = {0};
    assert_int_equal(rr_file_read(scratch_path(s, "absent"), &out), RR_ERR_INPUT);
    assert_non_null(strstr(rr_last_error(), "/absent: No such file or directory"));
    assert_int_equal(rr_file_read(s->folder, &out), RR_ERR_INPUT);
    assert_non_null(strstr(rr_last_error(), "is a folder"));
    assert_int_equal(rr_file_write(scratch_path(s, "absent/file"), "x", 1), RR_ERR_RUNTIME);
    assert_non_null(strstr(rr_last_error(), "absent/file"));
    assert_int_equal(rr_file_write(s->folder, "x", 1), RR_ERR_RUNTIME);
    rr_buffer_free(&out);
}

static void a_failed_write_leaves_nothing_behind(void **state) {
    scratch *s = *state;
    char leftover[64];
    assert_int_equal(mkdir(scratch_path(s, "taken"), 0700), 0);
    assert_int_equal(rr_file_write(scratch_path(s, "taken"), "x", 1), RR_ERR_RUNTIME); /* the rename fails */
    snprintf(leftover, sizeof leftover, "taken.tmp.%ld", (long)getpid());
    assert_false(scratch_has(s, leftover));
}

static void folders_are_made_with_their_parents(void **state) {
    scratch *s = *state;
    assert_int_equal(rr_folder_make(scratch_path(s, "a/b//c/")), RR_OK);
    assert_true(rr_file_exists(scratch_path(s, "a/b/c")));
    assert_int_equal(rr_folder_make(scratch_path(s, "a/b/c")), RR_OK);
    assert_true(rr_folder_exists(scratch_path(s, "a/b/c")));
    assert_false(rr_folder_exists(scratch_path(s, "a/b/d")));
    assert_int_equal(rr_folder_make("/"), RR_OK);
    assert_int_equal(rr_file_write(scratch_path(s, "file"), "x", 1), RR_OK);
    assert_false(rr_folder_exists(scratch_path(s, "file")));
    assert_int_equal(rr_folder_make(scratch_path(s, "file")), RR_ERR_RUNTIME);
    assert_int_equal(rr_folder_make(""), RR_ERR_RUNTIME);
    assert_int_equal(rr_folder_make(scratch_path(s, "file/below")), RR_ERR_RUNTIME);
    assert_non_null(strstr(rr_last_error(), "file: folder cannot be made: there is a file of that name"));
}

static void a_relative_path_works(void **state) {
    char *before = getcwd(NULL, 0);
    rr_buffer out = {0};
    assert_int_equal(chdir(((scratch *)*state)->folder), 0);
    assert_int_equal(rr_folder_make("x/y"), RR_OK);
    assert_int_equal(rr_file_write("file", "text", 4), RR_OK);
    assert_int_equal(rr_file_read("file", &out), RR_OK);
    assert_string_equal(rr_buffer_text(&out), "text");
    assert_true(rr_file_exists("x/y"));
    assert_false(rr_file_exists("x/z"));
    assert_int_equal(chdir(before), 0);
    free(before);
    rr_buffer_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_is_read_whole, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(errors_name_the_path_and_what_the_system_said, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(a_failed_write_leaves_nothing_behind, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(folders_are_made_with_their_parents, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(a_relative_path_works, scratch_open, scratch_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
