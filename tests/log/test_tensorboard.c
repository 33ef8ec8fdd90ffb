/* The frames of event files. What is in them is read back by TensorBoard itself: test_tensorboard_reads.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <math.h>

#include "base/crc32c.h"
#include "base/file.h"
#include "log/log.h"
#include "support/scratch.h"

static const rr_log_config config = {.every_steps = 1, .tensorboard = true};

static void *open_sink(scratch *s, uint64_t resume_step) {
    void *sink = NULL;
    assert_int_equal(rr_sink_tensorboard.open(s->folder, &config, resume_step, &sink), RR_OK);
    assert_non_null(sink);
    return sink;
}

/* Names of the event files in the order of their names; the caller frees them. */
static size_t event_files(scratch *s, struct dirent ***names) {
    int count = scandir(s->folder, names, NULL, alphasort);
    assert_true(count >= 2);
    size_t kept = 0;
    for (int i = 0; i < count; i++) {
        if (strncmp((*names)[i]->d_name, "events.out.tfevents.", 20) == 0)
            (*names)[kept++] = (*names)[i];
        else
            free((*names)[i]);
    }
    return kept;
}

static void free_names(struct dirent **names, size_t count) {
    for (size_t i = 0; i < count; i++) free(names[i]);
    free(names);
}

static uint64_t little_endian(const unsigned char *p, int bytes) {
    uint64_t value = 0;
    for (int i = bytes; i-- > 0;) value = value << 8 | p[i];
    return value;
}

static uint32_t masked(const void *data, size_t length) {
    uint32_t crc = rr_crc32c(0, data, length);
    return (uint32_t)(((uint64_t)crc >> 15 | (uint64_t)crc << 17) + 0xa282ead8U);
}

/* The number of records in a file, each with right lengths and checksums; the k-th's message in *message. */
static size_t read_records(scratch *s, const char *name, size_t k, rr_buffer *message) {
    rr_buffer text = {0};
    assert_int_equal(rr_file_read(scratch_path(s, name), &text), RR_OK);
    const unsigned char *p = (const unsigned char *)text.data;
    size_t at = 0, count = 0;
    while (at < text.length) {
        assert_true(at + 12 <= text.length);
        uint64_t length = little_endian(p + at, 8);
        assert_int_equal(little_endian(p + at + 8, 4), masked(p + at, 8));
        assert_true(at + 16 + length <= text.length);
        assert_int_equal(little_endian(p + at + 12 + length, 4), masked(p + at + 12, length));
        if (count == k && message != NULL) {
            rr_buffer_clear(message);
            rr_buffer_append(message, p + at + 12, length);
        }
        at += 16 + length;
        count++;
    }
    rr_buffer_free(&text);
    return count;
}

static void records_are_framed_and_checksummed(void **state) {
    scratch *s = *state;
    void *sink = open_sink(s, 0);
    const rr_scalar scalars[] = {{"loss", 2.5}, {"nan", NAN}};
    rr_event event = {.kind = RR_EVENT_METRICS, .step = 3, .split = "train", .scalars = scalars, .scalar_count = 2};
    assert_int_equal(rr_sink_tensorboard.write(sink, &event), RR_OK);
    const float values[] = {1, 2, NAN};
    event = (rr_event){.kind = RR_EVENT_HISTOGRAM, .step = 3, .name = "h", .values = values, .count = 3};
    assert_int_equal(rr_sink_tensorboard.write(sink, &event), RR_OK);
    event = (rr_event){.kind = RR_EVENT_TEXT, .step = 3, .name = "t", .text = "words"};
    assert_int_equal(rr_sink_tensorboard.write(sink, &event), RR_OK);
    assert_int_equal(rr_sink_tensorboard.flush(sink), RR_OK);
    struct dirent **names;
    size_t count = event_files(s, &names);
    assert_int_equal(count, 1);
    rr_buffer message = {0};
    assert_int_equal(read_records(s, names[0]->d_name, 0, &message), 5);
    assert_non_null(memmem(message.data, message.length, "brain.Event:2", 13));
    read_records(s, names[0]->d_name, 2, &message);
    assert_non_null(memmem(message.data, message.length, "train/loss", 10));
    read_records(s, names[0]->d_name, 4, &message);
    assert_non_null(memmem(message.data, message.length, "    words", 9));
    rr_buffer_free(&message);
    free_names(names, count);
    rr_sink_tensorboard.close(sink);
}

static void other_events_leave_no_record(void **state) {
    scratch *s = *state;
    void *sink = open_sink(s, 0);
    const float nothing[] = {NAN};
    const rr_event events[] = {{.kind = RR_EVENT_PROGRESS, .split = "train"},
                               {.kind = RR_EVENT_MESSAGE, .text = "x"},
                               {.kind = RR_EVENT_WARNING, .text = "x"},
                               {.kind = RR_EVENT_METRICS, .split = "train"},
                               {.kind = RR_EVENT_HISTOGRAM, .name = "h", .values = nothing, .count = 1},
                               {.kind = RR_EVENT_HISTOGRAM, .name = "h"}};
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        assert_int_equal(rr_sink_tensorboard.write(sink, &events[i]), RR_OK);
    rr_sink_tensorboard.close(sink);
    struct dirent **names;
    size_t count = event_files(s, &names);
    assert_int_equal(read_records(s, names[0]->d_name, 0, NULL), 2);
    free_names(names, count);
}

/* Readers take files in the order of their names: five runs within one second, one with a clock that went back. */
static void a_later_file_has_a_later_name(void **state) {
    scratch *s = *state;
    const char *future = scratch_path(s, "events.out.tfevents.4102444800.elsewhere.1");
    assert_int_equal(rr_file_write(future, "", 0), RR_OK);
    for (uint64_t step = 1; step <= 5; step++) rr_sink_tensorboard.close(open_sink(s, step));
    struct dirent **names;
    size_t count = event_files(s, &names);
    assert_int_equal(count, 6);
    assert_non_null(strstr(names[0]->d_name, "elsewhere"));
    for (size_t i = 1; i < count; i++) {
        rr_buffer message = {0};
        assert_int_equal(read_records(s, names[i]->d_name, 1, &message), 2);
        /* field 2, step, as a varint: the step after the one that the run goes on from */
        assert_int_equal(message.data[9], 0x10);
        assert_int_equal(message.data[10], i + 1);
        rr_buffer_free(&message);
    }
    free_names(names, count);
}

static void a_folder_that_is_none_is_named(void **state) {
    (void)state;
    void *sink = NULL;
    assert_int_equal(rr_sink_tensorboard.open("/no/such/folder", &config, 0, &sink), RR_ERR_RUNTIME);
    assert_non_null(strstr(rr_last_error(), "/no/such/folder"));
    assert_int_equal(rr_sink_tensorboard.open(NULL, &config, 0, &sink), RR_OK);
    assert_null(sink);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(records_are_framed_and_checksummed, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(other_events_leave_no_record, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(a_later_file_has_a_later_name, scratch_open, scratch_close),
        cmocka_unit_test(a_folder_that_is_none_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
