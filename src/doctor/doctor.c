#include "doctor/doctor.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "doctor/facts.h"
#include "doctor/forecast.h"
#include "train/footprint.h"

/* In the order of the report; messages and files of others come last, as ranks wait for each other there. */
static const struct check {
    void (*collect)(const rr_examination *examination, rr_facts *facts);
    rr_status (*collect_together)(const rr_examination *examination, rr_facts *facts);
    void (*judge)(const rr_examination *examination, const rr_patients *patients, rr_report *report);
} checks[] = {
    {rr_collect_launch, NULL, rr_judge_launch},   {rr_collect_cores, NULL, rr_judge_cores},
    {rr_collect_memory, NULL, rr_judge_memory},   {rr_collect_processor, NULL, rr_judge_processor},
    {NULL, rr_collect_network, rr_judge_network}, {NULL, rr_collect_files, rr_judge_files},
};
enum { CHECKS = sizeof checks / sizeof *checks };

/* Without a configuration: the default of run.dir, and a checkpoint of a small model. */
static const char DEFAULT_FOLDER[] = "runs";
static const double GUESSED_CHECKPOINT = 64 << 20;

typedef struct visit {
    const rr_doctor_options *options;
    rr_comm *comm;
    rr_config *config;
    rr_settings settings;
    rr_task *task; /* NULL without a configuration */
    rr_examination examination;
    rr_report *report; /* of rank 0 */
} visit;

/* Rank 0 reads the file, all parse the same bytes; the task is made on text without meaning. */
static rr_status read_config(visit *v) {
    const rr_train_options *train = &v->options->train;
    rr_buffer text = {0};
    size_t metric;
    rr_status status = rr_comm_rank(v->comm) == 0 ? rr_file_read(train->config_path, &text) : RR_OK;
    status = rr_comm_agree(v->comm, status);
    if (status == RR_OK) status = rr_comm_broadcast(v->comm, 0, &text);
    if (status == RR_OK)
        status = rr_settings_parse(train->config_path, rr_buffer_text(&text), text.length, train->overrides,
                                   train->override_count, &v->config, &v->settings);
    if (status == RR_OK) {
        rr_task_setup setup = rr_settings_task(&v->settings, v->config);
        setup.need_train = setup.need_eval = true;
        setup.synthetic_steps = 1;
        v->settings.train.patience = 0; /* there is nothing to validate on */
        status = rr_tasks[v->settings.task.type]->create(&setup, &v->task);
    }
    if (status == RR_OK) status = rr_settings_check_task(&v->settings, v->config, v->task, &metric);
    rr_buffer_free(&text);
    return rr_comm_agree(v->comm, status);
}

static rr_status prepare(visit *v) {
    rr_examination *examination = &v->examination;
    *examination = (rr_examination){.comm = v->comm,
                                    .folder = DEFAULT_FOLDER,
                                    .threads = 1,
                                    .checkpoint_bytes = GUESSED_CHECKPOINT,
                                    .checkpoints_kept = 1,
                                    .max_minutes = NAN};
    RR_TRY(rr_comm_agree(v->comm, rr_math_open(1)));
    if (v->options->train.config_path == NULL) return RR_OK;
    RR_TRY(read_config(v));
    rr_footprint sizes;
    RR_TRY(rr_comm_agree(
        v->comm, rr_footprint_of(&v->settings, v->task, rr_comm_size(v->comm), rr_comm_nodes(v->comm), &sizes)));
    examination->has_config = true;
    examination->folder = v->settings.run.dir;
    examination->threads = v->settings.dist.threads_per_rank;
    examination->rank_bytes = sizes.total;
    examination->gradient_bytes = sizes.gradients;
    examination->checkpoint_bytes = sizes.checkpoint;
    examination->checkpoints_kept = (double)v->settings.ckpt.keep;
    examination->max_minutes = v->settings.train.max_minutes;
    return RR_OK;
}

static rr_status collect(const visit *v, rr_facts *facts) {
    const rr_comm *comm = v->comm;
    *facts = (rr_facts){.local_rank = rr_comm_local_rank(comm), .local_size = rr_comm_local_size(comm)};
    facts->place.node = rr_comm_node(comm);
    snprintf(facts->place.host, sizeof facts->place.host, "%s", rr_comm_host(comm));
    for (size_t c = 0; c < CHECKS; c++) {
        if (checks[c].collect != NULL) checks[c].collect(&v->examination, facts);
        if (checks[c].collect_together != NULL) RR_TRY(checks[c].collect_together(&v->examination, facts));
    }
    return RR_OK;
}

/* Facts of all ranks in *gathered; rank 0 judges them. */
static rr_status examine(visit *v, rr_facts *mine, rr_buffer *gathered, rr_patients *patients) {
    RR_TRY(rr_comm_agree(v->comm, collect(v, mine)));
    rr_buffer_append(gathered, mine, sizeof *mine);
    RR_TRY(rr_comm_gather_bytes(v->comm, gathered));
    if (rr_comm_rank(v->comm) == 0) {
        patients->all = (const rr_facts *)(const void *)gathered->data;
        patients->count = rr_comm_size(v->comm);
        patients->nodes = rr_comm_nodes(v->comm);
        for (size_t c = 0; c < CHECKS; c++) checks[c].judge(&v->examination, patients, v->report);
    }
    return RR_OK;
}

/* What rank 0 found is for all to know. */
static rr_status share_worst(const visit *v, double *worst) {
    *worst = (double)rr_report_worst(v->report); /* of no report: RR_FINE */
    return rr_comm_max_doubles(v->comm, worst, 1);
}

static void print(const visit *v) {
    rr_buffer text = {0};
    if (v->options->json)
        rr_report_write_json(v->report, &text);
    else
        rr_report_write_text(v->report, &text);
    fputs(rr_buffer_text(&text), stdout);
    fflush(stdout);
    rr_buffer_free(&text);
}

static rr_status work(visit *v) {
    rr_patients patients = {0};
    rr_buffer gathered = {0};
    double worst = 0;
    RR_TRY(prepare(v));
    rr_facts *mine = malloc(sizeof *mine);
    v->report = rr_comm_rank(v->comm) == 0 ? rr_report_create() : NULL;
    bool room = mine != NULL && (v->report != NULL || rr_comm_rank(v->comm) != 0);
    rr_status status = rr_comm_agree(v->comm, room ? RR_OK : rr_fail(RR_ERR_NOMEM, "no memory for facts"));
    if (status == RR_OK && mine != NULL) status = examine(v, mine, &gathered, &patients);
    if (status == RR_OK) status = share_worst(v, &worst);
    if (status == RR_OK && worst < RR_BROKEN && v->task != NULL)
        status = rr_doctor_forecast(&v->examination, &v->options->train, &v->settings, v->task, &patients, v->report);
    if (status == RR_OK && v->report != NULL) print(v);
    if (status == RR_OK && worst == RR_BROKEN) {
        /* Said by the report; all ranks end alike. */
        status = RR_ERR_RUNTIME;
    }
    rr_buffer_free(&gathered);
    free(mine);
    return status;
}

/* MPI could not even start: that is what the doctor is for. Of many tasks the first one says so. */
static rr_status report_launch(const rr_doctor_options *options) {
    const char *task = getenv("SLURM_PROCID");
    visit v = {.options = options, .report = rr_report_create()};
    rr_report_section(v.report, "launch");
    rr_report_finding(v.report, RR_BROKEN, "%s", rr_last_error());
    if (task == NULL || strcmp(task, "0") == 0) print(&v);
    rr_report_free(v.report);
    return RR_ERR_RUNTIME;
}

rr_status rr_doctor(const rr_doctor_options *options, int *argc, char ***argv) {
    visit v = {.options = options};
    if (rr_comm_open_if_launched(argc, argv, &v.comm) != RR_OK) return report_launch(options);
    rr_status status = work(&v);
    bool said = status == RR_ERR_RUNTIME && v.report != NULL && rr_report_worst(v.report) == RR_BROKEN;
    if (status != RR_OK && rr_comm_rank(v.comm) == 0 && !said) fprintf(stderr, "ringrnn: %s\n", rr_last_error());
    rr_report_free(v.report);
    if (v.task != NULL) v.task->ops->free(v.task);
    rr_config_free(v.config);
    rr_comm_close(v.comm);
    return status;
}
