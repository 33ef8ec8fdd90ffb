#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>

#include "base/file.h"
#include "config/config.h"
#include "log/log.h"
#include "support/scratch.h"

/* Lets standard output go to a file while f runs. */
static void with_output_to(const char *path, void (*f)(scratch *), scratch *s) {
    fflush(stdout);
    int screen = dup(STDOUT_FILENO), file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    assert_true(screen >= 0 && file >= 0);
    dup2(file, STDOUT_FILENO);
    close(file);
    f(s);
    fflush(stdout);
    dup2(screen, STDOUT_FILENO);
    close(screen);
}

static size_t count_files(scratch *s, const char *prefix) {
    size_t count = 0;
    DIR *folder = opendir(s->folder);
    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
    closedir(folder);
    return count;
}

static void tell(rr_logger *log) {
    const rr_scalar loss = {"loss", 2};
    rr_log_message(log, "hello %d", 42);
    rr_log_warning(log, "%s", "beware");
    rr_event event = {.kind = RR_EVENT_METRICS, .step = 1, .split = "valid", .scalars = &loss, .scalar_count = 1};
    assert_int_equal(rr_log_write(log, &event), RR_OK);
    assert_int_equal(rr_log_flush(log), RR_OK);
}

static void tell_everywhere(scratch *s) {
    rr_logger *log;
    const rr_log_config config = {.every_steps = 1, .tensorboard = true};
    assert_int_equal(rr_log_open(s->folder, &config, 0, &log), RR_OK);
    tell(log);
    rr_log_close(log);
}

static void tell_on_the_console(scratch *s) {
    (void)s;
    rr_logger *log;
    const rr_log_config config = {.every_steps = 1, .tensorboard = true};
    assert_int_equal(rr_log_open(NULL, &config, 0, &log), RR_OK);
    tell(log);
    rr_log_close(log);
}

static const char *const told = "hello 42\nwarning: beware\nvalid  step 1  epoch 0  loss 2.0000\n";

static void an_event_goes_to_every_sink(void **state) {
    scratch *s = *state;
    rr_buffer text = {0};
    with_output_to(scratch_path(s, "out"), tell_everywhere, s);
    assert_int_equal(rr_file_read(scratch_path(s, "out"), &text), RR_OK);
    assert_string_equal(rr_buffer_text(&text), told);
    assert_int_equal(rr_file_read(scratch_path(s, "metrics.jsonl"), &text), RR_OK);
    assert_string_equal(rr_buffer_text(&text), "{\"step\": 1, \"epoch\": 0, \"split\": \"valid\", \"loss\": 2}\n");
    assert_int_equal(count_files(s, "events.out.tfevents."), 1);
    rr_buffer_free(&text);
}

static void without_a_folder_only_the_console_is_told(void **state) {
    scratch *s = *state;
    rr_buffer text = {0};
    with_output_to(scratch_path(s, "out"), tell_on_the_console, s);
    assert_int_equal(rr_file_read(scratch_path(s, "out"), &text), RR_OK);
    assert_string_equal(rr_buffer_text(&text), told);
    assert_int_equal(count_files(s, "events"), 0);
    assert_false(scratch_has(s, "metrics.jsonl"));
    rr_buffer_free(&text);
}

static void a_rank_without_a_log_says_nothing(void **state) {
    (void)state;
    rr_log_message(NULL, "x");
    rr_log_warning(NULL, "x");
    assert_int_equal(rr_log_write(NULL, &(rr_event){.kind = RR_EVENT_MESSAGE, .text = "x"}), RR_OK);
    assert_int_equal(rr_log_flush(NULL), RR_OK);
    rr_log_close(NULL);
}

static void tensorboard_can_be_left_out(void **state) {
    scratch *s = *state;
    rr_logger *log;
    const rr_log_config config = {.every_steps = 1, .tensorboard = false};
    assert_int_equal(rr_log_open(s->folder, &config, 0, &log), RR_OK);
    rr_log_close(log);
    assert_true(scratch_has(s, "metrics.jsonl"));
    assert_int_equal(count_files(s, "events"), 0);
}

static void a_sink_that_cannot_open_is_an_error(void **state) {
    (void)state;
    rr_logger *log = NULL;
    const rr_log_config config = {.every_steps = 1, .tensorboard = true};
    assert_int_equal(rr_log_open("/no/such/folder", &config, 0, &log), RR_ERR_RUNTIME);
    assert_null(log);
}

static void the_section_has_its_defaults(void **state) {
    (void)state;
    rr_config *file;
    rr_log_config config;
    assert_int_equal(rr_config_parse("t.yaml", "log: {}", 7, NULL, 0, &file), RR_OK);
    assert_int_equal(rr_config_bind(file, &rr_log_section, &config), RR_OK);
    assert_int_equal(config.every_steps, 20);
    assert_true(config.tensorboard);
    assert_int_equal(config.histogram_every_steps, 500);
    rr_config_free(file);
    assert_int_equal(rr_config_parse("t.yaml", "log: {every_steps: 0}", 21, NULL, 0, &file), RR_OK);
    assert_int_equal(rr_config_bind(file, &rr_log_section, &config), RR_ERR_INPUT);
    assert_non_null(strstr(rr_last_error(), "log.every_steps"));
    rr_config_free(file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_event_goes_to_every_sink, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(without_a_folder_only_the_console_is_told, scratch_open, scratch_close),
        cmocka_unit_test(a_rank_without_a_log_says_nothing),
        cmocka_unit_test_setup_teardown(tensorboard_can_be_left_out, scratch_open, scratch_close),
        cmocka_unit_test(a_sink_that_cannot_open_is_an_error),
        cmocka_unit_test(the_section_has_its_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
