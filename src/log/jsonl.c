/* The sink metrics.jsonl: one JSON object a line for each event with metrics, made for programs to read. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "log/log.h"

typedef struct jsonl {
    int fd;
    off_t length; /* bytes of whole lines */
    uint64_t resume_step;
    rr_buffer path, line;
    rr_buffer splits_there; /* "\nvalid\ntest\n": what the file already has of resume_step itself */
} jsonl;

/* True if the line is whole and of a step that the run goes on from; *at_end: of resume_step itself. */
static bool is_kept(const char *line, size_t length, jsonl *sink) {
    cJSON *object = cJSON_ParseWithLength(line, length);
    const cJSON *step = cJSON_GetObjectItemCaseSensitive(object, "step");
    const cJSON *split = cJSON_GetObjectItemCaseSensitive(object, "split");
    bool kept = cJSON_IsNumber(step) && step->valuedouble <= (double)sink->resume_step;
    if (kept && step->valuedouble == (double)sink->resume_step && cJSON_IsString(split))
        rr_buffer_printf(&sink->splits_there, "%s%s\n", sink->splits_there.length == 0 ? "\n" : "", split->valuestring);
    cJSON_Delete(object);
    return kept;
}

/* Drops what a run wrote after the checkpoint that it goes on from, and a line that was cut off when it ended. */
static rr_status drop_later_lines(jsonl *sink) {
    const char *path = rr_buffer_text(&sink->path);
    rr_buffer before = {0}, after = {0};
    rr_status status = RR_OK;
    if (sink->resume_step > 0 && rr_file_exists(path)) status = rr_file_read(path, &before);
    for (size_t begin = 0; begin < before.length;) {
        const char *line = before.data + begin, *end = memchr(line, '\n', before.length - begin);
        if (end == NULL) break;
        size_t length = (size_t)(end - line) + 1;
        if (is_kept(line, length - 1, sink)) rr_buffer_append(&after, line, length);
        begin += length;
    }
    if (status == RR_OK && (after.failed || sink->splits_there.failed))
        status = rr_fail(RR_ERR_NOMEM, "%s: no memory to hold it", path);
    bool changed = after.length != before.length || sink->resume_step == 0;
    if (status == RR_OK && changed) status = rr_file_write(path, rr_buffer_text(&after), after.length);
    sink->length = (off_t)after.length;
    rr_buffer_free(&before);
    rr_buffer_free(&after);
    return status;
}

static void jsonl_close(void *self) {
    jsonl *sink = self;
    if (sink->fd >= 0) close(sink->fd);
    rr_buffer_free(&sink->path);
    rr_buffer_free(&sink->line);
    rr_buffer_free(&sink->splits_there);
    free(sink);
}

static rr_status jsonl_open(const char *run_folder, const rr_log_config *config, uint64_t resume_step, void **out) {
    (void)config;
    if (run_folder == NULL) return RR_OK;
    jsonl *sink = calloc(1, sizeof *sink);
    if (sink == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the logs");
    sink->fd = -1;
    sink->resume_step = resume_step;
    rr_buffer_printf(&sink->path, "%s/metrics.jsonl", run_folder);
    rr_status status = sink->path.failed ? rr_fail(RR_ERR_NOMEM, "no memory for a path") : drop_later_lines(sink);
    if (status == RR_OK) {
        sink->fd = open(sink->path.data, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
        if (sink->fd < 0) status = rr_fail(RR_ERR_RUNTIME, "%s: %s", sink->path.data, strerror(errno));
    }
    if (status != RR_OK) {
        jsonl_close(sink);
        return status;
    }
    *out = sink;
    return RR_OK;
}

static void put_string(rr_buffer *line, const char *text) {
    rr_buffer_puts(line, "\"");
    for (const unsigned char *c = (const unsigned char *)text; *c != 0; c++) {
        if (*c == '"' || *c == '\\')
            rr_buffer_printf(line, "\\%c", *c);
        else if (*c < 0x20)
            rr_buffer_printf(line, "\\u%04x", *c);
        else
            rr_buffer_append(line, c, 1);
    }
    rr_buffer_puts(line, "\"");
}

/* JSON knows no NaN and no infinity: null. */
static void put_number(rr_buffer *line, double value) {
    if (isfinite(value))
        rr_buffer_printf(line, "%.9g", value);
    else
        rr_buffer_puts(line, "null");
}

/* A line goes to the file whole or not at all, so that readers and a later resume find none that is cut off. */
static rr_status put_line(jsonl *sink) {
    const rr_buffer *line = &sink->line;
    if (line->failed) return rr_fail(RR_ERR_NOMEM, "%s: no memory for a line", rr_buffer_text(&sink->path));
    for (size_t done = 0; done < line->length;) {
        ssize_t put = write(sink->fd, line->data + done, line->length - done);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) {
            rr_status status = rr_fail(RR_ERR_RUNTIME, "%s: cannot be written: %s", sink->path.data, strerror(errno));
            (void)!ftruncate(sink->fd, sink->length);
            return status;
        }
        done += (size_t)put;
    }
    sink->length += (off_t)line->length;
    return RR_OK;
}

/* A run that ended between its last test and its last checkpoint tests again; the first line stays. */
static bool is_there(jsonl *sink, const rr_event *event, const char *split) {
    if (event->step != sink->resume_step) return false;
    rr_buffer_clear(&sink->line);
    rr_buffer_printf(&sink->line, "\n%s\n", split);
    return strstr(rr_buffer_text(&sink->splits_there), rr_buffer_text(&sink->line)) != NULL;
}

static rr_status jsonl_write(void *self, const rr_event *event) {
    jsonl *sink = self;
    const char *split = event->split != NULL ? event->split : "";
    if (event->kind != RR_EVENT_METRICS || is_there(sink, event, split)) return RR_OK;
    rr_buffer *line = &sink->line;
    rr_buffer_clear(line);
    rr_buffer_printf(line, "{\"step\": %" PRIu64 ", \"epoch\": %" PRIu64 ", \"split\": ", event->step, event->epoch);
    put_string(line, split);
    for (size_t i = 0; i < event->scalar_count; i++) {
        rr_buffer_puts(line, ", ");
        put_string(line, event->scalars[i].name);
        rr_buffer_puts(line, ": ");
        put_number(line, event->scalars[i].value);
    }
    rr_buffer_puts(line, "}\n");
    return put_line(sink);
}

static rr_status jsonl_flush(void *self) {
    jsonl *sink = self;
    if (fsync(sink->fd) != 0)
        return rr_fail(RR_ERR_RUNTIME, "%s: cannot be written: %s", sink->path.data, strerror(errno));
    return RR_OK;
}

const rr_sink_ops rr_sink_jsonl = {
    .name = "jsonl", .open = jsonl_open, .write = jsonl_write, .flush = jsonl_flush, .close = jsonl_close};
