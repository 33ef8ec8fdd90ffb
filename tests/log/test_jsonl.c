#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cjson/cJSON.h>
#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/file.h"
#include "log/log.h"
#include "support/scratch.h"

static const rr_log_config config = {.every_steps = 1};

static void *open_sink(scratch *s, uint64_t resume_step) {
    void *sink = NULL;
    if (rr_sink_jsonl.open(s->folder, &config, resume_step, &sink) != RR_OK) fail_msg("%s", rr_last_error());
    assert_non_null(sink);
    return sink;
}

static void put(void *sink, uint64_t step, const char *split, double loss) {
    const rr_scalar scalars[] = {{"loss", loss}, {"lr", 0.1}};
    const rr_event event = {.kind = RR_EVENT_METRICS,
                            .step = step,
                            .epoch = step / 10,
                            .split = split,
                            .scalars = scalars,
                            .scalar_count = 2};
    assert_int_equal(rr_sink_jsonl.write(sink, &event), RR_OK);
}

static void expect_file(scratch *s, const char *expected) {
    rr_buffer text = {0};
    assert_int_equal(rr_file_read(scratch_path(s, "metrics.jsonl"), &text), RR_OK);
    assert_string_equal(rr_buffer_text(&text), expected);
    rr_buffer_free(&text);
}

static void set_file(scratch *s, const char *text) {
    assert_int_equal(rr_file_write(scratch_path(s, "metrics.jsonl"), text, strlen(text)), RR_OK);
}

/* Nothing but metrics.jsonl may be left in the folder. */
static void expect_no_other_file(scratch *s) {
    DIR *folder = opendir(s->folder);
    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        assert_true(entry->d_name[0] == '.' || strcmp(entry->d_name, "metrics.jsonl") == 0);
    closedir(folder);
}

static void metrics_come_back_from_a_json_reader(void **state) {
    scratch *s = *state;
    void *sink = open_sink(s, 0);
    const rr_scalar scalars[] = {{"loss", 4.8123456789}, {"tiny", -1.5e-300}, {"whole", 24000},    {"third", 1.0 / 3},
                                 {"nan", NAN},           {"inf", INFINITY},   {"minf", -INFINITY}, {"a\"b\\c\n", 1e21}};
    const rr_event event = {.kind = RR_EVENT_METRICS,
                            .step = 1234567890123,
                            .epoch = 7,
                            .split = "train",
                            .scalars = scalars,
                            .scalar_count = 8};
    assert_int_equal(rr_sink_jsonl.write(sink, &event), RR_OK);
    rr_sink_jsonl.close(sink);
    rr_buffer text = {0};
    assert_int_equal(rr_file_read(scratch_path(s, "metrics.jsonl"), &text), RR_OK);
    assert_int_equal(text.data[text.length - 1], '\n');
    assert_ptr_equal(strchr(text.data, '\n'), text.data + text.length - 1);
    assert_non_null(strstr(text.data, "\"whole\": 24000,"));
    assert_non_null(strstr(text.data, "\"third\": 0.333333333,"));
    cJSON *line = cJSON_Parse(text.data);
    assert_non_null(line);
    assert_true(cJSON_GetObjectItemCaseSensitive(line, "step")->valuedouble == 1234567890123.0);
    assert_true(cJSON_GetObjectItemCaseSensitive(line, "epoch")->valuedouble == 7);
    assert_string_equal(cJSON_GetObjectItemCaseSensitive(line, "split")->valuestring, "train");
    for (size_t i = 0; i < 8; i++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(line, scalars[i].name);
        assert_non_null(item);
        double value = scalars[i].value;
        if (isfinite(value))
            assert_true(fabs(item->valuedouble - value) <= 5e-9 * fabs(value)); /* 9 digits */
        else
            assert_true(cJSON_IsNull(item));
    }
    cJSON_Delete(line);
    rr_buffer_free(&text);
}

static void only_metrics_are_written(void **state) {
    scratch *s = *state;
    void *sink = open_sink(s, 0);
    const rr_event_kind others[] = {RR_EVENT_PROGRESS, RR_EVENT_HISTOGRAM, RR_EVENT_TEXT, RR_EVENT_MESSAGE,
                                    RR_EVENT_WARNING};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(
            rr_sink_jsonl.write(sink, &(rr_event){.kind = others[i], .split = "train", .text = "x", .name = "x"}),
            RR_OK);
    rr_sink_jsonl.close(sink);
    expect_file(s, "");
}

static void a_new_run_starts_empty(void **state) {
    scratch *s = *state;
    set_file(s, "{\"step\": 1, \"split\": \"train\"}\n");
    void *sink = open_sink(s, 0);
    expect_file(s, "");
    put(sink, 1, "train", 2.5);
    expect_file(s, "{\"step\": 1, \"epoch\": 0, \"split\": \"train\", \"loss\": 2.5, \"lr\": 0.1}\n"); /* at once */
    assert_int_equal(rr_sink_jsonl.flush(sink), RR_OK);
    rr_sink_jsonl.close(sink);
    expect_no_other_file(s);
}

/* A run that was killed at any moment and goes on: no step twice, none missing. */
static void later_steps_and_a_torn_line_are_dropped(void **state) {
    scratch *s = *state;
    const char *kept =
        "{\"step\": 5, \"split\": \"train\", \"loss\": 1}\n{\"step\": 10, \"split\": \"train\", \"loss\": 2}\n"
        "{\"step\": 10, \"split\": \"valid\", \"loss\": 3}\n";
    const char *later = "{\"step\": 11, \"split\": \"train\", \"loss\": 4}\n{\"step\": 15, \"split\": \"train\"}\n";
    for (size_t cut = 0; cut <= strlen(later); cut++) {
        char text[512];
        snprintf(text, sizeof text, "%s%.*s", kept, (int)cut, later);
        set_file(s, text);
        void *sink = open_sink(s, 10);
        expect_file(s, kept);
        put(sink, 11, "train", 4);
        rr_sink_jsonl.close(sink);
        char expected[1024];
        snprintf(expected, sizeof expected, "%s%s", kept,
                 "{\"step\": 11, \"epoch\": 1, \"split\": \"train\", \"loss\": 4, \"lr\": 0.1}\n");
        expect_file(s, expected);
    }
    expect_no_other_file(s);
}

static void a_cut_line_of_an_early_step_is_dropped_too(void **state) {
    scratch *s = *state;
    set_file(s, "{\"step\": 5}\n{\"step\": 6}");
    void *sink = open_sink(s, 10);
    expect_file(s, "{\"step\": 5}\n");
    rr_sink_jsonl.close(sink);
    set_file(s, "{\"step\": 5}\ngarbage\n\n[1]\n{\"step\": \"6\"}\n{\"step\": 7}\n");
    sink = open_sink(s, 10);
    expect_file(s, "{\"step\": 5}\n{\"step\": 7}\n");
    rr_sink_jsonl.close(sink);
}

static void a_missing_file_is_made_on_resume(void **state) {
    scratch *s = *state;
    void *sink = open_sink(s, 7);
    put(sink, 8, "train", 1);
    rr_sink_jsonl.close(sink);
    expect_file(s, "{\"step\": 8, \"epoch\": 0, \"split\": \"train\", \"loss\": 1, \"lr\": 0.1}\n");
}

/* Killed after its last test, before its last checkpoint: the test is done again, and told once. */
static void what_the_file_has_of_the_resumed_step_is_not_repeated(void **state) {
    scratch *s = *state;
    const char *there = "{\"step\": 9, \"split\": \"test\"}\n{\"step\": 10, \"split\": \"valid\"}\n{\"step\": 10, "
                        "\"split\": \"test\"}\n";
    set_file(s, there);
    void *sink = open_sink(s, 10);
    put(sink, 10, "test", 1);
    put(sink, 10, "valid", 1);
    put(sink, 10, "", 1);
    put(sink, 10, "val", 1);
    put(sink, 11, "test", 1);
    rr_sink_jsonl.close(sink);
    char expected[1024];
    snprintf(expected, sizeof expected, "%s%s", there,
             "{\"step\": 10, \"epoch\": 1, \"split\": \"\", \"loss\": 1, \"lr\": 0.1}\n"
             "{\"step\": 10, \"epoch\": 1, \"split\": \"val\", \"loss\": 1, \"lr\": 0.1}\n"
             "{\"step\": 11, \"epoch\": 1, \"split\": \"test\", \"loss\": 1, \"lr\": 0.1}\n");
    expect_file(s, expected);
}

/* The file may grow to 100 bytes more: the line that does not fit leaves no trace, the ones before stay. */
static void a_full_disk_is_reported_and_leaves_whole_lines(void **state) {
    scratch *s = *state;
    void *sink = open_sink(s, 0);
    put(sink, 1, "train", 1);
    struct rlimit before, small;
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 100;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    const rr_scalar loss = {"loss", 1};
    const rr_event event = {.kind = RR_EVENT_METRICS, .step = 2, .split = "train", .scalars = &loss, .scalar_count = 1};
    rr_status status = rr_sink_jsonl.write(sink, &event);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(status, RR_ERR_RUNTIME);
    assert_non_null(strstr(rr_last_error(), "metrics.jsonl"));
    expect_file(s, "{\"step\": 1, \"epoch\": 0, \"split\": \"train\", \"loss\": 1, \"lr\": 0.1}\n");
    put(sink, 3, "train", 1); /* room again */
    rr_sink_jsonl.close(sink);
    expect_file(s, "{\"step\": 1, \"epoch\": 0, \"split\": \"train\", \"loss\": 1, \"lr\": 0.1}\n"
                   "{\"step\": 3, \"epoch\": 0, \"split\": \"train\", \"loss\": 1, \"lr\": 0.1}\n");
}

static void a_folder_that_is_none_is_named(void **state) {
    (void)state;
    void *sink = NULL;
    assert_int_equal(rr_sink_jsonl.open("/no/such/folder", &config, 0, &sink), RR_ERR_RUNTIME);
    assert_non_null(strstr(rr_last_error(), "/no/such/folder"));
    assert_null(sink);
    assert_int_equal(rr_sink_jsonl.open(NULL, &config, 0, &sink), RR_OK);
    assert_null(sink);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(metrics_come_back_from_a_json_reader, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(only_metrics_are_written, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(a_new_run_starts_empty, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(later_steps_and_a_torn_line_are_dropped, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(a_cut_line_of_an_early_step_is_dropped_too, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(a_missing_file_is_made_on_resume, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(what_the_file_has_of_the_resumed_step_is_not_repeated, scratch_open,
                                        scratch_close),
        cmocka_unit_test_setup_teardown(a_full_disk_is_reported_and_leaves_whole_lines, scratch_open, scratch_close),
        cmocka_unit_test(a_folder_that_is_none_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
