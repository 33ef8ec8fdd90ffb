/* After a non-finite gradient: computes the step again, row by row, to name where it came from. */
#include <math.h>

#include "train/run.h"

static const char *first_non_finite(const rr_params *params, const float *arena) {
    for (size_t i = 0; i < params->count; i++)
        for (size_t k = 0; k < params->items[i].count; k++)
            if (!isfinite(arena[params->items[i].offset + k])) return params->items[i].name;
    return NULL;
}

/* The finding of this rank, or RR_OK if its rows are innocent. */
static rr_status search(rr_run *run, float scale, const rr_dropout *dropout) {
    rr_params *params = &run->task->params;
    unsigned long long step = run->progress.position.step, epoch = run->progress.position.epoch;
    const char *name = first_non_finite(params, params->values);
    if (name != NULL)
        return rr_fail(RR_ERR_NUMERIC,
                       "step %llu, epoch %llu: %s holds values that are not finite, made by the update "
                       "before; a lower optim.lr or train.max_grad_norm may help",
                       step, epoch, name);
    for (size_t row = run->begin; row < run->end; row++) {
        double loss;
        rr_params_clear_grads(params);
        RR_TRY(run->task->ops->train(run->task, row, row + 1, scale, dropout, NULL, &loss));
        rr_params_settle_grads(params);
        name = first_non_finite(params, params->grads);
        if (isfinite(loss) && name == NULL) continue;
        return rr_fail(
            RR_ERR_NUMERIC,
            "step %llu, epoch %llu: row %zu of the global batch has loss %g and a gradient that "
            "is not finite%s%s. The last checkpoint is from before it; a lower optim.lr or train.max_grad_norm "
            "may help",
            step, epoch, row, loss, name != NULL ? ", first in " : "", name != NULL ? name : "");
    }
    return RR_OK;
}

rr_status rr_run_diagnose(rr_run *run, float scale, const rr_dropout *dropout, double grad_norm) {
    rr_status status = rr_comm_agree(run->comm, search(run, scale, dropout));
    if (status != RR_OK) return status;
    return rr_fail(RR_ERR_NUMERIC,
                   "step %llu: the norm of the summed gradients is %g, though every row's gradient is finite: the sum "
                   "overflowed; lower optim.lr or clip by train.max_grad_value",
                   (unsigned long long)run->progress.position.step, grad_norm);
}
