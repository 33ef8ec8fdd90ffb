#include "model/average.h"

#include <stdlib.h>
#include <string.h>

#include "ckpt/safetensors.h"
#include "model/weights.h"

/* Weights, tensor after tensor in the order of the last file, whose words the mean keeps. */
typedef struct rr_mean {
    const char *path; /* of the last file */
    const rr_safetensors *last;
    rr_tensor *tensors; /* [count] */
    size_t count, total;
    double *sums;    /* [total] over the files so far */
    float *values;   /* [total] */
    size_t files;    /* that are added */
    rr_buffer steps; /* theirs, as text */
} rr_mean;

static rr_status begin(const char *path, const rr_safetensors *last, rr_mean *mean) {
    size_t listed = rr_safetensors_count(last);
    *mean = (rr_mean){.path = path, .last = last, .tensors = calloc(listed + 1, sizeof *mean->tensors)};
    if (mean->tensors == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for %zu tensors", listed);
    for (size_t i = 0; i < listed; i++) {
        const rr_tensor *tensor = rr_safetensors_at(last, i);
        if (!rr_tensor_is_weight(tensor)) continue;
        if (tensor->dtype != RR_F32)
            return rr_fail(RR_ERR_INPUT, "%s: tensor %s is %s, not F32", path, tensor->name,
                           rr_dtype_name(tensor->dtype));
        mean->tensors[mean->count++] = *tensor;
        mean->total += rr_tensor_elements(tensor);
    }
    if (mean->count == 0) return rr_fail(RR_ERR_INPUT, "%s: has no weights", path);
    mean->sums = calloc(mean->total, sizeof *mean->sums);
    mean->values = calloc(mean->total, sizeof *mean->values);
    if (mean->sums == NULL || mean->values == NULL)
        return rr_fail(RR_ERR_NOMEM, "no memory for the mean of %zu weights", mean->total);
    return RR_OK;
}

static rr_status check(const char *path, const rr_safetensors *file, const rr_mean *mean) {
    const char *vocab = rr_safetensors_meta(file, "vocab"), *wanted = rr_safetensors_meta(mean->last, "vocab");
    size_t weights = 0;
    if ((vocab == NULL) != (wanted == NULL) || (vocab != NULL && strcmp(vocab, wanted) != 0))
        return rr_fail(RR_ERR_INPUT, "%s: has another vocabulary than %s", path, mean->path);
    for (size_t i = 0; i < rr_safetensors_count(file); i++) weights += rr_tensor_is_weight(rr_safetensors_at(file, i));
    if (weights != mean->count)
        return rr_fail(RR_ERR_INPUT, "%s: has %zu weights, %s has %zu", path, weights, mean->path, mean->count);
    for (size_t i = 0; i < mean->count; i++) {
        const rr_tensor *like = &mean->tensors[i], *tensor = rr_safetensors_find(file, like->name);
        if (tensor == NULL || tensor->dtype != RR_F32 || tensor->dim_count != like->dim_count ||
            memcmp(tensor->dims, like->dims, like->dim_count * sizeof *like->dims) != 0)
            return rr_fail(RR_ERR_INPUT, "%s: has no float32 tensor %s of the shape that it has in %s", path,
                           like->name, mean->path);
    }
    return RR_OK;
}

static void add(const char *path, const rr_safetensors *file, rr_mean *mean) {
    const char *step = rr_safetensors_meta(file, "step");
    double *sums = mean->sums;
    rr_buffer_printf(&mean->steps, "%s%s", mean->files++ > 0 ? ", " : "", step != NULL ? step : path);
    for (size_t i = 0; i < mean->count; i++) {
        const rr_tensor *tensor = rr_safetensors_find(file, mean->tensors[i].name);
        const float *values = tensor->data;
        size_t elements = rr_tensor_elements(tensor);
        for (size_t k = 0; k < elements; k++) sums[k] += (double)values[k];
        sums += elements;
    }
}

static rr_status add_file(const char *path, rr_mean *mean) {
    rr_safetensors *file;
    RR_TRY(rr_safetensors_read(path, &file));
    rr_status status = check(path, file, mean);
    if (status == RR_OK) add(path, file, mean);
    rr_safetensors_free(file);
    return status;
}

static rr_status write(rr_mean *mean, const char *out) {
    static const char *const kept[] = {"format", "ringrnn",     "step",      "config", "vocab",
                                       "state",  "fingerprint", "placement", "level"};
    rr_meta_item meta[sizeof kept / sizeof *kept + 1];
    size_t words = 0, at = 0;
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        const char *value = rr_safetensors_meta(mean->last, kept[i]);
        if (value != NULL) meta[words++] = (rr_meta_item){kept[i], value};
    }
    meta[words++] = (rr_meta_item){RR_AVERAGED, rr_buffer_text(&mean->steps)};
    for (size_t k = 0; k < mean->total; k++) mean->values[k] = (float)(mean->sums[k] / (double)mean->files);
    for (size_t i = 0; i < mean->count; i++) {
        mean->tensors[i].data = mean->values + at;
        at += rr_tensor_elements(&mean->tensors[i]);
    }
    const rr_tensor_set set = {
        .tensors = mean->tensors, .tensor_count = mean->count, .meta = meta, .meta_count = words};
    return rr_safetensors_write(out, &set);
}

rr_status rr_average(const char *const *paths, size_t count, const char *out) {
    const char *path = paths[count - 1];
    rr_safetensors *last = NULL;
    rr_mean mean = {0};
    rr_status status = rr_safetensors_read(path, &last);
    if (status == RR_OK) status = begin(path, last, &mean);
    for (size_t i = 0; i + 1 < count && status == RR_OK; i++) status = add_file(paths[i], &mean);
    if (status == RR_OK) add(path, last, &mean);
    if (status == RR_OK) status = write(&mean, out);
    rr_safetensors_free(last);
    rr_buffer_free(&mean.steps);
    free(mean.tensors);
    free(mean.sums);
    free(mean.values);
    return status;
}
