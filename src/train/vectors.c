/* Embeddings that start from vectors of words, and those that stay what they are. */
#include "data/vectors.h"

#include "train/run.h"

rr_status rr_run_check_vectors(const rr_run *run) {
    const rr_model_config *model = &run->settings.model;
    if (model->vectors == NULL && model->freeze_vectors)
        return rr_config_fail(run->config, "model.freeze_vectors", "needs model.vectors");
    if (model->vectors == NULL) return RR_OK;
    if (run->task->words == NULL || rr_vocab_unit(run->task->words) != RR_UNIT_WORD)
        return rr_config_fail(run->config, "model.vectors", "is for embeddings of words, which this task has not");
    if (model->freeze_vectors && model->tie_weights)
        return rr_config_fail(run->config, "model.freeze_vectors", "does not go with model.tie_weights");
    return RR_OK;
}

/* Rank 0 reads; the values go to all. */
rr_status rr_run_read_vectors(rr_run *run) {
    const rr_embedding *embedding = run->task->embedding;
    const char *path = run->settings.model.vectors;
    rr_status status = RR_OK;
    if (path == NULL) return RR_OK;
    float *values = rr_param_value(&run->task->params, embedding->weight);
    if (rr_comm_rank(run->comm) == 0)
        status = rr_vectors_read(path, run->task->words, embedding->size, values, &run->vectors_found);
    if (status == RR_ERR_INPUT) status = rr_config_fail(run->config, "model.vectors", "%s", rr_last_error());
    RR_TRY(rr_comm_agree(run->comm, status));
    return rr_comm_broadcast_floats(run->comm, 0, values, embedding->vocab_size * embedding->size);
}
