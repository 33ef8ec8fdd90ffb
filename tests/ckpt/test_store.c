#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/rng.h"
#include "ckpt/failing_calls.h"
#include "ckpt/step_files.h"
#include "ckpt/store.h"
#include "support/scratch.h"

enum { COUNT = 65536 }; /* floats of a test checkpoint */

static rr_store *open_store(scratch *s, size_t keep) {
    rr_store *store = NULL;
    rr_ckpt_config config = {.every_steps = 1, .keep = keep};
    if (rr_store_open(s->folder, &config, &store) != RR_OK) fail_msg("%s", rr_last_error());
    return store;
}

/* Every value of the tensor is the step. What it was made of is gone when this returns. */
static rr_status save(rr_store *store, uint64_t step, bool is_best) {
    float *values = malloc(COUNT * sizeof *values);
    char *text = malloc(32), *key = strdup("step"), *name = strdup("x");
    for (size_t i = 0; i < COUNT; i++) values[i] = (float)step;
    snprintf(text, 32, "%llu", (unsigned long long)step);
    rr_meta_item meta = {key, text};
    rr_tensor tensor = {.name = name, .dtype = RR_F32, .dims = {COUNT}, .dim_count = 1, .data = values};
    rr_tensor_set set = {.tensors = &tensor, .tensor_count = 1, .meta = &meta, .meta_count = 1};
    rr_status status = rr_store_save(store, step, is_best, &set);
    for (size_t i = 0; i < COUNT; i++) values[i] = -1;
    memset(text, '-', 31);
    key[0] = name[0] = '-';
    free(values);
    free(text);
    free(key);
    free(name);
    return status;
}

static void save_steps(rr_store *store, uint64_t first, uint64_t last, uint64_t best) {
    for (uint64_t step = first; step <= last; step++)
        if (save(store, step, step == best) != RR_OK || rr_store_flush(store) != RR_OK) fail_msg("%s", rr_last_error());
}

/* The step that a checkpoint file says it is of, checked against its tensor. */
static uint64_t step_of(const rr_safetensors *file) {
    uint64_t step = strtoull(rr_safetensors_meta(file, "step"), NULL, 10);
    const float *values = rr_safetensors_find(file, "x")->data;
    for (size_t i = 0; i < COUNT; i++)
        if (values[i] != (float)step)
            fail_msg("value %zu of step %llu is %g", i, (unsigned long long)step, (double)values[i]);
    return step;
}

static uint64_t step_in(scratch *s, const char *name) {
    rr_safetensors *file = NULL;
    if (rr_safetensors_read(scratch_path(s, name), &file) != RR_OK) fail_msg("%s", rr_last_error());
    uint64_t step = step_of(file);
    rr_safetensors_free(file);
    return step;
}

/* The step that the run would go on from; UINT64_MAX: no checkpoint. */
static uint64_t newest(scratch *s, rr_buffer *warnings) {
    rr_safetensors *file = NULL;
    rr_buffer path = {0};
    if (rr_store_newest(s->folder, &file, &path, warnings) != RR_OK) fail_msg("%s", rr_last_error());
    uint64_t step = file != NULL ? step_of(file) : UINT64_MAX;
    if (file != NULL) assert_true(rr_file_exists(rr_buffer_text(&path)));
    rr_safetensors_free(file);
    rr_buffer_free(&path);
    return step;
}

static void damage(scratch *s, const char *name) {
    int fd = open(scratch_path(s, name), O_RDWR);
    char byte;
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, 100000), 1);
    byte ^= 4;
    assert_int_equal(pwrite(fd, &byte, 1, 100000), 1);
    close(fd);
}

static void the_newest_stay_and_best_and_last_name_theirs(void **state) {
    scratch *s = *state;
    rr_store *store = open_store(s, 2);
    save_steps(store, 1, 6, 3);
    assert_int_equal(rr_store_close(store), RR_OK);
    static const int there[] = {0, 0, 1, 0, 1, 1}; /* 3 is what best names */
    for (unsigned step = 1; step <= 6; step++) {
        char name[64];
        snprintf(name, sizeof name, "checkpoints/step-%08u.safetensors", step);
        if (scratch_has(s, name) != there[step - 1]) fail_msg("%s is %sthere", name, there[step - 1] ? "not " : "");
    }
    assert_int_equal(step_in(s, "last.safetensors"), 6);
    assert_int_equal(step_in(s, "best.safetensors"), 3);
    struct stat a, b;
    assert_int_equal(stat(scratch_path(s, "last.safetensors"), &a), 0);
    assert_int_equal(stat(scratch_path(s, "checkpoints/step-00000006.safetensors"), &b), 0);
    assert_true(a.st_ino == b.st_ino);
}

static void a_best_that_is_no_more_best_is_pruned(void **state) {
    scratch *s = *state;
    rr_store *store = open_store(s, 1);
    save_steps(store, 1, 2, 1);
    assert_true(scratch_has(s, "checkpoints/step-00000001.safetensors"));
    save_steps(store, 3, 3, 3);
    assert_false(scratch_has(s, "checkpoints/step-00000001.safetensors"));
    assert_false(scratch_has(s, "checkpoints/step-00000002.safetensors"));
    assert_int_equal(rr_store_close(store), RR_OK);
}

static void a_step_can_be_saved_again(void **state) {
    scratch *s = *state;
    rr_store *store = open_store(s, 3);
    save_steps(store, 4, 4, 4);
    save_steps(store, 4, 4, 0);
    save_steps(store, 4, 4, 4);
    assert_int_equal(rr_store_close(store), RR_OK);
    assert_int_equal(step_in(s, "best.safetensors"), 4);
    assert_int_equal(step_in(s, "last.safetensors"), 4);
    assert_int_equal(newest(s, &(rr_buffer){0}), 4);
}

static void without_hard_links_there_are_copies(void **state) {
    scratch *s = *state;
    rr_store *store = open_store(s, 1);
    link_error = EPERM;
    save_steps(store, 1, 3, 2);
    link_error = 0;
    assert_int_equal(rr_store_close(store), RR_OK);
    assert_int_equal(step_in(s, "last.safetensors"), 3);
    assert_int_equal(step_in(s, "best.safetensors"), 2);
    assert_true(scratch_has(s, "checkpoints/step-00000002.safetensors")); /* known to be best's by its checksum */
    assert_false(scratch_has(s, "checkpoints/step-00000001.safetensors"));
    struct stat info;
    assert_int_equal(stat(scratch_path(s, "last.safetensors"), &info), 0);
    assert_int_equal(info.st_nlink, 1);
}

static void large_steps_have_more_digits_and_are_newer(void **state) {
    scratch *s = *state;
    rr_store *store = open_store(s, 3);
    save_steps(store, 99999999, 100000001, 0);
    assert_int_equal(rr_store_close(store), RR_OK);
    assert_true(scratch_has(s, "checkpoints/step-100000001.safetensors"));
    rr_buffer warnings = {0};
    rr_safetensors *file = NULL;
    rr_buffer path = {0};
    assert_int_equal(rr_store_newest(s->folder, &file, &path, &warnings), RR_OK);
    assert_string_equal(rr_safetensors_meta(file, "step"), "100000001");
    rr_safetensors_free(file);
    rr_buffer_free(&path);
}

static void only_names_that_we_give_are_steps(void **state) {
    (void)state;
    uint64_t step = 77;
    assert_true(rr_step_parse("step-00001234.safetensors", &step) && step == 1234);
    assert_true(rr_step_parse("step-18446744073709551615.safetensors", &step) && step == UINT64_MAX);
    static const char *const others[] = {"step-1234.safetensors",
                                         "step-000001234.safetensors",
                                         "step-00001234.safetensors.tmp.7",
                                         "step-00001234.safetensors.superseded",
                                         "step-18446744073709551616.safetensors",
                                         "step-99999999999999999999999999.safetensors",
                                         "step--0000001.safetensors",
                                         "step-.safetensors",
                                         "step-00001234",
                                         "last.safetensors",
                                         ""};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) assert_false(rr_step_parse(others[i], &step));
}

static void a_damaged_checkpoint_is_reported_and_the_one_before_is_used(void **state) {
    scratch *s = *state;
    rr_store *store = open_store(s, 3);
    save_steps(store, 1, 3, 0);
    assert_int_equal(rr_store_close(store), RR_OK);
    damage(s, "checkpoints/step-00000003.safetensors"); /* and last with it: one file, two names */
    rr_buffer warnings = {0};
    assert_int_equal(newest(s, &warnings), 2);
    assert_non_null(strstr(rr_buffer_text(&warnings), "step-00000003.safetensors: is damaged"));
    assert_non_null(strstr(rr_buffer_text(&warnings), "step-00000002.safetensors is used instead\n"));
    rr_buffer_clear(&warnings);
    assert_int_equal(truncate(scratch_path(s, "checkpoints/step-00000002.safetensors"), 5000), 0);
    assert_int_equal(newest(s, &warnings), 1);
    rr_buffer_free(&warnings);
    damage(s, "checkpoints/step-00000001.safetensors");
    rr_safetensors *file = NULL;
    rr_buffer path = {0};
    assert_int_equal(rr_store_newest(s->folder, &file, &path, &warnings), RR_ERR_INPUT);
    assert_null(file);
    rr_buffer_free(&warnings);
    rr_buffer_free(&path);
}

static void no_checkpoint_is_no_error(void **state) {
    scratch *s = *state;
    rr_buffer warnings = {0};
    assert_int_equal(newest(s, &warnings), UINT64_MAX);
    assert_int_equal(rr_store_close(open_store(s, 3)), RR_OK);
    assert_int_equal(newest(s, &warnings), UINT64_MAX);
    assert_int_equal(warnings.length, 0);
}

static void a_copy_at_last_is_better_than_nothing(void **state) {
    scratch *s = *state;
    rr_store *store = open_store(s, 3);
    link_error = ENOTSUP;
    save_steps(store, 1, 1, 0);
    link_error = 0;
    assert_int_equal(rr_store_close(store), RR_OK);
    damage(s, "checkpoints/step-00000001.safetensors");
    rr_buffer warnings = {0};
    assert_int_equal(newest(s, &warnings), 1);
    assert_non_null(strstr(rr_buffer_text(&warnings), "last.safetensors is used instead"));
    rr_buffer_free(&warnings);
}

static void files_of_later_steps_are_set_aside(void **state) {
    scratch *s = *state;
    rr_store *store = open_store(s, 2);
    save_steps(store, 5, 6, 0);
    assert_int_equal(rr_store_close(store), RR_OK);
    store = open_store(s, 2); /* gone back, to before step 3 */
    save_steps(store, 3, 3, 0);
    assert_int_equal(rr_store_close(store), RR_OK);
    assert_int_equal(newest(s, &(rr_buffer){0}), 3);
    assert_true(scratch_has(s, "checkpoints/step-00000006.safetensors.superseded"));
    assert_true(scratch_has(s, "checkpoints/step-00000005.safetensors.superseded"));
}

static void leftovers_are_removed_and_nothing_else(void **state) {
    scratch *s = *state;
    assert_int_equal(rr_store_close(open_store(s, 3)), RR_OK);
    static const char *const files[] = {"last.safetensors.tmp.12", "checkpoints/step-00000007.safetensors.tmp.12",
                                        "checkpoints/mine.txt", "checkpoints/step-7.tmp.12", "lock"};
    for (size_t i = 0; i < 5; i++) assert_int_equal(rr_file_write(scratch_path(s, files[i]), "x", 1), RR_OK);
    assert_int_equal(rr_store_close(open_store(s, 3)), RR_OK);
    for (size_t i = 0; i < 5; i++) assert_int_equal(scratch_has(s, files[i]), i >= 2);
}

static void a_failed_save_is_told_once_and_the_next_one_is_made(void **state) {
    scratch *s = *state;
    rr_store *store = open_store(s, 3);
    save_steps(store, 1, 1, 0);
    fsync_error = EIO;
    assert_int_equal(save(store, 2, false), RR_OK);
    assert_int_equal(rr_store_flush(store), RR_ERR_RUNTIME);
    assert_non_null(
        strstr(rr_last_error(), "step-00000002.safetensors: cannot be written (fsync): Input/output error"));
    assert_int_equal(rr_store_flush(store), RR_OK);

    assert_false(scratch_has(s, "checkpoints/step-00000002.safetensors"));
    assert_int_equal(save(store, 4, false), RR_OK); /* fails in the background */
    rr_status told = save(store, 5, false);         /* waits for it, so it may fail as well: the disk is still bad */
    assert_int_equal(told, RR_ERR_RUNTIME);
    assert_non_null(strstr(rr_last_error(), "step-00000004"));
    assert_int_equal(rr_store_flush(store), RR_ERR_RUNTIME);
    assert_non_null(strstr(rr_last_error(), "step-00000005"));
    fsync_error = 0;
    assert_int_equal(save(store, 5, false), RR_OK);
    assert_int_equal(rr_store_flush(store), RR_OK);
    assert_int_equal(step_in(s, "last.safetensors"), 5);

    fsync_error = EIO;
    assert_int_equal(save(store, 6, false), RR_OK);
    assert_int_equal(rr_store_close(store), RR_ERR_RUNTIME);
    fsync_error = 0;
    assert_int_equal(newest(s, &(rr_buffer){0}), 5);
}

static void sets_may_grow_and_shrink_from_save_to_save(void **state) {
    scratch *s = *state;
    rr_store *store = open_store(s, 3);
    static const size_t sizes[] = {0, 1, 100000, 3, 200000, 7};
    static float values[200000];
    for (size_t i = 0; i < 6; i++) {
        rr_tensor tensor = {.name = "x", .dtype = RR_F32, .dims = {sizes[i]}, .dim_count = 1, .data = values};
        for (size_t k = 0; k < sizes[i]; k++) values[k] = (float)i;
        assert_int_equal(rr_store_save(store, i, false, &(rr_tensor_set){.tensors = &tensor, .tensor_count = 1}),
                         RR_OK);
        assert_int_equal(rr_store_flush(store), RR_OK);
        rr_safetensors *file = NULL;
        assert_int_equal(rr_safetensors_read(scratch_path(s, "last.safetensors"), &file), RR_OK);
        assert_int_equal(rr_tensor_elements(rr_safetensors_find(file, "x")), sizes[i]);
        assert_memory_equal(rr_safetensors_find(file, "x")->data, values, sizes[i] * sizeof(float));
        rr_safetensors_free(file);
    }
    assert_int_equal(rr_store_close(store), RR_OK);
}

/* Saves step after step; tells the parent every step that is said to be on disk. */
static void save_until_killed(scratch *s, uint64_t step, int report) {
    rr_store *store = NULL;
    rr_ckpt_config config = {.keep = 2};
    if (rr_store_open(s->folder, &config, &store) != RR_OK) _exit(1);
    write_limit = 1000; /* so that many a kill meets a file half written */
    for (;; step++) {
        if (save(store, step, step % 3 == 0) != RR_OK) {
            fprintf(stderr, "step %llu: %s\n", (unsigned long long)step, rr_last_error());
            _exit(1);
        }
        if (step % 2 == 0 && rr_store_flush(store) == RR_OK && __real_write(report, &step, sizeof step) != sizeof step)
            _exit(1);
    }
}

static void killed_at_any_moment_the_newest_is_whole(void **state) {
    scratch *s = *state;
    uint64_t before = 0;
    for (uint32_t round = 0; round < 100; round++) {
        int report[2];
        assert_int_equal(pipe(report), 0);
        pid_t child = fork();
        if (child == 0) save_until_killed(s, before + 1, report[1]);
        close(report[1]);
        uint32_t counter[4] = {round}, random[4];
        rr_philox(1, RR_RNG_TEST, counter, random);
        struct timespec moment = {.tv_nsec = (long)(random[0] % 30000000)};
        nanosleep(&moment, NULL);
        int how;
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &how, 0), child);
        assert_true(WIFSIGNALED(how)); /* it ended by the kill, not by a failed save */
        uint64_t told = before, step;
        while (read(report[0], &step, sizeof step) == sizeof step) told = step;
        close(report[0]);
        rr_buffer warnings = {0};
        uint64_t found = newest(s, &warnings);
        if (found == UINT64_MAX) found = 0; /* killed before the first */
        if (found < told)
            fail_msg("step %llu was on disk, %llu is found", (unsigned long long)told, (unsigned long long)found);
        assert_int_equal(warnings.length, 0);
        if (scratch_has(s, "last.safetensors"))
            assert_true(step_in(s, "last.safetensors") <= found); /* named after it */
        if (scratch_has(s, "best.safetensors")) assert_int_equal(step_in(s, "best.safetensors") % 3, 0);
        before = found;
    }
    assert_true(before > 0);
    print_message("%llu checkpoints were saved on the way\n", (unsigned long long)before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_newest_stay_and_best_and_last_name_theirs, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(a_best_that_is_no_more_best_is_pruned, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(a_step_can_be_saved_again, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(without_hard_links_there_are_copies, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(large_steps_have_more_digits_and_are_newer, scratch_open, scratch_close),
        cmocka_unit_test(only_names_that_we_give_are_steps),
        cmocka_unit_test_setup_teardown(a_damaged_checkpoint_is_reported_and_the_one_before_is_used, scratch_open,
                                        scratch_close),
        cmocka_unit_test_setup_teardown(no_checkpoint_is_no_error, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(a_copy_at_last_is_better_than_nothing, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(files_of_later_steps_are_set_aside, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(leftovers_are_removed_and_nothing_else, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(a_failed_save_is_told_once_and_the_next_one_is_made, scratch_open,
                                        scratch_close),
        cmocka_unit_test_setup_teardown(sets_may_grow_and_shrink_from_save_to_save, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(killed_at_any_moment_the_newest_is_whole, scratch_open, scratch_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
