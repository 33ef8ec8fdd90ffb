#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/durable.h"
#include "base/file.h"
#include "ckpt/failing_calls.h"
#include "ckpt/safetensors.h"
#include "support/scratch.h"

static const float *numbers(size_t count) {
    static float values[1 << 20];
    for (size_t i = 0; i < count; i++) values[i] = (float)(i % 1000);
    return values;
}

/* A checkpoint of count floats; count is also in its metadata. */
static rr_status write_floats(const char *path, size_t count) {
    char text[32];
    snprintf(text, sizeof text, "%zu", count);
    rr_meta_item meta = {"count", text};
    rr_tensor tensor = {.name = "x", .dtype = RR_F32, .dims = {count}, .dim_count = 1, .data = numbers(count)};
    return rr_safetensors_write(
        path, &(rr_tensor_set){.tensors = &tensor, .tensor_count = 1, .meta = &meta, .meta_count = 1});
}

static void assert_holds(const char *path, size_t count) {
    rr_safetensors *file = NULL;
    char text[32];
    snprintf(text, sizeof text, "%zu", count);
    if (rr_safetensors_read(path, &file) != RR_OK) fail_msg("%s", rr_last_error());
    assert_string_equal(rr_safetensors_meta(file, "count"), text);
    assert_memory_equal(rr_safetensors_find(file, "x")->data, numbers(count), count * sizeof(float));
    rr_safetensors_free(file);
}

static size_t entries_of(const char *folder) {
    size_t count = 0;
    DIR *entries = opendir(folder);
    assert_non_null(entries);
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;) count += entry->d_name[0] != '.';
    closedir(entries);
    return count;
}

static void short_and_interrupted_writes_are_gone_on_with(void **state) {
    const char *path = scratch_path(*state, "x.safetensors");
    write_limit = 7;
    rr_status status = write_floats(path, 1001);
    write_limit = 0;
    assert_int_equal(status, RR_OK);
    assert_true(write_calls > 600);
    assert_holds(path, 1001);
}

static void a_failing_fsync_leaves_the_old_file(void **state) {
    scratch *s = *state;
    const char *path = scratch_path(s, "x.safetensors");
    assert_int_equal(write_floats(path, 5), RR_OK);
    fsync_error = EIO;
    rr_status status = write_floats(path, 6);
    fsync_error = 0;
    assert_int_equal(status, RR_ERR_RUNTIME);
    assert_non_null(strstr(rr_last_error(), "x.safetensors: cannot be written (fsync): Input/output error"));
    assert_holds(path, 5);
    assert_int_equal(entries_of(s->folder), 1);
}

static void a_failing_fsync_of_the_folder_is_reported_but_not_where_it_means_nothing(void **state) {
    const char *path = scratch_path(*state, "x.safetensors");
    fsync_error = EIO;
    fsync_countdown = 1;
    assert_int_equal(write_floats(path, 5), RR_ERR_RUNTIME);
    fsync_error = EINVAL;
    fsync_countdown = 1;
    assert_int_equal(write_floats(path, 7), RR_OK);
    fsync_error = 0;
    assert_holds(path, 7);
}

static void a_missing_folder_is_named(void **state) {
    assert_int_equal(write_floats(scratch_path(*state, "no/x.safetensors"), 5), RR_ERR_RUNTIME);
    assert_non_null(strstr(rr_last_error(), "no/x.safetensors: cannot be made: No such file or directory"));
}

/* What a dead process with our pid left may be one file with a checkpoint, by a hard link: it must not be written into.
 */
static void a_leftover_that_is_a_link_is_not_written_into(void **state) {
    scratch *s = *state;
    const char *old = scratch_path(s, "old.safetensors"), *path = scratch_path(s, "x.safetensors");
    assert_int_equal(write_floats(old, 5), RR_OK);
    char *leftover = rr_temporary_name(path);
    assert_int_equal(link(old, leftover), 0);
    free(leftover);
    assert_int_equal(write_floats(path, 6), RR_OK);
    assert_holds(old, 5);
    assert_holds(path, 6);
    assert_int_equal(entries_of(s->folder), 2);
}

static void a_relative_path_works(void **state) {
    char *before = getcwd(NULL, 0);
    assert_int_equal(chdir(((scratch *)*state)->folder), 0);
    assert_int_equal(write_floats("x.safetensors", 5), RR_OK);
    assert_holds("x.safetensors", 5);
    assert_int_equal(chdir(before), 0);
    free(before);
}

/* In a child, since the limit stays: 0 if all is as it should be. */
static int write_beyond_the_limit(scratch *s, const char *path) {
    struct rlimit limit = {.rlim_cur = 4096, .rlim_max = 4096};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
    if (write_floats(path, 100000) != RR_ERR_RUNTIME) return 2;
    if (strstr(rr_last_error(), "x.safetensors: cannot be written: File too large") == NULL) return 3;
    if (entries_of(s->folder) != 1) return 4;
    sigset_t pending;
    if (sigpending(&pending) != 0 || sigismember(&pending, SIGXFSZ)) return 5;
    return 0;
}

static void the_limit_of_file_size_leaves_the_old_file_and_the_process(void **state) {
    scratch *s = *state;
    const char *path = scratch_path(s, "x.safetensors");
    assert_int_equal(write_floats(path, 5), RR_OK);
    pid_t child = fork();
    if (child == 0) _exit(write_beyond_the_limit(s, path));
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how));
    assert_int_equal(WEXITSTATUS(how), 0);
    assert_holds(path, 5);
}

static void a_full_disk_leaves_the_old_file(void **state) {
    scratch *s = *state;
    const char *folder = scratch_path(s, "small"), *path = scratch_path(s, "small/x.safetensors");
    assert_int_equal(mkdir(folder, 0700), 0);
    if (mount("tmpfs", folder, "tmpfs", 0, "size=256k") != 0) {
        print_message("no right to mount a small file system (%s): skipped\n", strerror(errno));
        skip();
    }
    rr_status first = write_floats(path, 1000), full = write_floats(path, 1000000);
    char message[512];
    snprintf(message, sizeof message, "%s", rr_last_error());
    rr_safetensors *file = NULL;
    rr_status readable = rr_safetensors_read(path, &file);
    size_t entries = entries_of(folder);
    rr_safetensors_free(file);
    rr_status after = write_floats(path, 2000); /* what the failure left is free again */
    umount2(folder, MNT_DETACH);
    assert_int_equal(first, RR_OK);
    assert_int_equal(full, RR_ERR_RUNTIME);
    assert_non_null(strstr(message, "small/x.safetensors: cannot be written: No space left on device"));
    assert_int_equal(readable, RR_OK);
    assert_int_equal(entries, 1);
    assert_int_equal(after, RR_OK);
}

static void temporary_names_are_known_again(void **state) {
    (void)state;
    char *name = rr_temporary_name("step-00000001.safetensors");
    assert_true(rr_is_temporary_name(name, ".safetensors"));
    free(name);
    assert_true(rr_is_temporary_name("last.safetensors.tmp.1", ".safetensors"));
    assert_false(rr_is_temporary_name("last.safetensors.tmp.", ".safetensors"));
    assert_false(rr_is_temporary_name("last.safetensors.tmp.1x", ".safetensors"));
    assert_false(rr_is_temporary_name("last.safetensors", ".safetensors"));
    assert_false(rr_is_temporary_name("notes.tmp.1", ".safetensors"));
    assert_false(rr_is_temporary_name(".safetensors.tmp.1", ".safetensors"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(short_and_interrupted_writes_are_gone_on_with, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(a_failing_fsync_leaves_the_old_file, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(a_failing_fsync_of_the_folder_is_reported_but_not_where_it_means_nothing,
                                        scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(a_missing_folder_is_named, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(a_leftover_that_is_a_link_is_not_written_into, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(a_relative_path_works, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(the_limit_of_file_size_leaves_the_old_file_and_the_process, scratch_open,
                                        scratch_close),
        cmocka_unit_test_setup_teardown(a_full_disk_leaves_the_old_file, scratch_open, scratch_close),
        cmocka_unit_test(temporary_names_are_known_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
