/* Who started the ranks, and what the job may still do. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ckpt/slurm.h"
#include "doctor/facts.h"
#include "doctor/system.h"

static double number_of(const char *name) {
    const char *text = getenv(name);
    char *end;
    if (text == NULL) return NAN;
    double value = strtod(text, &end);
    return end != text ? value : NAN;
}

static const char *text_of(const char *name) { return getenv(name) != NULL ? getenv(name) : ""; }

static void find_launcher(rr_facts *facts) {
    const char *how = "none: one rank by itself";
    facts->peers = NAN;
    if (getenv("OMPI_COMM_WORLD_SIZE") != NULL) {
        how = "mpirun";
        facts->peers = number_of("OMPI_COMM_WORLD_SIZE");
    } else if (getenv("PMIX_RANK") != NULL) {
        how = getenv("SLURM_STEP_ID") != NULL ? "srun, PMIx" : "PMIx";
        facts->peers = number_of("SLURM_STEP_NUM_TASKS");
    } else if (getenv("PMI_RANK") != NULL) {
        how = "PMI";
        facts->peers = number_of("PMI_SIZE");
    }
    snprintf(facts->launcher, sizeof facts->launcher, "%s", how);
}

static void ask_slurm(rr_facts *facts) {
    const char *job = text_of("SLURM_JOB_ID");
    double end = number_of("SLURM_JOB_END_TIME");
    facts->job_nodes = number_of("SLURM_JOB_NUM_NODES");
    facts->job_tasks = number_of("SLURM_NTASKS");
    facts->job_cores_a_task = number_of("SLURM_CPUS_PER_TASK");
    facts->job_memory = number_of("SLURM_MEM_PER_NODE");
    snprintf(facts->job, sizeof facts->job, "%s", job);
    facts->job_left_s = isnan(end) ? NAN : end - (double)time(NULL);
    if (job[0] != 0 && isnan(end)) facts->job_left_s = rr_slurm_time_left(job);
}

/* Masks of /proc/self/status are hexadecimal; signal n is bit n - 1. */
static void find_deaf(rr_facts *facts) {
    static const struct {
        const char *name;
        int number;
    } needed[] = {{"SIGUSR1", SIGUSR1}, {"SIGTERM", SIGTERM}, {"SIGINT", SIGINT}};
    rr_buffer status = {0};
    char ignored[32], blocked[32];
    rr_system_read("/proc/self/status", &status);
    rr_system_line(rr_buffer_text(&status), "SigIgn:", ignored, sizeof ignored);
    rr_system_line(rr_buffer_text(&status), "SigBlk:", blocked, sizeof blocked);
    unsigned long long deaf = strtoull(ignored, NULL, 16) | strtoull(blocked, NULL, 16);
    rr_buffer_free(&status);
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (deaf >> (needed[i].number - 1) & 1) {
            size_t used = strlen(facts->deaf);
            snprintf(facts->deaf + used, sizeof facts->deaf - used, "%s%s", used > 0 ? ", " : "", needed[i].name);
        }
}

void rr_collect_launch(const rr_examination *examination, rr_facts *facts) {
    find_launcher(facts);
    find_deaf(facts);
    if (rr_comm_rank(examination->comm) == 0) ask_slurm(facts);
}

static void judge_job(const rr_examination *examination, const rr_patients *patients, rr_report *report) {
    const rr_facts *facts = &patients->all[0];
    double left = facts->job_left_s / 60;
    rr_report_number(report, "slurm_nodes", facts->job_nodes);
    rr_report_number(report, "slurm_tasks", facts->job_tasks);
    rr_report_number(report, "slurm_cores_per_task", facts->job_cores_a_task);
    rr_report_number(report, "slurm_memory_mib", facts->job_memory);
    rr_report_number(report, "slurm_minutes_left", left);
    if (isnan(left))
        rr_report_line(report, "Slurm job %s: its time limit is not known", facts->job);
    else if (isinf(left))
        rr_report_line(report, "Slurm job %s: no time limit", facts->job);
    else
        rr_report_line(report, "Slurm job %s: %.0f minutes left", facts->job, left);
    if (facts->job_nodes > (double)patients->nodes)
        rr_report_finding(report, RR_WARNING,
                          "the job has %.0f nodes, and ranks run on %zu: the others are paid for and idle. Give mpirun "
                          "no -n, or srun --ntasks-per-node",
                          facts->job_nodes, patients->nodes);
    if (facts->job_cores_a_task < (double)examination->threads)
        rr_report_finding(report, RR_WARNING,
                          "Slurm gives a task %.0f cores, and dist.threads_per_rank is %zu: --cpus-per-task=%zu",
                          facts->job_cores_a_task, examination->threads, examination->threads);
    if (isfinite(left) && !(examination->max_minutes < left))
        rr_report_finding(report, RR_WARNING,
                          "the job ends in %.0f minutes, and train.max_minutes %s: set it to %.0f, so that the run "
                          "saves and ends by itself in time",
                          left, isnan(examination->max_minutes) ? "is not set" : "lets the run go on longer",
                          fmax(1, floor(left - fmax(2, 0.02 * left))));
}

void rr_judge_launch(const rr_examination *examination, const rr_patients *patients, rr_report *report) {
    const rr_facts *facts = &patients->all[0];
    rr_report_section(report, "launch");
    rr_report_text(report, "launcher", facts->launcher);
    rr_report_text(report, "mpi", rr_comm_mpi_version(examination->comm));
    rr_report_text(report, "slurm_job", facts->job);
    rr_report_text(report, "signals_not_heard", facts->deaf);
    rr_report_line(report, "%s, %s", facts->launcher, rr_comm_mpi_version(examination->comm));
    if (facts->peers > (double)patients->count)
        rr_report_finding(
            report, RR_BROKEN,
            "the launcher started %.0f ranks, and this MPI (%s) found %zu: each would train alone. Use the "
            "mpirun of the MPI that ringrnn was built with, or srun --mpi=pmix",
            facts->peers, rr_comm_mpi_version(examination->comm), patients->count);
    if (facts->deaf[0] != 0)
        rr_report_finding(report, RR_WARNING,
                          "%s cannot reach the ranks (ignored or blocked by what started them), so a warned job would "
                          "not save: see trap and nohup in the job's script",
                          facts->deaf);
    if (facts->job[0] != 0) judge_job(examination, patients, report);
}
