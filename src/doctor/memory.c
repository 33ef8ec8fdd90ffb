/* Is there memory for a rank, and for what ranks of a node share? */
#include <math.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#include "dist/pretend.h"
#include "doctor/facts.h"
#include "doctor/spread.h"
#include "doctor/system.h"

static const double MIB = 1 << 20;

static double group_room(const char *folder) {
    double limit = rr_system_file_number(folder, "memory.max");
    double used = rr_system_file_number(folder, "memory.current");
    if (isnan(limit)) {
        limit = rr_system_file_number(folder, "memory.limit_in_bytes");
        used = rr_system_file_number(folder, "memory.usage_in_bytes");
    }
    return isnan(limit) || limit > 1e18 ? INFINITY : limit - (isnan(used) ? 0 : used);
}

void rr_collect_memory(const rr_examination *examination, rr_facts *facts) {
    rr_buffer text = {0};
    struct statvfs shared;
    (void)examination;
    rr_system_read("/proc/meminfo", &text);
    facts->memory = 1024 * rr_system_number(rr_buffer_text(&text), "MemTotal:");
    facts->memory_free = 1024 * rr_system_number(rr_buffer_text(&text), "MemAvailable:");
    rr_buffer_free(&text);
    facts->group_room = rr_system_group_limit("memory", group_room);
    facts->address_limit = rr_system_limit(RLIMIT_AS);
    facts->locked_limit = rr_system_limit(RLIMIT_MEMLOCK);
    if (statvfs("/dev/shm", &shared) != 0) return;
    facts->shared = (double)shared.f_blocks * (double)shared.f_frsize;
    facts->shared_free = fmin((double)shared.f_bavail * (double)shared.f_frsize, rr_pretended_room());
}

/* One finding of a kind is enough: nodes are mostly alike. */
static void judge_node(const rr_examination *examination, const rr_facts *facts, rr_report *report, bool said[3]) {
    double ranks = (double)facts->local_size, needed = ranks * examination->rank_bytes;
    double room = fmin(facts->memory_free, facts->group_room), shared = ranks * examination->gradient_bytes;
    const char *host = facts->place.host;
    if (examination->has_config && needed > room && !said[0]) {
        said[0] = true;
        rr_report_finding(report, RR_WARNING,
                          "%zu rank%s on %s need %.0f MiB, and %.0f are available%s: the system would kill one. Use "
                          "train.micro_batch_size, dist.shard_optimizer, fewer ranks with more threads, or more nodes",
                          facts->local_size, facts->local_size == 1 ? "" : "s", host, needed / MIB, room / MIB,
                          facts->group_room < facts->memory_free ? " in its control group" : "");
    }
    if (examination->has_config && examination->rank_bytes > facts->address_limit && !said[1]) {
        said[1] = true;
        rr_report_finding(report, RR_BROKEN, "a rank on %s needs %.0f MiB, and ulimit -v allows %.0f: raise it", host,
                          examination->rank_bytes / MIB, facts->address_limit / MIB);
    }
    if (facts->local_size > 1 && facts->shared_free < fmax(shared, ranks * 4 * MIB) && !said[2]) {
        said[2] = true;
        rr_report_finding(report, RR_WARNING,
                          "/dev/shm on %s has %.0f MiB free, and %zu ranks would share %.0f: without them gradients "
                          "are summed by messages, which is slower. Enlarge it (mount -o remount,size=...; docker "
                          "--shm-size)",
                          host, facts->shared_free / MIB, facts->local_size, fmax(shared, ranks * 4 * MIB) / MIB);
    }
}

void rr_judge_memory(const rr_examination *examination, const rr_patients *patients, rr_report *report) {
    rr_spread room = rr_spread_of(patients, offsetof(rr_facts, memory_free));
    rr_spread group = rr_spread_of(patients, offsetof(rr_facts, group_room));
    rr_spread shared = rr_spread_of(patients, offsetof(rr_facts, shared_free));
    bool said[3] = {false, false, false};
    char text[64];
    rr_report_section(report, "memory");
    rr_report_number(report, "host_mib", patients->all[0].memory / MIB);
    rr_report_number(report, "available_mib_min", room.least / MIB);
    rr_report_number(report, "control_group_mib_min", group.least / MIB);
    rr_report_number(report, "shm_free_mib_min", shared.least / MIB);
    rr_report_number(report, "ulimit_v_mib", patients->all[0].address_limit / MIB);
    rr_report_number(report, "ulimit_l_mib", patients->all[0].locked_limit / MIB);
    rr_spread_text(&room, 1 / MIB / 1024, "GiB", text, sizeof text);
    rr_report_line(report, "%s available on a host; /dev/shm has %.0f MiB free%s", text, shared.least / MIB,
                   isfinite(group.least) ? "; a control group limits it" : "");
    if (examination->has_config) {
        rr_report_number(report, "rank_needs_mib", examination->rank_bytes / MIB);
        rr_report_line(report, "a rank needs %.0f MiB", examination->rank_bytes / MIB);
    }
    for (size_t rank = 0; rank < patients->count; rank++)
        if (patients->all[rank].local_rank == 0) judge_node(examination, &patients->all[rank], report, said);
}
