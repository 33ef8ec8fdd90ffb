#include "model/weights.h"

#include <stdio.h>
#include <string.h>

bool rr_tensor_is_weight(const rr_tensor *tensor) {
    return strncmp(tensor->name, "optimizer.", 10) != 0 && strcmp(tensor->name, "carry") != 0;
}

static void shape_text(const size_t *dims, size_t count, char *out, size_t size) {
    size_t used = 0;
    out[0] = 0;
    for (size_t i = 0; i < count && used + 1 < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%zu", i > 0 ? ", " : "", dims[i]);
}

rr_status rr_weights_read(const rr_safetensors *file, const rr_params *params, const char *prefix, float *values) {
    for (size_t i = 0; i < params->count; i++) {
        const rr_param *param = &params->items[i];
        char name[RR_PARAM_NAME + 32], has[128], wants[128];
        snprintf(name, sizeof name, "%s%s", prefix, param->name);
        const rr_tensor *tensor = rr_safetensors_find(file, name);
        if (tensor == NULL) return rr_fail(RR_ERR_INPUT, "it has no tensor %s", name);
        if (tensor->dtype != RR_F32)
            return rr_fail(RR_ERR_INPUT, "tensor %s is %s, not F32", name, rr_dtype_name(tensor->dtype));
        if (tensor->dim_count != param->dim_count ||
            memcmp(tensor->dims, param->dims, param->dim_count * sizeof *param->dims) != 0) {
            shape_text(tensor->dims, tensor->dim_count, has, sizeof has);
            shape_text(param->dims, param->dim_count, wants, sizeof wants);
            return rr_fail(RR_ERR_INPUT, "tensor %s has shape [%s], this model needs [%s]", name, has, wants);
        }
        memcpy(values + param->offset, tensor->data, param->count * sizeof *values);
    }
    return RR_OK;
}

void rr_weights_describe(const rr_params *params, const char *prefix, const float *values,
                         char (*names)[RR_PARAM_NAME + 32], rr_tensor *out) {
    for (size_t i = 0; i < params->count; i++) {
        const rr_param *param = &params->items[i];
        snprintf(names[i], sizeof names[i], "%s%s", prefix, param->name);
        out[i] = (rr_tensor){
            .name = names[i], .dtype = RR_F32, .dim_count = param->dim_count, .data = values + param->offset};
        memcpy(out[i].dims, param->dims, sizeof param->dims);
    }
}
