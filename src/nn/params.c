#include "nn/params.h"

#include <stdlib.h>
#include <string.h>

enum { FLOATS_PER_LINE = RR_ALIGN / sizeof(float) };

rr_status rr_params_add(rr_params *params, const rr_param *param, size_t *index) {
    rr_param *items = realloc(params->items, (params->count + 1) * sizeof *items);
    if (items == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the table of parameters");
    params->items = items;
    bool *fresh = realloc(params->fresh, params->count + 1);
    if (fresh == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the table of parameters");
    params->fresh = fresh;
    fresh[params->count] = false;
    rr_param *added = &items[params->count];
    *added = *param;
    if (param->rowwise)
        params->total = (params->total + RR_PARAM_ROWS_UNIT - 1) / RR_PARAM_ROWS_UNIT * RR_PARAM_ROWS_UNIT;
    added->offset = params->total;
    added->count = 1;
    for (size_t i = 0; i < param->dim_count; i++) added->count *= param->dims[i];
    params->total += (added->count + FLOATS_PER_LINE - 1) / FLOATS_PER_LINE * FLOATS_PER_LINE;
    *index = params->count++;
    return RR_OK;
}

rr_status rr_param_list_rows(rr_params *params, size_t index) {
    return rr_row_list_create(params->items[index].dims[0], &params->items[index].rows);
}

static void clear(const rr_params *params, size_t index) {
    const rr_param *param = &params->items[index];
    float *grad = params->grads + param->offset;
    if (param->rows != NULL)
        rr_row_list_clear(param->rows, grad, param->count / param->dims[0]);
    else
        memset(grad, 0, param->count * sizeof *grad);
}

void rr_params_reset_grads(rr_params *params) {
    memset(params->grads, 0, params->total * sizeof *params->grads);
    for (size_t i = 0; i < params->count; i++)
        if (params->items[i].rows != NULL) clear(params, i);
}

void rr_params_clear_grads(rr_params *params) {
    for (size_t i = 0; i < params->count; i++) {
        params->fresh[i] = params->items[i].overwritten;
        if (!params->items[i].overwritten) clear(params, i);
    }
}

void rr_params_settle_grads(rr_params *params) {
    for (size_t i = 0; i < params->count; i++)
        if (params->fresh[i]) clear(params, i);
    memset(params->fresh, 0, params->count * sizeof *params->fresh);
}

size_t rr_params_find(const rr_params *params, const char *name) {
    size_t i = 0;
    while (i < params->count && strcmp(params->items[i].name, name) != 0) i++;
    return i;
}

size_t rr_params_scalars(const rr_params *params) {
    size_t sum = 0;
    for (size_t i = 0; i < params->count; i++) sum += params->items[i].count;
    return sum;
}

void rr_params_free(rr_params *params) {
    for (size_t i = 0; i < params->count; i++) rr_row_list_free(params->items[i].rows);
    free(params->items);
    free(params->fresh);
    *params = (rr_params){0};
}
