#include "ckpt/slurm.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"

static const double patience_s = 15;

extern char **environ;

/* Reads what the child prints until it closes its end. @return false if it took too long */
static bool read_output(int fd, rr_buffer *out) {
    double end = rr_clock_seconds() + patience_s;
    for (;;) {
        double left = end - rr_clock_seconds();
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (left <= 0) return false;
        if (poll(&wait, 1, (int)(left * 1000) + 1) <= 0) continue;
        char block[4096];
        ssize_t got = read(fd, block, sizeof block);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return got == 0;
        if (out->length < (1 << 20)) rr_buffer_append(out, block, (size_t)got);
    }
}

/* Runs a program with its output and errors in *out. @return its exit code, or -1 */
static int run(char *const *arguments, rr_buffer *out) {
    int ends[2], code = -1;
    if (pipe2(ends, O_CLOEXEC) != 0) return -1;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    pid_t child;
    int error = posix_spawnp(&child, arguments[0], &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (error == 0) {
        bool finished = read_output(ends[0], out);
        if (!finished) kill(child, SIGKILL);
        int how;
        while (waitpid(child, &how, 0) < 0)
            if (errno != EINTR) {
                finished = false;
                break;
            }
        if (finished && WIFEXITED(how)) code = WEXITSTATUS(how);
    }
    close(ends[0]);
    return code;
}

static bool has_line(const char *text, const char *line) {
    size_t length = strlen(line);
    for (const char *p = text; (p = strstr(p, line)) != NULL; p++)
        if ((p == text || p[-1] == '\n') && (p[length] == '\n' || p[length] == 0)) return true;
    return false;
}

static bool is_number(const char *text) { return *text != 0 && text[strspn(text, "0123456789")] == 0; }

rr_slurm_state rr_slurm_job_state(const char *job, const char *step) {
    if (!is_number(job) || (*step != 0 && !is_number(step))) return RR_SLURM_UNKNOWN;
    char *of_job[] = {"squeue", "--noheader", "--jobs", (char *)job, "--format=%T", NULL};
    char *of_steps[] = {"squeue", "--noheader", "--jobs", (char *)job, "--steps", "--format=%i", NULL};
    rr_buffer out = {0};
    int code = run(*step != 0 ? of_steps : of_job, &out);
    rr_slurm_state state = RR_SLURM_UNKNOWN;
    const char *text = rr_buffer_text(&out);
    if (code == 0 && *step == 0) {
        state = text[strspn(text, " \n")] != 0 ? RR_SLURM_LISTED : RR_SLURM_ENDED;
    } else if (code == 0) {
        char name[600];
        snprintf(name, sizeof name, "%s.%s", job, step);
        state = has_line(text, name) ? RR_SLURM_LISTED : RR_SLURM_ENDED;
    } else if (code > 0 && strstr(text, "Invalid job id") != NULL) {
        state = RR_SLURM_ENDED; /* so long ago that Slurm has forgotten it */
    }
    rr_buffer_free(&out);
    return state;
}

/* "1-02:03:04", "02:03:04", "03:04" */
static double read_duration(const char *text) {
    double days = 0, seconds = 0;
    char *end;
    for (;;) {
        double part = strtod(text, &end);
        if (end == text) return NAN;
        if (*end == '-') {
            days = part;
        } else {
            seconds = 60 * seconds + part;
            if (*end != ':') break;
        }
        text = end + 1;
    }
    return end[strspn(end, " \n")] == 0 ? 86400 * days + seconds : NAN;
}

double rr_slurm_time_left(const char *job) {
    char *arguments[] = {"squeue", "--noheader", "--jobs", (char *)job, "--format=%L", NULL};
    rr_buffer out = {0};
    double left = NAN;
    if (is_number(job) && run(arguments, &out) == 0) {
        const char *text = rr_buffer_text(&out);
        text += strspn(text, " ");
        left = strncmp(text, "UNLIMITED", 9) == 0 ? INFINITY : read_duration(text);
    }
    rr_buffer_free(&out);
    return left;
}
