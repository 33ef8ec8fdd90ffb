#include <stdlib.h>

#include "train/run.h"

rr_status rr_run_evaluate(rr_task *task, rr_comm *comm, rr_split split, const rr_hooks *hooks,
                          rr_metric metrics[RR_TASK_METRICS], size_t *count) {
    size_t units = task->ops->eval_units(task, split), size = rr_comm_size(comm), rank = rr_comm_rank(comm);
    size_t begin = units * rank / size, end = units * (rank + 1) / size;
    double total[RR_TASK_SUMS] = {0};
    rr_status status = RR_OK;
    double(*sums)[RR_TASK_SUMS] = malloc((units + 1) * sizeof *sums);
    size_t *counts = malloc(size * sizeof *counts);
    double(*gathered)[RR_TASK_SUMS] = malloc((units + 1) * sizeof *gathered);
    if (sums == NULL || counts == NULL || gathered == NULL) {
        status = rr_fail(RR_ERR_NOMEM, "no memory for the sums of %zu units of evaluation", units);
        goto free_all;
    }
    status = task->ops->evaluate(task, split, begin, end, hooks, sums);
    if (status != RR_OK) goto free_all;
    for (size_t i = 0; i < size; i++) counts[i] = (units * (i + 1) / size - units * i / size) * RR_TASK_SUMS;
    status = rr_comm_gather_doubles(comm, sums[0], counts, gathered[0]);
    if (status != RR_OK) goto free_all;

    /* Added in order of the units on one rank: the result does not depend on the number of ranks. */
    if (rank == 0)
        for (size_t unit = 0; unit < units; unit++)
            for (size_t k = 0; k < RR_TASK_SUMS; k++) total[k] += gathered[unit][k];
    rr_buffer bytes = {0};
    rr_buffer_append(&bytes, total, sizeof total);
    status = rr_comm_broadcast(comm, 0, &bytes);
    if (status == RR_OK) {
        double received[RR_TASK_SUMS];
        for (size_t k = 0; k < RR_TASK_SUMS; k++) received[k] = ((const double *)(const void *)bytes.data)[k];
        *count = task->ops->metrics(task, received, metrics);
    }
    rr_buffer_free(&bytes);
free_all:
    free(sums);
    free(counts);
    free(gathered);
    return status;
}
