#include "data/series_scale.h"

#include <cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static rr_status reserve(rr_series_scale *scale, size_t series, size_t columns) {
    size_t cells = series * columns + 1;
    scale->columns = calloc(columns + 1, sizeof *scale->columns);
    scale->series = calloc(series + 1, sizeof *scale->series);
    scale->mean = calloc(4 * cells, sizeof *scale->mean);
    if (scale->columns == NULL || scale->series == NULL || scale->mean == NULL)
        return rr_fail(RR_ERR_NOMEM, "no memory for the means of %zu series", series);
    scale->deviation = scale->mean + cells;
    scale->changes_mean = scale->mean + 2 * cells;
    scale->changes_deviation = scale->mean + 3 * cells;
    scale->column_count = columns;
    scale->series_count = series;
    return RR_OK;
}

static rr_status name(char **to, const char *text) {
    size_t length = strlen(text);
    *to = malloc(length + 1);
    if (*to == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for names");
    memcpy(*to, text, length + 1);
    return RR_OK;
}

/* Mean and deviation of a column in the training rows of a series; false without a value. */
static bool fit(const rr_series_table *table, const rr_series *series, const double *values, size_t column,
                double *mean, double *deviation) {
    size_t count = 0;
    double sum = 0, squares = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t row = series->first; row < series->first + series->count; row++) {
            double value = values[row * table->column_count + column];
            if (table->parts[row] != RR_SPLIT_TRAIN || !isfinite(value)) continue;
            count += pass == 0;
            if (pass == 0)
                sum += value;
            else
                squares += (value - sum / (double)count) * (value - sum / (double)count);
        }
        if (count == 0) return false;
    }
    *mean = sum / (double)count;
    *deviation = sqrt(squares / (double)count);
    if (!(*deviation > 1e-12 * fabs(*mean))) *deviation = 1;
    return true;
}

rr_status rr_series_scale_fit(const rr_series_table *table, const double *changes, rr_series_scale *out) {
    RR_TRY(reserve(out, table->series_count, table->column_count));
    out->step = table->step;
    for (size_t c = 0; c < table->column_count; c++) RR_TRY(name(&out->columns[c], table->columns[c]));
    for (size_t s = 0; s < table->series_count; s++) {
        RR_TRY(name(&out->series[s], table->series[s].name));
        for (size_t c = 0; c < table->column_count; c++) {
            size_t at = s * table->column_count + c;
            if (!fit(table, &table->series[s], table->values, c, &out->mean[at], &out->deviation[at]) ||
                !fit(table, &table->series[s], changes, c, &out->changes_mean[at], &out->changes_deviation[at]))
                return rr_fail(RR_ERR_INPUT, "column \"%s\"%s%s has no value in the training part", table->columns[c],
                               table->series[s].name[0] != 0 ? " of series " : "", table->series[s].name);
        }
    }
    return RR_OK;
}

size_t rr_series_scale_find(const rr_series_scale *scale, const char *series) {
    size_t s = 0;
    while (s < scale->series_count && strcmp(scale->series[s], series) != 0) s++;
    return s;
}

static void add_names(cJSON *to, const char *key, char **names, size_t count) {
    cJSON *array = cJSON_AddArrayToObject(to, key);
    for (size_t i = 0; i < count; i++) cJSON_AddItemToArray(array, cJSON_CreateString(names[i]));
}

static void add_numbers(cJSON *to, const char *key, const double *values, size_t count) {
    cJSON_AddItemToObject(to, key, cJSON_CreateDoubleArray(values, (int)count));
}

rr_status rr_series_scale_to_json(const rr_series_scale *scale, rr_buffer *out) {
    cJSON *json = cJSON_CreateObject();
    size_t cells = scale->series_count * scale->column_count;
    add_names(json, "columns", scale->columns, scale->column_count);
    add_names(json, "series", scale->series, scale->series_count);
    add_numbers(json, "mean", scale->mean, cells);
    add_numbers(json, "deviation", scale->deviation, cells);
    add_numbers(json, "changes_mean", scale->changes_mean, cells);
    add_numbers(json, "changes_deviation", scale->changes_deviation, cells);
    cJSON_AddNumberToObject(json, "step_months", (double)scale->step.months);
    cJSON_AddNumberToObject(json, "step_seconds", (double)scale->step.seconds);
    char *text = cJSON_PrintUnformatted(json); /* numbers with 17 digits where they need them: exact */
    if (text != NULL) rr_buffer_puts(out, text);
    cJSON_free(text);
    cJSON_Delete(json);
    return text != NULL && !out->failed ? RR_OK : rr_fail(RR_ERR_NOMEM, "no memory for the means as JSON");
}

static bool read_numbers(const cJSON *json, const char *key, size_t count, double *out) {
    const cJSON *array = cJSON_GetObjectItem(json, key), *item;
    size_t i = 0;
    cJSON_ArrayForEach(item, array) {
        if (i == count || !cJSON_IsNumber(item)) return false;
        out[i++] = item->valuedouble;
    }
    return i == count;
}

static rr_status read_names(const cJSON *array, char **out) {
    const cJSON *item;
    cJSON_ArrayForEach(item, array) {
        if (!cJSON_IsString(item)) return rr_fail(RR_ERR_INPUT, "the checkpoint's names of series are no strings");
        RR_TRY(name(out++, item->valuestring));
    }
    return RR_OK;
}

static rr_status read_scale(const cJSON *json, rr_series_scale *out) {
    const cJSON *columns = cJSON_GetObjectItem(json, "columns"), *series = cJSON_GetObjectItem(json, "series");
    if (!cJSON_IsArray(columns) || !cJSON_IsArray(series))
        return rr_fail(RR_ERR_INPUT, "the checkpoint holds no columns of series");
    RR_TRY(reserve(out, (size_t)cJSON_GetArraySize(series), (size_t)cJSON_GetArraySize(columns)));
    RR_TRY(read_names(columns, out->columns));
    RR_TRY(read_names(series, out->series));
    size_t cells = out->series_count * out->column_count;
    double step[2] = {0, 0};
    const cJSON *months = cJSON_GetObjectItem(json, "step_months"),
                *seconds = cJSON_GetObjectItem(json, "step_seconds");
    if (cJSON_IsNumber(months)) step[0] = months->valuedouble;
    if (cJSON_IsNumber(seconds)) step[1] = seconds->valuedouble;
    if (!(fabs(step[0]) < 1e6) || !(fabs(step[1]) < 1e15)) step[0] = step[1] = 0;
    out->step = (rr_date_step){(int64_t)step[0], (int64_t)step[1]};
    if (read_numbers(json, "mean", cells, out->mean) && read_numbers(json, "deviation", cells, out->deviation) &&
        read_numbers(json, "changes_mean", cells, out->changes_mean) &&
        read_numbers(json, "changes_deviation", cells, out->changes_deviation))
        return RR_OK;
    return rr_fail(RR_ERR_INPUT, "the checkpoint's means do not fit its columns and series");
}

rr_status rr_series_scale_from_json(const char *text, rr_series_scale *out) {
    cJSON *json = cJSON_Parse(text);
    rr_status status = read_scale(json, out);
    cJSON_Delete(json);
    return status;
}

void rr_series_scale_free(rr_series_scale *scale) {
    for (size_t c = 0; c < scale->column_count; c++) free(scale->columns[c]);
    for (size_t s = 0; s < scale->series_count; s++) free(scale->series[s]);
    free(scale->columns);
    free(scale->series);
    free(scale->mean);
    *scale = (rr_series_scale){.series_count = 0};
}
