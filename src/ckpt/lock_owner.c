#include "ckpt/lock_owner.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ckpt/slurm.h"

/* Copies without blanks at the end and anything that would break a line. */
static void copy_text(const char *text, char out[RR_OWNER_TEXT]) {
    size_t length = 0;
    for (; text != NULL && text[length] != 0 && length < RR_OWNER_TEXT - 1; length++)
        out[length] = iscntrl((unsigned char)text[length]) ? ' ' : text[length];
    while (length > 0 && out[length - 1] == ' ') length--;
    out[length] = 0;
}

static void copy_file(const char *path, char out[RR_OWNER_TEXT]) {
    char line[RR_OWNER_TEXT] = "";
    FILE *file = fopen(path, "re");
    if (file != NULL && fgets(line, sizeof line, file) == NULL) line[0] = 0;
    if (file != NULL) fclose(file);
    copy_text(line, out);
}

/* State letter and start time of a process, from proc(5). @return false if there is no such process */
static bool process_stat(long long pid, char *state, unsigned long long *start) {
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%lld/stat", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) return false;
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = 0;
    const char *after_name = strrchr(text, ')'); /* the name may hold blanks and brackets */
    return after_name != NULL &&
           sscanf(after_name + 1, " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu",
                  state, start) == 2;
}

void rr_lock_owner_self(rr_lock_owner *out) {
    *out = (rr_lock_owner){.pid = (long long)getpid()};
    char state, text[RR_OWNER_TEXT] = "";
    gethostname(text, sizeof text - 1);
    copy_text(text, out->host);
    copy_file("/etc/machine-id", out->machine);
    copy_file("/proc/sys/kernel/random/boot_id", out->boot);
    ssize_t length = readlink("/proc/self/ns/pid", text, sizeof text - 1);
    text[length > 0 ? length : 0] = 0;
    copy_text(text, out->space);
    process_stat(out->pid, &state, &out->start);
    copy_text(getenv("SLURM_CLUSTER_NAME"), out->cluster);
    copy_text(getenv("SLURM_JOB_ID"), out->job);
    copy_text(getenv("SLURM_STEP_ID"), out->step);
    const char *restarts = getenv("SLURM_RESTART_COUNT");
    if (restarts != NULL) out->restarts = strtoll(restarts, NULL, 10);
    time_t now = time(NULL);
    struct tm utc;
    if (gmtime_r(&now, &utc) != NULL) strftime(out->since, sizeof out->since, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

void rr_lock_owner_write(const rr_lock_owner *owner, rr_buffer *out) {
    rr_buffer_printf(out, "host: %s\npid: %lld\nstart: %llu\nmachine: %s\nboot: %s\nspace: %s\n", owner->host,
                     owner->pid, owner->start, owner->machine, owner->boot, owner->space);
    rr_buffer_printf(out, "cluster: %s\njob: %s\nstep: %s\nrestarts: %lld\nsince: %s\n", owner->cluster, owner->job,
                     owner->step, owner->restarts, owner->since);
}

/* Fills one field. Unknown keys are those of another version. */
static void parse_field(const char *key, const char *value, rr_lock_owner *out) {
    const struct {
        const char *key;
        char *text;
    } texts[] = {{"host", out->host},       {"machine", out->machine}, {"boot", out->boot}, {"space", out->space},
                 {"cluster", out->cluster}, {"job", out->job},         {"step", out->step}, {"since", out->since}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(key, texts[i].key) == 0) copy_text(value, texts[i].text);
    if (strcmp(key, "pid") == 0) out->pid = strtoll(value, NULL, 10);
    if (strcmp(key, "start") == 0) out->start = strtoull(value, NULL, 10);
    if (strcmp(key, "restarts") == 0) out->restarts = strtoll(value, NULL, 10);
}

bool rr_lock_owner_parse(const char *text, rr_lock_owner *out) {
    *out = (rr_lock_owner){0};
    while (*text != 0) {
        char line[2 * RR_OWNER_TEXT];
        size_t length = strcspn(text, "\n");
        snprintf(line, sizeof line, "%.*s", (int)(length < sizeof line ? length : sizeof line - 1), text);
        text += length + (text[length] != 0);
        char *colon = strstr(line, ": ");
        if (colon == NULL) continue;
        *colon = 0;
        parse_field(line, colon + 2, out);
    }
    return out->host[0] != 0 && out->pid > 0;
}

static rr_owner_state state_here(const rr_lock_owner *owner, const rr_lock_owner *self, bool flock_works) {
    char state;
    unsigned long long start;
    if (strcmp(owner->boot, self->boot) != 0) return RR_OWNER_GONE;
    if (strcmp(owner->space, self->space) != 0) return flock_works ? RR_OWNER_GONE : RR_OWNER_UNKNOWN;
    if (!process_stat(self->pid, &state, &start)) /* no /proc here: only the number says something */
        return kill((pid_t)owner->pid, 0) != 0 && errno == ESRCH ? RR_OWNER_GONE : RR_OWNER_UNKNOWN;
    if (!process_stat(owner->pid, &state, &start)) return RR_OWNER_GONE;
    return state == 'Z' || state == 'X' || start != owner->start ? RR_OWNER_GONE : RR_OWNER_RUNS;
}

bool rr_lock_owner_is_earlier_start(const rr_lock_owner *owner, const rr_lock_owner *self) {
    return owner->job[0] != 0 && strcmp(owner->job, self->job) == 0 && strcmp(owner->cluster, self->cluster) == 0 &&
           self->restarts > owner->restarts; /* job ids are a cluster's own */
}

static rr_owner_state state_elsewhere(const rr_lock_owner *owner, const rr_lock_owner *self) {
    bool same_cluster = strcmp(owner->cluster, self->cluster) == 0; /* job ids are a cluster's own */
    if (owner->job[0] == 0 || !same_cluster) return RR_OWNER_UNKNOWN;
    bool same_job = strcmp(owner->job, self->job) == 0;
    if (same_job && owner->step[0] == 0)
        return RR_OWNER_UNKNOWN; /* the job runs: it is ours; its parts have no names */
    switch (rr_slurm_job_state(owner->job, same_job ? owner->step : "")) {
    case RR_SLURM_LISTED:
        return RR_OWNER_RUNS;
    case RR_SLURM_ENDED:
        return RR_OWNER_GONE;
    case RR_SLURM_UNKNOWN:
        break;
    }
    return RR_OWNER_UNKNOWN;
}

rr_owner_state rr_lock_owner_state(const rr_lock_owner *owner, const rr_lock_owner *self, bool flock_works) {
    if (rr_lock_owner_is_earlier_start(owner, self)) return RR_OWNER_GONE;
    bool here = strcmp(owner->host, self->host) == 0 && strcmp(owner->machine, self->machine) == 0;
    return here ? state_here(owner, self, flock_works) : state_elsewhere(owner, self);
}
