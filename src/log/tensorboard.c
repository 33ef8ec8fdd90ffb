/* The sink for TensorBoard: event files, which are protocol buffers in TFRecord frames. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <tensorboard.pb-c.h>

#include "base/crc32c.h"
#include "log/histogram.h"
#include "log/log.h"
#include "log/markdown.h"

enum { MAX_SCALARS = 64 };

typedef struct tensorboard {
    FILE *file;
    rr_buffer path, record, text;
    rr_histogram histogram;
} tensorboard;

static double wall_time(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void put_little_endian(rr_buffer *out, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++) rr_buffer_append(out, &(unsigned char){(unsigned char)(value >> (8 * i))}, 1);
}

/* TFRecord masks its CRCs, since a CRC of bytes that hold their own CRC is no good check. */
static uint32_t masked_crc(const void *data, size_t length) {
    uint32_t crc = rr_crc32c(0, data, length);
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8U;
}

/* Length (8 bytes), its CRC (4), the message, its CRC (4); all little-endian. */
static rr_status put_event(tensorboard *sink, const RrTb__Event *event) {
    size_t length = rr_tb__event__get_packed_size(event);
    unsigned char *message = malloc(length);
    if (message == NULL) return rr_fail(RR_ERR_NOMEM, "%s: no memory for a record", sink->path.data);
    rr_tb__event__pack(event, message);
    rr_buffer *record = &sink->record;
    rr_buffer_clear(record);
    put_little_endian(record, length, 8);
    put_little_endian(record, masked_crc(rr_buffer_text(record), 8), 4);
    rr_buffer_append(record, message, length);
    put_little_endian(record, masked_crc(message, length), 4);
    free(message);
    if (record->failed) return rr_fail(RR_ERR_NOMEM, "%s: no memory for a record", sink->path.data);
    if (fwrite(record->data, 1, record->length, sink->file) != record->length)
        return rr_fail(RR_ERR_RUNTIME, "%s: cannot be written: %s", sink->path.data, strerror(errno));
    return RR_OK;
}

static RrTb__Event event_at(uint64_t step) {
    RrTb__Event event = RR_TB__EVENT__INIT;
    event.wall_time = wall_time();
    event.step = (int64_t)step;
    return event;
}

static rr_status put_summary(tensorboard *sink, uint64_t step, RrTb__Summary__Value **values, size_t count) {
    RrTb__Summary summary = RR_TB__SUMMARY__INIT;
    RrTb__Event event = event_at(step);
    summary.n_value = count;
    summary.value = values;
    event.what_case = RR_TB__EVENT__WHAT_SUMMARY;
    event.summary = &summary;
    return put_event(sink, &event);
}

static rr_status put_scalars(tensorboard *sink, const rr_event *event) {
    RrTb__Summary__Value values[MAX_SCALARS], *pointers[MAX_SCALARS];
    char tags[MAX_SCALARS][96];
    size_t count = event->scalar_count < MAX_SCALARS ? event->scalar_count : MAX_SCALARS;
    for (size_t i = 0; i < count; i++) {
        snprintf(tags[i], sizeof tags[i], "%s/%s", event->split, event->scalars[i].name);
        rr_tb__summary__value__init(&values[i]);
        values[i].tag = tags[i];
        values[i].value_case = RR_TB__SUMMARY__VALUE__VALUE_SIMPLE_VALUE;
        values[i].simple_value = (float)event->scalars[i].value;
        pointers[i] = &values[i];
    }
    return count > 0 ? put_summary(sink, event->step, pointers, count) : RR_OK;
}

static rr_status put_histogram(tensorboard *sink, const rr_event *event) {
    rr_histogram *histogram = &sink->histogram;
    rr_histogram_fill(event->values, event->count, histogram);
    if (histogram->count == 0) return RR_OK; /* nothing finite: the loss tells */
    RrTb__HistogramProto proto = RR_TB__HISTOGRAM_PROTO__INIT;
    proto.min = histogram->min;
    proto.max = histogram->max;
    proto.num = (double)histogram->count;
    proto.sum = histogram->sum;
    proto.sum_squares = histogram->sum_squares;
    proto.n_bucket_limit = proto.n_bucket = histogram->bucket_count;
    proto.bucket_limit = histogram->limit;
    proto.bucket = histogram->bucket;
    RrTb__Summary__Value value = RR_TB__SUMMARY__VALUE__INIT, *values[] = {&value};
    value.tag = (char *)event->name;
    value.value_case = RR_TB__SUMMARY__VALUE__VALUE_HISTO;
    value.histo = &proto;
    return put_summary(sink, event->step, values, 1);
}

static rr_status put_text(tensorboard *sink, const rr_event *event) {
    rr_buffer_clear(&sink->text);
    rr_markdown_code(event->text, &sink->text);
    if (sink->text.failed) return rr_fail(RR_ERR_NOMEM, "%s: no memory for a text", sink->path.data);
    ProtobufCBinaryData string = {.len = sink->text.length, .data = (uint8_t *)sink->text.data};
    RrTb__TensorShapeProto__Dim dim = RR_TB__TENSOR_SHAPE_PROTO__DIM__INIT, *dims[] = {&dim};
    RrTb__TensorShapeProto shape = RR_TB__TENSOR_SHAPE_PROTO__INIT;
    dim.size = 1;
    shape.n_dim = 1;
    shape.dim = dims;
    RrTb__TensorProto tensor = RR_TB__TENSOR_PROTO__INIT;
    tensor.dtype = RR_TB__DATA_TYPE__DT_STRING;
    tensor.tensor_shape = &shape;
    tensor.n_string_val = 1;
    tensor.string_val = &string;
    RrTb__SummaryMetadata__PluginData plugin = RR_TB__SUMMARY_METADATA__PLUGIN_DATA__INIT;
    RrTb__SummaryMetadata metadata = RR_TB__SUMMARY_METADATA__INIT;
    plugin.plugin_name = "text";
    metadata.plugin_data = &plugin;
    RrTb__Summary__Value value = RR_TB__SUMMARY__VALUE__INIT, *values[] = {&value};
    value.tag = (char *)event->name;
    value.metadata = &metadata;
    value.value_case = RR_TB__SUMMARY__VALUE__VALUE_TENSOR;
    value.tensor = &tensor;
    return put_summary(sink, event->step, values, 1);
}

/* What every file starts with. A reader of a run drops what older files hold from the step of START on. */
static rr_status put_head(tensorboard *sink, uint64_t resume_step) {
    RrTb__Event version = event_at(0), start = event_at(resume_step > 0 ? resume_step + 1 : 0);
    RrTb__SessionLog session = RR_TB__SESSION_LOG__INIT;
    version.what_case = RR_TB__EVENT__WHAT_FILE_VERSION;
    version.file_version = "brain.Event:2";
    session.status = RR_TB__SESSION_LOG__SESSION_STATUS__START;
    start.what_case = RR_TB__EVENT__WHAT_SESSION_LOG;
    start.session_log = &session;
    RR_TRY(put_event(sink, &version));
    return put_event(sink, &start);
}

static const char prefix[] = "events.out.tfevents.";

/* Seconds for the name of a new file. Readers take the files in the order of their names, so it is later than all
 * others. */
static long long name_time(const char *folder) {
    long long newest = (long long)time(NULL) - 1;
    DIR *entries = opendir(folder);
    if (entries == NULL) return newest + 1;
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        if (strncmp(entry->d_name, prefix, sizeof prefix - 1) != 0) continue;
        long long seconds = strtoll(entry->d_name + sizeof prefix - 1, NULL, 10);
        if (seconds > newest && seconds < 9999999999) newest = seconds;
    }
    closedir(entries);
    return newest + 1;
}

static rr_status tensorboard_flush(void *self) {
    tensorboard *sink = self;
    if (fflush(sink->file) != 0 || fsync(fileno(sink->file)) != 0)
        return rr_fail(RR_ERR_RUNTIME, "%s: cannot be written: %s", sink->path.data, strerror(errno));
    return RR_OK;
}

static void tensorboard_close(void *self) {
    tensorboard *sink = self;
    if (sink->file != NULL) fclose(sink->file);
    rr_buffer_free(&sink->path);
    rr_buffer_free(&sink->record);
    rr_buffer_free(&sink->text);
    free(sink);
}

static rr_status tensorboard_open(const char *run_folder, const rr_log_config *config, uint64_t resume_step,
                                  void **out) {
    if (run_folder == NULL || !config->tensorboard) return RR_OK;
    tensorboard *sink = calloc(1, sizeof *sink);
    if (sink == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the logs");
    char host[HOST_NAME_MAX + 1] = "localhost";
    gethostname(host, sizeof host - 1);
    rr_buffer_printf(&sink->path, "%s/%s%010lld.%s.%ld", run_folder, prefix, name_time(run_folder), host,
                     (long)getpid());
    rr_status status = RR_OK;
    if (sink->path.failed)
        status = rr_fail(RR_ERR_NOMEM, "no memory for a path");
    else if ((sink->file = fopen(sink->path.data, "wbe")) == NULL)
        status = rr_fail(RR_ERR_RUNTIME, "%s: %s", sink->path.data, strerror(errno));
    if (status == RR_OK) status = put_head(sink, resume_step);
    if (status == RR_OK) status = tensorboard_flush(sink);
    if (status != RR_OK) {
        tensorboard_close(sink);
        return status;
    }
    *out = sink;
    return RR_OK;
}

static rr_status tensorboard_write(void *self, const rr_event *event) {
    tensorboard *sink = self;
    switch (event->kind) {
    case RR_EVENT_METRICS:
        RR_TRY(put_scalars(sink, event));
        fflush(sink->file); /* people watch while it runs */
        return RR_OK;
    case RR_EVENT_HISTOGRAM:
        return put_histogram(sink, event);
    case RR_EVENT_TEXT:
        return put_text(sink, event);
    case RR_EVENT_PROGRESS:
    case RR_EVENT_MESSAGE:
    case RR_EVENT_WARNING:
        break;
    }
    return RR_OK;
}

const rr_sink_ops rr_sink_tensorboard = {.name = "tensorboard",
                                         .open = tensorboard_open,
                                         .write = tensorboard_write,
                                         .flush = tensorboard_flush,
                                         .close = tensorboard_close};
