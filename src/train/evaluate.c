#include <stdlib.h>

#include "train/run.h"

/* What rank 0 has found goes to all; names of metrics stay there. */
static rr_status share(rr_comm *comm, rr_metric metrics[RR_TASK_METRICS], size_t *count) {
    rr_buffer bytes = {0};
    if (rr_comm_rank(comm) == 0)
        for (size_t i = 0; i < *count; i++) rr_buffer_append(&bytes, &metrics[i].value, sizeof metrics[i].value);
    rr_status status = rr_comm_broadcast(comm, 0, &bytes);
    if (status == RR_OK && rr_comm_rank(comm) != 0) {
        *count = bytes.length / sizeof(double);
        for (size_t i = 0; i < *count; i++) metrics[i] = (rr_metric){"", ((const double *)(const void *)bytes.data)[i]};
    }
    rr_buffer_free(&bytes);
    return status;
}

rr_status rr_run_evaluate(rr_task *task, rr_comm *comm, rr_split split, const rr_hooks *hooks,
                          rr_metric metrics[RR_TASK_METRICS], size_t *count, rr_buffer *report) {
    size_t units = task->ops->eval_units(task, split), width = task->ops->outcome_size(task);
    size_t size = rr_comm_size(comm), rank = rr_comm_rank(comm);
    size_t begin = units * rank / size, end = units * (rank + 1) / size;
    rr_status status = RR_OK;
    double *mine = malloc(((end - begin) * width + 1) * sizeof *mine);
    double *all = rank == 0 ? malloc((units * width + 1) * sizeof *all) : NULL;
    size_t *counts = malloc(size * sizeof *counts);
    if (mine == NULL || counts == NULL || (rank == 0 && all == NULL)) {
        status = rr_fail(RR_ERR_NOMEM, "no memory for the outcomes of %zu units of evaluation", units);
        goto free_all;
    }
    status = task->ops->evaluate(task, split, begin, end, hooks, mine);
    if (status != RR_OK) goto free_all;
    for (size_t i = 0; i < size; i++) counts[i] = (units * (i + 1) / size - units * i / size) * width;
    status = rr_comm_gather_doubles(comm, mine, counts, all);
    if (status != RR_OK) goto free_all;
    if (rank == 0) *count = task->ops->metrics(task, all, units, metrics);
    if (rank == 0 && report != NULL && task->ops->report != NULL) task->ops->report(task, all, units, report);
    status = share(comm, metrics, count);
free_all:
    free(mine);
    free(all);
    free(counts);
    return status;
}
