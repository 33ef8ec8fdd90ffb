#include "train/by_rows.h"

#include "dist/reducer.h"

size_t rr_by_rows_most(const rr_settings *settings, const rr_task *task, size_t ranks) {
    size_t rows = settings->train.global_batch_size;
    return (rows > ranks ? rows : ranks) * task->tokens_a_row;
}

rr_row_way rr_by_rows_way(const rr_settings *settings, const rr_task *task, const rr_param *param, size_t ranks,
                          size_t nodes) {
    if (!param->rowwise) return RR_ROWS_NOT;
    return rr_row_way_of(rr_by_rows_most(settings, task, ranks), nodes, param->dims[0], param->dims[1]);
}

size_t rr_by_rows_first(const rr_settings *settings, const rr_task *task, size_t ranks, size_t nodes) {
    const rr_params *params = &task->params;
    size_t first = params->count;
    while (first > 0 && params->count - first < RR_REDUCER_ROW_SUMS &&
           rr_by_rows_way(settings, task, &params->items[first - 1], ranks, nodes) != RR_ROWS_NOT)
        first--;
    return first;
}
