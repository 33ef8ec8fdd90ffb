#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log/log.h"

static const rr_log_config config = {.every_steps = 1};

/* What a child does with its log; `go_on` lets it wait for the parent. */
typedef void scenario(rr_logger *log, int go_on);

static void put(rr_logger *log, rr_event_kind kind, const char *split, uint64_t step) {
    const rr_scalar scalars[] = {{"loss", 4.5},           {"ppl", 90.017},  {"lr", 0.001},
                                 {"tokens_per_s", 24123}, {"step_s", 0.02}, {"comm_exposed_s", 0.003}};
    const rr_event event = {.kind = kind,
                            .step = step,
                            .epoch = step / 100,
                            .split = split,
                            .scalars = scalars,
                            .scalar_count = strcmp(split, "train") == 0 ? 6 : 2,
                            .total_steps = 1000,
                            .total_epochs = 10,
                            .eta_s = strcmp(split, "train") == 0 ? 65 : NAN};
    if (rr_log_write(log, &event) != RR_OK) _exit(1);
}

static void a_run(rr_logger *log, int go_on) {
    (void)go_on;
    rr_log_message(log, "banner\nof two lines");
    put(log, RR_EVENT_METRICS, "train", 100);
    put(log, RR_EVENT_METRICS, "train", 200);
    put(log, RR_EVENT_METRICS, "valid", 200);
    rr_log_warning(log, "low disk");
    put(log, RR_EVENT_METRICS, "train", 300);
    rr_log_message(log, "saved");
}

static void a_run_to_its_end(rr_logger *log, int go_on) {
    (void)go_on;
    put(log, RR_EVENT_METRICS, "train", 900);
    put(log, RR_EVENT_PROGRESS, "train", 999);
    put(log, RR_EVENT_PROGRESS, "train", 1000);
    rr_log_message(log, "done");
}

static void log_to_stdout(scenario *run, int go_on) {
    rr_logger *log;
    if (rr_log_open(NULL, &config, 0, &log) != RR_OK) _exit(1);
    run(log, go_on);
    rr_log_close(log);
    fflush(stdout);
}

static void log_in_child(scenario *run, int go_on) {
    log_to_stdout(run, go_on);
    _exit(0);
}

static const char END = '\x1e'; /* of what a child writes to a terminal */

/* Reads until END, or until all writers are gone (a terminal then gives EIO), closes `leave`, and collects the child.
 */
static char *read_until_end(int fd, int leave, pid_t child) {
    static char text[1 << 16];
    size_t length = 0;
    for (;;) {
        ssize_t got = read(fd, text + length, sizeof text - 1 - length);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        length += (size_t)got;
        if (text[length - 1] == END) {
            length--;
            break;
        }
    }
    text[length] = 0;
    if (leave >= 0) close(leave);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(fd);
    return text;
}

static char *read_all(int fd, pid_t child) { return read_until_end(fd, -1, child); }

/* The child stays until all is read: when it goes, its terminal is hung up, and what was not read may be lost. */
static _Noreturn void log_in_terminal_child(scenario *run, int go_on, const int leave[2]) {
    char none;
    close(leave[1]);
    log_to_stdout(run, go_on);
    _exit(write(STDOUT_FILENO, &END, 1) == 1 && read(leave[0], &none, 1) == 0 ? 0 : 1);
}

static char *on_terminal(int columns, scenario *run) {
    struct winsize size = {.ws_row = 25, .ws_col = (unsigned short)columns};
    int fd, leave[2];
    assert_true(pipe(leave) == 0);
    pid_t child = forkpty(&fd, NULL, NULL, &size);
    assert_true(child >= 0);
    if (child == 0) log_in_terminal_child(run, -1, leave);
    close(leave[0]);
    return read_until_end(fd, leave[1], child);
}

static char *on_pipe(scenario *run) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        log_in_child(run, -1);
    }
    close(ends[1]);
    return read_all(ends[0], child);
}

/* What a terminal shows in the end, colours left out: lines with "\n" between them. Also the longest line ever drawn
 * over. */
static char *screen(const char *output, size_t *widest_progress) {
    static char shown[1 << 16];
    size_t line = 0, cursor = 0, end = 0, drawn = 0;
    *widest_progress = 0;
    for (const char *p = output; *p != 0; p++) {
        if (*p == '\r') {
            cursor = line;
            drawn = 0;
        } else if (*p == '\n') {
            line = cursor = end;
            shown[end++] = '\n';
            line = cursor = end;
        } else if (*p == '\x1b') {
            size_t length = strspn(p + 2, "0123456789;");
            assert_int_equal(p[1], '[');
            p += 2 + length;
            if (*p == 'K') {
                end = cursor;
                if (drawn > *widest_progress) *widest_progress = drawn;
            } else {
                assert_int_equal(*p, 'm');
            }
        } else {
            assert_true(*p >= 32);
            shown[cursor++] = *p;
            drawn++;
            if (cursor > end) end = cursor;
        }
    }
    shown[end] = 0;
    return shown;
}

static void a_terminal_shows_messages_above_one_progress_line(void **state) {
    (void)state;
    size_t widest;
    const char *shown = screen(on_terminal(100, a_run), &widest);
    assert_string_equal(
        shown,
        "banner\nof two lines\nvalid  step 200/1000  epoch 2/10  loss 4.5000  ppl 90.017\nwarning: low disk\nsaved\n"
        "[###.......]  step 300/1000  epoch 3/10  loss 4.5000  ppl 90.02  24.1k tok/s  comm 15%  ETA 0:01:05\n");
    shown = screen(on_terminal(80, a_run), &widest);
    assert_string_equal(strstr(shown, "saved\n") + 6,
                        "step 300/1000  loss 4.5000  ppl 90.02  24.1k tok/s  comm 15%  ETA 0:01:05\n");
}

static void the_last_step_is_drawn(void **state) {
    (void)state;
    size_t widest;
    const char *shown = screen(on_terminal(80, a_run_to_its_end), &widest);
    assert_non_null(strstr(shown, "done\nstep 1000/1000"));
}

static void the_progress_line_fits_every_window(void **state) {
    (void)state;
    const int widths[] = {1, 2, 3, 5, 10, 14, 15, 20, 33, 40, 64, 79, 80, 81, 100, 120, 132, 200, 500};
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
        size_t widest;
        const char *shown = screen(on_terminal(widths[w], a_run), &widest);
        assert_true(widest < (size_t)widths[w] || widest == 0);
        assert_non_null(strstr(shown, "banner\nof two lines\n"));
        assert_non_null(strstr(shown, "saved\n"));
        if (widths[w] >= 30) {
            const char *last = strstr(shown, "saved\n") + 6;
            assert_non_null(strstr(last, "step 300/1000"));
            assert_non_null(strstr(last, "loss 4.5000"));
        }
    }
}

static void colours_obey_no_color(void **state) {
    (void)state;
    unsetenv("NO_COLOR");
    assert_non_null(strstr(on_terminal(100, a_run), "\x1b[33mwarning"));
    setenv("NO_COLOR", "", 1);
    assert_non_null(strstr(on_terminal(100, a_run), "\x1b[33mwarning"));
    setenv("NO_COLOR", "1", 1);
    const char *output = on_terminal(100, a_run);
    for (const char *p = output; (p = strchr(p, '\x1b')) != NULL; p++) assert_memory_equal(p, "\x1b[K", 3);
    size_t widest;
    assert_non_null(strstr(screen(output, &widest), "step 300/1000"));
    unsetenv("NO_COLOR");
}

static const char *const plain = "banner\nof two lines\n"
                                 "train  step 100/1000  epoch 1/10  loss 4.5000  ppl 90.017  lr 0.001  24.1k tokens/s  "
                                 "20 ms/step  comm 3 ms  ETA 0:01:05\n"
                                 "train  step 200/1000  epoch 2/10  loss 4.5000  ppl 90.017  lr 0.001  24.1k tokens/s  "
                                 "20 ms/step  comm 3 ms  ETA 0:01:05\n"
                                 "valid  step 200/1000  epoch 2/10  loss 4.5000  ppl 90.017\n"
                                 "warning: low disk\n"
                                 "train  step 300/1000  epoch 3/10  loss 4.5000  ppl 90.017  lr 0.001  24.1k tokens/s  "
                                 "20 ms/step  comm 3 ms  ETA 0:01:05\n"
                                 "saved\n";

static void a_pipe_gets_plain_lines(void **state) {
    (void)state;
    assert_string_equal(on_pipe(a_run), plain);
}

static void expect_plain_with_returns(const char *output) {
    assert_null(strchr(output, '\x1b'));
    size_t widest;
    assert_string_equal(screen(output, &widest), plain);
    assert_int_equal(widest, 0);
}

static void a_dumb_terminal_gets_plain_lines(void **state) {
    (void)state;
    char *before = getenv("TERM") != NULL ? strdup(getenv("TERM")) : NULL;
    setenv("TERM", "dumb", 1);
    expect_plain_with_returns(on_terminal(100, a_run));
    if (before != NULL)
        setenv("TERM", before, 1);
    else
        unsetenv("TERM");
    free(before);
}

static void progress_only(rr_logger *log, int go_on) {
    (void)go_on;
    for (uint64_t step = 1; step <= 1000; step++) put(log, RR_EVENT_PROGRESS, "train", step);
}

static void progress_events_are_drawn_but_not_each(void **state) {
    (void)state;
    const char *output = on_terminal(100, progress_only);
    size_t draws = 0;
    for (const char *p = output; (p = strstr(p, "\x1b[K")) != NULL; p++) draws++;
    assert_true(draws >= 1 && draws < 100);
    assert_string_equal(on_pipe(progress_only), "");
}

static void wait_for_parent(int go_on) {
    char byte;
    if (read(go_on, &byte, 1) != 1) _exit(1);
}

static void before_and_after_a_resize(rr_logger *log, int go_on) {
    put(log, RR_EVENT_METRICS, "train", 100);
    wait_for_parent(go_on);
    rr_log_message(log, "message");
    put(log, RR_EVENT_METRICS, "train", 200);
}

static void a_window_that_shrinks_is_followed(void **state) {
    (void)state;
    struct winsize size = {.ws_row = 25, .ws_col = 120};
    int fd, go_on[2], leave[2];
    char first[4096];
    assert_int_equal(pipe(go_on), 0);
    assert_int_equal(pipe(leave), 0);
    pid_t child = forkpty(&fd, NULL, NULL, &size);
    assert_true(child >= 0);
    if (child == 0) log_in_terminal_child(before_and_after_a_resize, go_on[0], leave);
    close(leave[0]);
    ssize_t got = read(fd, first, sizeof first - 1);
    assert_true(got > 100);
    size.ws_col = 40;
    assert_int_equal(ioctl(fd, TIOCSWINSZ, &size), 0);
    assert_int_equal(write(go_on[1], "x", 1), 1);
    size_t widest;
    const char *shown = screen(read_until_end(fd, leave[1], child), &widest);
    assert_true(widest > 10 && widest < 40);
    assert_non_null(strstr(shown, "message\n"));
    assert_non_null(strstr(shown, "step 200/1000"));
    close(go_on[0]);
    close(go_on[1]);
}

/*
 * As mpirun does: the program writes to a terminal without a size, whose other end the parent copies to its own output.
 * Runs in the child that has the final output.
 */
static void relay(scenario *run) {
    int fd, leave[2];
    char block[4096];
    if (pipe(leave) != 0) _exit(1);
    pid_t child = forkpty(&fd, NULL, NULL, NULL);
    if (child < 0) _exit(1);
    if (child == 0) log_in_terminal_child(run, -1, leave);
    close(leave[0]);
    for (ssize_t got; (got = read(fd, block, sizeof block)) > 0 || (got < 0 && errno == EINTR);) {
        bool end = got > 0 && block[got - 1] == END;
        if (end) got--;
        if (got > 0 && write(STDOUT_FILENO, block, (size_t)got) != got) _exit(1);
        if (end) break;
    }
    close(leave[1]);
    int status;
    waitpid(child, &status, 0);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

static void relay_a_run(rr_logger *log, int go_on) {
    (void)log, (void)go_on;
    relay(a_run);
}

static void behind_a_relay_the_window_behind_it_counts(void **state) {
    (void)state;
    size_t widest;
    const char *shown = screen(on_terminal(70, relay_a_run), &widest);
    assert_true(widest > 50 && widest < 70);
    assert_non_null(strstr(strstr(shown, "saved\n"), "step 300/1000"));
}

static void behind_a_relay_to_a_file_lines_are_plain(void **state) {
    (void)state;
    expect_plain_with_returns(on_pipe(relay_a_run));
}

int main(void) {
    unsetenv("NO_COLOR");
    setenv("TERM", "xterm", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_terminal_shows_messages_above_one_progress_line),
        cmocka_unit_test(the_last_step_is_drawn),
        cmocka_unit_test(the_progress_line_fits_every_window),
        cmocka_unit_test(colours_obey_no_color),
        cmocka_unit_test(a_pipe_gets_plain_lines),
        cmocka_unit_test(a_dumb_terminal_gets_plain_lines),
        cmocka_unit_test(progress_events_are_drawn_but_not_each),
        cmocka_unit_test(a_window_that_shrinks_is_followed),
        cmocka_unit_test(behind_a_relay_the_window_behind_it_counts),
        cmocka_unit_test(behind_a_relay_to_a_file_lines_are_plain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
