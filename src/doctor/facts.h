/*
 * What every rank finds out about the place where it runs. Ranks collect facts; rank 0 has those of all, and judges
 * them by pure functions, so that any cluster can be judged in a test. A check is one file: collect_<check> and
 * judge_<check>, listed in doctor.c.
 */
#ifndef RR_DOCTOR_FACTS_H
#define RR_DOCTOR_FACTS_H

#include <stdbool.h>

#include "dist/comm.h"
#include "dist/placement.h"
#include "dist/probe.h"
#include "doctor/report.h"
#include "math/runtime.h"

enum { RR_FACT_TEXT = 256, RR_FACT_NAME = 64, RR_FACT_LINKS = 5 };

/** Between this rank and another one, measured. */
typedef struct rr_fact_link {
    size_t partner;
    rr_link_rates rates;
} rr_fact_link;

/** Numbers are NAN, texts empty, where the system does not say. Bytes, seconds. */
typedef struct rr_facts {
    rr_rank_place place;
    size_t local_rank, local_size;

    /* processor */
    char cpu[RR_FACT_NAME];
    rr_isa isa_best, isa_used;
    char blas[RR_FACT_NAME], notice[RR_FACT_TEXT];
    char wrong[RR_FACT_TEXT]; /* what the self-check of products said; empty: they are right */
    double fma_gflops, product_gflops, copy_gb_s;
    bool flushes; /* denormals, on the calling thread and on one of a team */

    /* cores */
    rr_core_set cores;     /* that this rank may run on */
    double host_threads;   /* hardware threads that the host has online */
    double quota_cores;    /* of the control group, INFINITY: no limit */
    double load, own_load; /* runnable threads of the host when the doctor came, and what its ranks add to them */

    /* memory */
    double memory, memory_free, group_room; /* of the host; what the control group leaves (INFINITY: no limit) */
    double address_limit, locked_limit;     /* RLIMIT_AS, RLIMIT_MEMLOCK; INFINITY: none */
    double shared, shared_free;             /* /dev/shm; 0 where there is none */

    /* files: what rank 0 found, but for sees_marker */
    char folder[RR_FACT_TEXT], file_system[RR_FACT_NAME], cannot[RR_FACT_TEXT]; /* why nothing can be saved there */
    double disk_free, written, write_s, sync_s, rename_s, file_limit;
    bool sees_marker; /* a file that rank 0 made */

    /* launch: rank 0 */
    char launcher[RR_FACT_NAME], job[RR_FACT_NAME];
    double job_nodes, job_tasks, job_cores_a_task, job_left_s, job_memory;
    double peers;            /* that the launcher speaks of; NAN without one */
    char deaf[RR_FACT_NAME]; /* signals that are ignored or blocked: "USR1 TERM" */

    /* network */
    char transport[RR_FACT_TEXT];                       /* "ob1 over tcp, vader" */
    char interface[RR_FACT_NAME], faster[RR_FACT_NAME]; /* which messages went through; one that is up and faster */
    double interface_bits_s, faster_bits_s;
    rr_fact_link links[RR_FACT_LINKS]; /* those that this rank, the lower one of the pair, has measured */
    size_t link_count;
    rr_fact_link local; /* with the next rank of the node; partner 0: none */
} rr_facts;

/** What the checks may use, and what a configuration adds. */
typedef struct rr_examination {
    rr_comm *comm;
    const char *folder;    /* of runs */
    bool has_config;       /* the rest is of a configuration */
    size_t threads;        /* a rank */
    double rank_bytes;     /* memory of a rank */
    double gradient_bytes; /* those that ranks of a node share */
    double checkpoint_bytes, checkpoints_kept;
    double max_minutes; /* NAN: no limit */
} rr_examination;

/** Facts of all ranks. */
typedef struct rr_patients {
    const rr_facts *all; /* [count] */
    size_t count, nodes;
} rr_patients;

void rr_collect_processor(const rr_examination *examination, rr_facts *facts);
void rr_judge_processor(const rr_examination *examination, const rr_patients *patients, rr_report *report);
void rr_collect_cores(const rr_examination *examination, rr_facts *facts);
void rr_judge_cores(const rr_examination *examination, const rr_patients *patients, rr_report *report);
void rr_collect_memory(const rr_examination *examination, rr_facts *facts);
void rr_judge_memory(const rr_examination *examination, const rr_patients *patients, rr_report *report);
void rr_collect_launch(const rr_examination *examination, rr_facts *facts);
void rr_judge_launch(const rr_examination *examination, const rr_patients *patients, rr_report *report);
/** Collective, as messages and files of others take part. */
rr_status rr_collect_files(const rr_examination *examination, rr_facts *facts);
void rr_judge_files(const rr_examination *examination, const rr_patients *patients, rr_report *report);
rr_status rr_collect_network(const rr_examination *examination, rr_facts *facts);
void rr_judge_network(const rr_examination *examination, const rr_patients *patients, rr_report *report);

#endif
