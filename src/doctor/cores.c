/* Has every rank cores of its own? */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor/facts.h"
#include "doctor/spread.h"
#include "doctor/system.h"

static double group_cores(const char *folder) {
    char path[4200];
    rr_buffer text = {0};
    snprintf(path, sizeof path, "%s/cpu.max", folder); /* "200000 100000", "max 100000" */
    const char *both = rr_system_read(path, &text);
    const char *blank = strchr(both, ' ');
    double quota = rr_system_number(both, ""), period = blank != NULL ? rr_system_number(blank, "") : NAN;
    if (isnan(quota)) {
        quota = rr_system_file_number(folder, "cpu.cfs_quota_us");
        period = rr_system_file_number(folder, "cpu.cfs_period_us");
    }
    rr_buffer_free(&text);
    return quota > 0 && period > 0 ? quota / period : INFINITY;
}

void rr_collect_cores(const rr_examination *examination, rr_facts *facts) {
    rr_buffer text = {0};
    (void)examination;
    rr_core_set_of_this_thread(&facts->cores);
    facts->host_threads = (double)sysconf(_SC_NPROCESSORS_ONLN);
    facts->quota_cores = rr_system_group_limit("cpu", group_cores);
    facts->load = rr_system_number(rr_system_read("/proc/loadavg", &text), "");
    rr_buffer_free(&text);
}

static size_t count_cores(const rr_core_set *set) {
    size_t count = 0;
    for (size_t w = 0; w < RR_MAX_CORES / 64; w++) count += (size_t)__builtin_popcountll(set->words[w]);
    return count;
}

/* What the banner of a run says too; its warnings are findings here. */
static void describe(const rr_patients *patients, const char *mpi, rr_report *report) {
    rr_buffer text = {0};
    rr_rank_place *places = calloc(patients->count + 1, sizeof *places);
    rr_core_set *cores = calloc(patients->count + 1, sizeof *cores);
    if (places == NULL || cores == NULL) goto free_all;
    for (size_t rank = 0; rank < patients->count; rank++) {
        places[rank] = patients->all[rank].place;
        cores[rank] = patients->all[rank].cores;
    }
    if (rr_placement_describe(places, cores, patients->count, mpi, &text) != RR_OK) goto free_all;
    static const char mark[] = "warning: ";
    char *rest = text.data;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        if (strncmp(line, mark, strlen(mark)) == 0)
            rr_report_finding(report, RR_WARNING,
                              "%s. Start as many ranks as there are cores (-n), and bind them: mpirun --bind-to core",
                              line + strlen(mark));
        else if (*line != 0)
            rr_report_line(report, "%s", line + strspn(line, " "));
    }
free_all:
    rr_buffer_free(&text);
    free(places);
    free(cores);
}

/* Ranks of a node which may use fewer cores than they have threads. */
static void judge_threads(const rr_examination *examination, const rr_patients *patients, rr_report *report) {
    for (size_t rank = 0; rank < patients->count; rank++) {
        size_t cores = count_cores(&patients->all[rank].cores);
        if (cores == 0 || examination->threads <= cores) continue;
        rr_report_finding(report, RR_WARNING,
                          "rank %zu (%s) has dist.threads_per_rank %zu and may run on %zu core%s: start mpirun with "
                          "--map-by slot:PE=%zu --bind-to core",
                          rank, patients->all[rank].place.host, examination->threads, cores, cores == 1 ? "" : "s",
                          examination->threads);
        return;
    }
}

static void judge_nodes(const rr_examination *examination, const rr_patients *patients, rr_report *report) {
    bool quota_said = false, load_said = false;
    for (size_t rank = 0; rank < patients->count; rank++) {
        const rr_facts *facts = &patients->all[rank];
        double wanted = (double)(facts->local_size * examination->threads);
        if (facts->local_rank != 0) continue;
        if (facts->quota_cores < wanted && !quota_said) {
            quota_said = true;
            rr_report_finding(report, RR_WARNING,
                              "the control group on %s allows %.3g cores, and its ranks use %.0f: they are stopped for "
                              "part of the time. Raise the limit (cpu.max), or start fewer ranks",
                              facts->place.host, facts->quota_cores, wanted);
        }
        if (facts->load + wanted > facts->host_threads + 0.5 * wanted && facts->load > 1.5 && !load_said) {
            load_said = true;
            rr_report_finding(report, RR_WARNING,
                              "others compute on %s: its load was %.1f before this, on %.0f hardware threads. Ask for "
                              "whole nodes (--exclusive)",
                              facts->place.host, facts->load, facts->host_threads);
        }
    }
}

void rr_judge_cores(const rr_examination *examination, const rr_patients *patients, rr_report *report) {
    const rr_facts *first = &patients->all[0];
    rr_spread quota = rr_spread_of(patients, offsetof(rr_facts, quota_cores));
    rr_report_section(report, "cores");
    rr_report_number(report, "ranks", (double)patients->count);
    rr_report_number(report, "nodes", (double)patients->nodes);
    rr_report_number(report, "threads_per_rank", (double)examination->threads);
    rr_report_number(report, "hardware_threads", first->host_threads);
    rr_report_number(report, "quota_cores_min", quota.least);
    rr_report_number(report, "load", first->load);
    for (size_t rank = 0; rank < patients->count; rank++) {
        const rr_report_cell cells[] = {{"rank", (double)rank},
                                        {"node", (double)patients->all[rank].place.node},
                                        {"cores", (double)count_cores(&patients->all[rank].cores)}};
        rr_report_row(report, "ranks_of_nodes", cells, sizeof cells / sizeof *cells);
    }
    describe(patients, rr_comm_mpi_version(examination->comm), report);
    judge_threads(examination, patients, report);
    judge_nodes(examination, patients, report);
}
