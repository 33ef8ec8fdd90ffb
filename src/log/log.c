#include "log/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const rr_sink_ops *const rr_sinks[] = {&rr_sink_console, &rr_sink_jsonl, &rr_sink_tensorboard};
enum { SINKS = sizeof rr_sinks / sizeof *rr_sinks };
const size_t rr_sink_count = SINKS;

static const rr_key keys[] = {
    {.name = "every_steps",
     .type = RR_KEY_SIZE,
     .offset = offsetof(rr_log_config, every_steps),
     .preset = "20",
     .min = 1,
     .max = 1e15,
     .unit = "steps",
     .help = "how often the training metrics are reported; the last step of an epoch always is"},
    {.name = "tensorboard",
     .type = RR_KEY_BOOL,
     .offset = offsetof(rr_log_config, tensorboard),
     .preset = "true",
     .help = "writes TensorBoard event files too"},
    {.name = "histogram_every_steps",
     .type = RR_KEY_SIZE,
     .offset = offsetof(rr_log_config, histogram_every_steps),
     .preset = "500",
     .max = 1e15,
     .unit = "steps",
     .help = "how often TensorBoard gets histograms of weights and gradients; 0: never"},
    {.name = NULL},
};

const rr_section rr_log_section = {
    .name = "log", .help = "What is told of a run, and how often", .size = sizeof(rr_log_config), .keys = keys};

struct rr_logger {
    void *sinks[SINKS]; /* NULL: not wanted */
};

rr_status rr_log_open(const char *run_folder, const rr_log_config *config, uint64_t resume_step, rr_logger **out) {
    rr_logger *log = calloc(1, sizeof *log);
    if (log == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the logs");
    for (size_t i = 0; i < SINKS; i++) {
        rr_status status = rr_sinks[i]->open(run_folder, config, resume_step, &log->sinks[i]);
        if (status != RR_OK) {
            rr_log_close(log);
            return status;
        }
    }
    *out = log;
    return RR_OK;
}

rr_status rr_log_write(rr_logger *log, const rr_event *event) {
    if (log == NULL) return RR_OK;
    rr_status first = RR_OK; /* one sink's trouble does not keep the others from the event */
    for (size_t i = 0; i < SINKS; i++) {
        rr_status status = log->sinks[i] != NULL ? rr_sinks[i]->write(log->sinks[i], event) : RR_OK;
        if (first == RR_OK) first = status;
    }
    return first;
}

rr_status rr_log_flush(rr_logger *log) {
    if (log == NULL) return RR_OK;
    rr_status first = RR_OK;
    for (size_t i = 0; i < SINKS; i++) {
        rr_status status = log->sinks[i] != NULL ? rr_sinks[i]->flush(log->sinks[i]) : RR_OK;
        if (first == RR_OK) first = status;
    }
    return first;
}

void rr_log_close(rr_logger *log) {
    if (log == NULL) return;
    for (size_t i = 0; i < SINKS; i++)
        if (log->sinks[i] != NULL) rr_sinks[i]->close(log->sinks[i]);
    free(log);
}

static void write_text(rr_logger *log, rr_event_kind kind, const char *format, va_list args) {
    char *text;
    if (vasprintf(&text, format, args) < 0) return; /* a message is not worth a failure */
    (void)rr_log_write(log, &(rr_event){.kind = kind, .text = text});
    free(text);
}

void rr_log_message(rr_logger *log, const char *format, ...) {
    if (log == NULL) return;
    va_list args;
    va_start(args, format);
    write_text(log, RR_EVENT_MESSAGE, format, args);
    va_end(args);
}

void rr_log_warning(rr_logger *log, const char *format, ...) {
    if (log == NULL) return;
    va_list args;
    va_start(args, format);
    write_text(log, RR_EVENT_WARNING, format, args);
    va_end(args);
}
