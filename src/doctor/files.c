/* Can the run be saved where the configuration says: whole, durably, and how long does it take? */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/durable.h"
#include "base/file.h"
#include "doctor/facts.h"
#include "doctor/system.h"

enum { BLOCK = 8 << 20 };
static const double MIB = 1 << 20, MOST = 256 << 20, MOST_S = 5, SLOW_BYTES_S = 20e6, SLOW_SMALL_S = 0.5;

/* The folder, or the nearest above it that is there: the doctor makes none. */
static void find_folder(const char *wanted, char *out, size_t size) {
    snprintf(out, size, "%s", wanted[0] != 0 ? wanted : ".");
    while (access(out, F_OK) != 0 && errno == ENOENT) {
        char *slash = strrchr(out, '/');
        if (slash == NULL)
            snprintf(out, size, ".");
        else
            slash[slash == out] = 0; /* "/" stays */
    }
}

/* Its kind and source, by the longest mount point that the folder is below: "ext4 on /dev/sda1". */
static void find_file_system(const char *folder, char *out, size_t size) {
    char whole[PATH_MAX], point[PATH_MAX], kind[16], source[PATH_MAX];
    rr_buffer mounts = {0};
    size_t longest = 0;
    out[0] = 0;
    if (realpath(folder, whole) == NULL) return;
    rr_system_read("/proc/self/mountinfo", &mounts);
    char *rest = mounts.data;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        const char *dash = strstr(line, " - ");
        if (dash == NULL || sscanf(line, "%*s %*s %*s %*s %4095s", point) != 1 ||
            sscanf(dash, " - %15s %4095s", kind, source) != 2)
            continue;
        size_t length = strlen(point);
        bool below = strncmp(whole, point, length) == 0 && (whole[length] == '/' || whole[length] == 0 || length == 1);
        if (!below || length < longest) continue;
        longest = length;
        snprintf(out, size, "%s on %.40s", kind, source);
    }
    rr_buffer_free(&mounts);
}

/* Writes what a checkpoint has, or as much as goes in some seconds. */
static rr_status write_blocks(rr_durable *file, double wanted, rr_facts *facts) {
    char *block = calloc(1, BLOCK);
    if (block == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a file to write");
    for (size_t i = 0; i < BLOCK; i++) block[i] = (char)(i * 2654435761U >> 24); /* not for a file system to squeeze */
    rr_status status = RR_OK;
    double start = rr_clock_seconds();
    while (status == RR_OK && facts->written < wanted && rr_clock_seconds() - start < MOST_S) {
        double left = wanted - facts->written;
        status = rr_durable_write(file, block, left < BLOCK ? (size_t)left : BLOCK);
        facts->written += left < BLOCK ? left : BLOCK;
    }
    facts->write_s = rr_clock_seconds() - start;
    start = rr_clock_seconds();
    if (status == RR_OK && fsync(file->fd) != 0)
        status = rr_fail(RR_ERR_RUNTIME, "%s: fsync: %s", file->path, strerror(errno));
    facts->sync_s = rr_clock_seconds() - start;
    free(block);
    return status;
}

/* A whole file takes the place of an old one, and nothing else stays. */
static rr_status check_rename(const char *path) {
    static const char text[] = "written second";
    rr_buffer found = {0};
    RR_TRY(rr_file_write(path, text, sizeof text));
    rr_status status = rr_file_read(path, &found);
    if (status == RR_OK && (found.length != sizeof text || memcmp(found.data, text, sizeof text) != 0))
        status = rr_fail(RR_ERR_RUNTIME, "%s holds something else than was written and renamed to it", path);
    rr_buffer_free(&found);
    return status;
}

static rr_status write_checkpoint(const char *path, double bytes, rr_facts *facts) {
    rr_durable file;
    RR_TRY(rr_durable_begin(path, &file));
    rr_status status = write_blocks(&file, bytes, facts);
    if (status != RR_OK) {
        rr_durable_abandon(&file);
        return status;
    }
    RR_TRY(rr_durable_commit(&file));
    double start = rr_clock_seconds();
    status = check_rename(path);
    facts->rename_s = rr_clock_seconds() - start;
    return status;
}

/* Rank 0 leaves a file for the others to look for, until rr_collect_files removes it. */
static void examine(const rr_examination *examination, const char *path, rr_facts *facts) {
    struct statvfs state;
    find_file_system(facts->folder, facts->file_system, sizeof facts->file_system);
    facts->disk_free = statvfs(facts->folder, &state) == 0 ? (double)state.f_bavail * (double)state.f_frsize : NAN;
    facts->file_limit = rr_system_limit(RLIMIT_FSIZE);
    double bytes = fmin(fmin(examination->checkpoint_bytes, MOST), 0.5 * facts->disk_free);
    if (write_checkpoint(path, bytes, facts) != RR_OK)
        snprintf(facts->cannot, sizeof facts->cannot, "%s", rr_last_error());
}

rr_status rr_collect_files(const rr_examination *examination, rr_facts *facts) {
    rr_buffer path = {0};
    bool saves = rr_comm_rank(examination->comm) == 0;
    find_folder(examination->folder, facts->folder, sizeof facts->folder);
    if (saves) rr_buffer_printf(&path, "%s/.ringrnn-doctor.%ld", facts->folder, (long)getpid());
    rr_status status = rr_comm_broadcast(examination->comm, 0, &path);
    if (status == RR_OK && saves) examine(examination, rr_buffer_text(&path), facts);
    if (status == RR_OK) status = rr_comm_rest(examination->comm);
    facts->sees_marker = status == RR_OK && access(rr_buffer_text(&path), R_OK) == 0;
    if (status == RR_OK) status = rr_comm_rest(examination->comm);
    if (saves) unlink(rr_buffer_text(&path));
    rr_buffer_free(&path);
    return status;
}

static void judge_speed(const rr_examination *examination, const rr_facts *facts, rr_report *report) {
    double whole_s = (facts->write_s + facts->sync_s) * examination->checkpoint_bytes / facts->written;
    double rate = facts->written / (facts->write_s + facts->sync_s);
    rr_report_number(report, "written_mib", facts->written / MIB);
    rr_report_number(report, "write_s", facts->write_s);
    rr_report_number(report, "fsync_s", facts->sync_s);
    rr_report_number(report, "small_file_s", facts->rename_s);
    rr_report_number(report, "checkpoint_mib", examination->checkpoint_bytes / MIB);
    rr_report_number(report, "checkpoint_s", whole_s);
    rr_report_line(report,
                   "a checkpoint of %.1f MiB%s takes %.2f s (fsync %.2f of it); a small file %.0f ms; %.1f GiB free",
                   examination->checkpoint_bytes / MIB,
                   examination->has_config ? "" : " (no CONFIG was given, so that is a guess)", whole_s,
                   facts->sync_s * examination->checkpoint_bytes / facts->written, 1e3 * facts->rename_s,
                   facts->disk_free / MIB / 1024);
    if (facts->written >= 16 * MIB && rate < SLOW_BYTES_S)
        rr_report_finding(report, RR_WARNING,
                          "%s takes %.1f MB/s: a checkpoint lasts %.0f s, in the background, and a run that is stopped "
                          "waits for it. Use a faster file system, or save more seldom (ckpt.every_steps)",
                          facts->folder, 1e-6 * rate, whole_s);
    if (facts->rename_s > SLOW_SMALL_S)
        rr_report_finding(report, RR_WARNING, "a small file takes %.1f s to be written, fsynced and renamed in %s",
                          facts->rename_s, facts->folder);
}

void rr_judge_files(const rr_examination *examination, const rr_patients *patients, rr_report *report) {
    const rr_facts *facts = &patients->all[0];
    double kept = examination->checkpoint_bytes * (examination->checkpoints_kept + 2);
    rr_report_section(report, "files");
    rr_report_text(report, "run_dir", examination->folder);
    rr_report_text(report, "folder", facts->folder);
    rr_report_text(report, "file_system", facts->file_system);
    rr_report_number(report, "free_mib", facts->disk_free / MIB);
    rr_report_text(report, "saves", facts->cannot[0] == 0 ? "yes" : facts->cannot);
    rr_report_line(report, "run.dir %s: %s", examination->folder, facts->file_system);
    if (facts->cannot[0] != 0) {
        rr_report_finding(report, RR_BROKEN, "nothing can be saved in run.dir: %s", facts->cannot);
        return;
    }
    if (facts->written > 0) judge_speed(examination, facts, report);
    if (examination->has_config && facts->disk_free < kept)
        rr_report_finding(report, RR_WARNING, "%.0f MiB are free in %s, and the checkpoints that are kept need %.0f",
                          facts->disk_free / MIB, facts->folder, kept / MIB);
    if (examination->checkpoint_bytes > facts->file_limit)
        rr_report_finding(report, RR_BROKEN, "a checkpoint has %.0f MiB, and ulimit -f allows files of %.0f",
                          examination->checkpoint_bytes / MIB, facts->file_limit / MIB);
    if (strncmp(facts->file_system, "tmpfs ", 6) == 0 || strncmp(facts->file_system, "ramfs ", 6) == 0)
        rr_report_finding(report, RR_WARNING, "%s lies in memory: checkpoints are gone when the node stops",
                          facts->folder);
    for (size_t rank = 1; rank < patients->count; rank++) {
        if (patients->all[rank].sees_marker || patients->all[rank].place.node == facts->place.node) continue;
        rr_report_finding(
            report, RR_WARNING,
            "%s does not see what %s writes into %s: started again on other nodes, the job would not find "
            "its checkpoints. Use a shared folder",
            patients->all[rank].place.host, facts->place.host, facts->folder);
        return;
    }
}
