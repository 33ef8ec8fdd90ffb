/* The sink that people watch: a progress line that is drawn over, messages above it; plain lines where nobody can
 * watch. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "log/line.h"
#include "log/terminal.h"

#define ERASE_TO_END "\x1b[K"
#define BOLD "\x1b[1m"
#define YELLOW "\x1b[33m"
#define CYAN "\x1b[36m"
#define RESET "\x1b[0m"

static const double seconds_between_draws = 0.1; /* of events that are for the progress line alone */

typedef struct console {
    rr_terminal terminal;
    rr_buffer progress; /* the line on the screen, with its colours; empty: none */
    int progress_columns;
    double drawn_at;
} console;

static rr_status console_open(const char *run_folder, const rr_log_config *config, uint64_t resume_step, void **out) {
    (void)run_folder, (void)config, (void)resume_step;
    console *sink = calloc(1, sizeof *sink);
    if (sink == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the logs");
    rr_terminal_open(STDOUT_FILENO, &sink->terminal);
    *out = sink;
    return RR_OK;
}

static void show(const console *sink) {
    if (sink->progress.length > 0) printf("\r%s" ERASE_TO_END, rr_buffer_text(&sink->progress));
    fflush(stdout);
}

static void draw(console *sink, const rr_event *event) {
    rr_buffer line = {0};
    size_t begin, end;
    int columns = rr_terminal_columns(&sink->terminal) - 1; /* a full line would make some terminals go to the next */
    rr_line_fitting(event, columns, &line, &begin, &end);
    rr_buffer_clear(&sink->progress);
    if (sink->terminal.color && end > begin) {
        rr_buffer_append(&sink->progress, line.data, begin);
        rr_buffer_puts(&sink->progress, CYAN);
        rr_buffer_append(&sink->progress, line.data + begin, end - begin);
        rr_buffer_puts(&sink->progress, RESET);
        rr_buffer_append(&sink->progress, line.data + end, line.length - end);
    } else {
        rr_buffer_puts(&sink->progress, rr_buffer_text(&line));
    }
    sink->progress_columns = columns;
    rr_buffer_free(&line);
    sink->drawn_at = rr_clock_seconds();
    show(sink);
}

/* Text of one line or more that stays; the progress line moves below it. */
static void print_above(const console *sink, const char *color, const char *prefix, const char *text) {
    bool colored = sink->terminal.color && color[0] != 0;
    if (sink->progress.length > 0) printf("\r" ERASE_TO_END);
    printf("%s%s%s%s\n", colored ? color : "", prefix, text, colored ? RESET : "");
    /* In a window that is narrower now the old line would wrap: the next draw brings it back. */
    if (rr_terminal_columns(&sink->terminal) - 1 >= sink->progress_columns) show(sink);
    fflush(stdout);
}

static bool is_train(const rr_event *event) { return event->split != NULL && strcmp(event->split, "train") == 0; }

static void print_metrics(const console *sink, const rr_event *event) {
    rr_buffer line = {0};
    rr_line_whole(event, &line);
    print_above(sink, is_train(event) ? "" : BOLD, "", rr_buffer_text(&line));
    rr_buffer_free(&line);
}

static rr_status console_write(void *self, const rr_event *event) {
    console *sink = self;
    switch (event->kind) {
    case RR_EVENT_METRICS:
        if (sink->terminal.interactive && is_train(event))
            draw(sink, event);
        else
            print_metrics(sink, event);
        break;
    case RR_EVENT_PROGRESS:
        if (sink->terminal.interactive && (rr_clock_seconds() - sink->drawn_at >= seconds_between_draws ||
                                           event->step == event->total_steps)) /* the last line stays there */
            draw(sink, event);
        break;
    case RR_EVENT_MESSAGE:
        print_above(sink, "", "", event->text);
        break;
    case RR_EVENT_WARNING:
        print_above(sink, YELLOW, "warning: ", event->text);
        break;
    case RR_EVENT_HISTOGRAM:
    case RR_EVENT_TEXT:
        break;
    }
    return RR_OK; /* a closed pipe does not end a training */
}

static rr_status console_flush(void *self) {
    (void)self;
    fflush(stdout);
    return RR_OK;
}

static void console_close(void *self) {
    console *sink = self;
    if (sink->progress.length > 0) printf("\n");
    fflush(stdout);
    rr_terminal_close(&sink->terminal);
    rr_buffer_free(&sink->progress);
    free(sink);
}

const rr_sink_ops rr_sink_console = {
    .name = "console", .open = console_open, .write = console_write, .flush = console_flush, .close = console_close};
