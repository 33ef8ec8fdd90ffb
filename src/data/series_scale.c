#include "data/series_scale.h"

#include <cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_KEPT = 1 << 16 }; /* numbers of a linear map that go into a checkpoint's header */

static rr_status copy_names(const rr_series_names *from, rr_series_names *to) {
    size_t index;
    for (size_t i = 0; i < from->count; i++)
        RR_TRY(rr_series_add_name(to, from->items[i], strlen(from->items[i]), &index));
    return RR_OK;
}

rr_status rr_series_scale_start(rr_series_scale *scale, const rr_series *series, size_t inputs) {
    size_t count = series->series.count * series->columns.count;
    RR_TRY(copy_names(&series->columns, &scale->columns));
    RR_TRY(copy_names(&series->series, &scale->series));
    scale->inputs = inputs;
    scale->mean = calloc(count + 1, sizeof *scale->mean);
    scale->std = malloc((count + 1) * sizeof *scale->std);
    if (scale->mean == NULL || scale->std == NULL)
        return rr_fail(RR_ERR_NOMEM, "no memory for means of %zu columns", count);
    for (size_t i = 0; i < count; i++) scale->std[i] = 1;
    return RR_OK;
}

void rr_series_scale_fit(rr_series_scale *scale, size_t series, const double *values, size_t begin, size_t end) {
    size_t width = scale->columns.count;
    for (size_t c = 0; c < width; c++) {
        double sum = 0, squares = 0, count = 0;
        for (size_t i = begin; i < end; i++) {
            double value = values[i * width + c];
            if (isnan(value)) continue;
            sum += value;
            count++;
        }
        double mean = count > 0 ? sum / count : 0;
        for (size_t i = begin; i < end; i++) {
            double off = values[i * width + c] - mean;
            if (!isnan(off)) squares += off * off;
        }
        double deviation = count > 0 ? sqrt(squares / count) : 0;
        scale->mean[series * width + c] = mean;
        scale->std[series * width + c] = deviation > 1e-12 * (1 + fabs(mean)) ? deviation : 1;
    }
}

static void add_names(cJSON *json, const char *key, const rr_series_names *names) {
    cJSON_AddItemToObject(json, key, cJSON_CreateStringArray((const char *const *)names->items, (int)names->count));
}

static void add_numbers(cJSON *json, const char *key, const double *numbers, size_t count) {
    cJSON_AddItemToObject(json, key, cJSON_CreateDoubleArray(numbers, (int)count));
}

rr_status rr_series_scale_to_json(const rr_series_scale *scale, rr_buffer *out) {
    size_t count = scale->columns.count * scale->series.count;
    const double step[2] = {(double)scale->step.seconds, (double)scale->step.months};
    cJSON *json = cJSON_CreateObject(), *targets = cJSON_AddArrayToObject(json, "targets");
    add_names(json, "columns", &scale->columns);
    add_names(json, "series", &scale->series);
    cJSON_AddNumberToObject(json, "inputs", (double)scale->inputs);
    for (size_t i = 0; i < scale->target_count; i++)
        cJSON_AddItemToArray(targets, cJSON_CreateNumber((double)scale->targets[i]));
    add_numbers(json, "mean", scale->mean, count);
    add_numbers(json, "std", scale->std, count);
    add_numbers(json, "step", step, 2);
    if (scale->linear != NULL && scale->linear_count <= MOST_KEPT)
        add_numbers(json, "linear", scale->linear, scale->linear_count);
    char *text = cJSON_PrintUnformatted(json);
    if (text != NULL) rr_buffer_puts(out, text);
    cJSON_free(text);
    cJSON_Delete(json);
    return text == NULL || out->failed ? rr_fail(RR_ERR_NOMEM, "no memory for the scale of series as JSON") : RR_OK;
}

static rr_status read_names(const cJSON *array, rr_series_names *out) {
    const cJSON *item;
    size_t index;
    cJSON_ArrayForEach(item, array) {
        if (!cJSON_IsString(item)) return rr_fail(RR_ERR_INPUT, "the checkpoint's names of series are no strings");
        RR_TRY(rr_series_add_name(out, item->valuestring, strlen(item->valuestring), &index));
    }
    return RR_OK;
}

/* *out may be NULL where the array is not there. */
static rr_status read_numbers(const cJSON *json, const char *key, double **out, size_t *count) {
    const cJSON *array = cJSON_GetObjectItem(json, key), *item;
    *count = 0;
    *out = NULL;
    if (!cJSON_IsArray(array)) return RR_OK;
    *out = malloc(((size_t)cJSON_GetArraySize(array) + 1) * sizeof **out);
    if (*out == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for \"%s\" of a checkpoint", key);
    cJSON_ArrayForEach(item, array) {
        if (!cJSON_IsNumber(item)) return rr_fail(RR_ERR_INPUT, "the checkpoint's \"%s\" are no numbers", key);
        (*out)[(*count)++] = item->valuedouble;
    }
    return RR_OK;
}

static rr_status read_targets(const cJSON *json, rr_series_scale *out) {
    double *numbers;
    rr_status status = read_numbers(json, "targets", &numbers, &out->target_count);
    out->targets = malloc((out->target_count + 1) * sizeof *out->targets);
    if (status == RR_OK && out->targets == NULL) status = rr_fail(RR_ERR_NOMEM, "no memory for targets");
    for (size_t i = 0; i < out->target_count && status == RR_OK; i++) {
        if (!(numbers[i] >= 0 && numbers[i] < (double)out->columns.count))
            status = rr_fail(RR_ERR_INPUT, "the checkpoint's targets are no columns");
        else
            out->targets[i] = (size_t)numbers[i];
    }
    free(numbers);
    return status;
}

static rr_status read_all(const cJSON *json, rr_series_scale *out) {
    double *step = NULL;
    size_t means, deviations, steps;
    const cJSON *inputs = cJSON_GetObjectItem(json, "inputs");
    RR_TRY(read_names(cJSON_GetObjectItem(json, "columns"), &out->columns));
    RR_TRY(read_names(cJSON_GetObjectItem(json, "series"), &out->series));
    RR_TRY(read_targets(json, out));
    RR_TRY(read_numbers(json, "mean", &out->mean, &means));
    RR_TRY(read_numbers(json, "std", &out->std, &deviations));
    RR_TRY(read_numbers(json, "linear", &out->linear, &out->linear_count));
    rr_status status = read_numbers(json, "step", &step, &steps);
    if (status == RR_OK && steps == 2) out->step = (rr_date_step){(int64_t)step[0], (int64_t)step[1]};
    free(step);
    RR_TRY(status);
    size_t count = out->columns.count * out->series.count;
    if (!cJSON_IsNumber(inputs) || !(inputs->valuedouble >= 1 && inputs->valuedouble <= (double)out->columns.count) ||
        count == 0 || means != count || deviations != count || out->target_count == 0 || steps != 2)
        return rr_fail(RR_ERR_INPUT, "the checkpoint holds no columns and means of series");
    out->inputs = (size_t)inputs->valuedouble;
    return RR_OK;
}

rr_status rr_series_scale_from_json(const char *text, rr_series_scale *out) {
    cJSON *json = cJSON_Parse(text);
    rr_status status = read_all(json, out);
    cJSON_Delete(json);
    return status;
}

void rr_series_scale_free(rr_series_scale *scale) {
    rr_series_free_names(&scale->columns);
    rr_series_free_names(&scale->series);
    free(scale->targets);
    free(scale->mean);
    free(scale->std);
    free(scale->linear);
    *scale = (rr_series_scale){.inputs = 0};
}
