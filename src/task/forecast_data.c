/* Series of a forecaster, from files or made up: read, transformed, standardised. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/rng.h"
#include "data/files.h"
#include "task/forecast_model.h"

static const char *const split_keys[RR_SPLIT_COUNT] = {"data.train", "data.valid", "data.test"};

rr_series_wish rr_forecast_wish(const rr_forecaster *f, const rr_data_config *data) {
    return (rr_series_wish){.date_column = f->config.date_column,
                            .date_format = f->config.date_format,
                            .series_column = f->config.series_column,
                            .columns = (const char *const *)f->scale.columns.items,
                            .column_count = f->scale.columns.count,
                            .delimiter = data->delimiter != NULL ? data->delimiter[0] : ',',
                            .decimal_comma = f->config.decimal == 1,
                            .header = data->header,
                            .on_error = (rr_on_error)data->on_error,
                            .sort = data->on_error == RR_ON_ERROR_SKIP};
}

/* Without a scale yet: the columns that the configuration names, inputs first. */
static rr_status named_columns(const rr_forecast_config *config, rr_series_names *out) {
    const rr_paths *lists[] = {&config->inputs, &config->targets};
    size_t index;
    for (size_t l = 0; l < 2 && config->inputs.count > 0; l++)
        for (size_t i = 0; i < lists[l]->count; i++)
            if (rr_series_find(out, lists[l]->items[i]) == out->count)
                RR_TRY(rr_series_add_name(out, lists[l]->items[i], strlen(lists[l]->items[i]), &index));
    return RR_OK;
}

static rr_status read_table(rr_forecaster *f, const rr_task_setup *setup, int split, const rr_paths *paths) {
    rr_file_list files = {0};
    rr_series_names columns = {0};
    rr_series_wish wish = rr_forecast_wish(f, setup->data);
    rr_status status = rr_file_list_expand(setup->config, split_keys[split], paths, &files);
    if (status == RR_OK && wish.column_count == 0) {
        status = named_columns(&f->config, &columns);
        wish.columns = (const char *const *)columns.items;
        wish.column_count = columns.count;
    }
    if (status == RR_OK) {
        status = rr_series_read(&wish, (const char *const *)files.paths, files.count, &f->tables[split].series);
        if (status == RR_ERR_INPUT) status = rr_config_fail(setup->config, split_keys[split], "%s", rr_last_error());
    }
    rr_series_free_names(&columns);
    rr_file_list_free(&files);
    return status;
}

static rr_status find_targets(rr_forecaster *f, const rr_task_setup *setup) {
    rr_series_scale *scale = &f->scale;
    const rr_paths *named = &f->config.targets;
    scale->target_count = named->count > 0 ? named->count : scale->inputs;
    scale->targets = malloc(scale->target_count * sizeof *scale->targets);
    if (scale->targets == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for %zu targets", scale->target_count);
    for (size_t i = 0; i < scale->target_count; i++) {
        scale->targets[i] = named->count > 0 ? rr_series_find(&scale->columns, named->items[i]) : i;
        if (scale->targets[i] == scale->columns.count)
            return rr_config_fail(setup->config, "task.targets", "there is no column of numbers named \"%s\"",
                                  named->items[i]);
    }
    return RR_OK;
}

/* Means and deviations of the training part of every series. */
static rr_status fit_scale(rr_forecaster *f, const rr_task_setup *setup, const rr_forecast_table *table) {
    const rr_series *series = &table->series;
    double *values = malloc((series->count * series->columns.count + 1) * sizeof *values);
    if (values == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for %zu rows", series->count);
    rr_status status = rr_series_apply(series, (rr_series_transform)f->config.transform, values);
    for (size_t s = 0; s < series->series.count && status == RR_OK && f->config.standardise; s++) {
        size_t begin, end;
        status = rr_forecast_bounds(f, setup, table, s, RR_SPLIT_TRAIN, &begin, &end);
        if (status == RR_OK) rr_series_scale_fit(&f->scale, s, values, begin, end);
    }
    free(values);
    return status;
}

static rr_status make_scale(rr_forecaster *f, const rr_task_setup *setup) {
    const rr_forecast_table *table = &f->tables[RR_SPLIT_TRAIN];
    size_t inputs = f->config.inputs.count > 0 ? f->config.inputs.count : table->series.columns.count;
    RR_TRY(rr_series_scale_start(&f->scale, &table->series, inputs));
    f->scale.step = rr_series_find_steps(&table->series).step;
    RR_TRY(find_targets(f, setup));
    rr_status status = fit_scale(f, setup, table);
    return status == RR_ERR_INPUT ? rr_config_fail(setup->config, "data.train", "%s", rr_last_error()) : status;
}

static rr_status name_series(const rr_forecaster *f, rr_forecast_table *table) {
    const rr_series *series = &table->series;
    table->names = malloc((series->series.count + 1) * sizeof *table->names);
    if (table->names == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for %zu series", series->series.count);
    for (size_t s = 0; s < series->series.count; s++) {
        table->names[s] = rr_series_find(&f->scale.series, series->series.items[s]);
        if (table->names[s] < f->scale.series.count) continue;
        const rr_series_row *row = &series->rows[series->begin[s]];
        return rr_fail(RR_ERR_INPUT, "%s:%llu: series \"%s\" does not stand in the training part",
                       series->files.items[row->file], (unsigned long long)row->line, series->series.items[s]);
    }
    return RR_OK;
}

rr_status rr_forecast_table_fill(const rr_forecaster *f, rr_forecast_table *table) {
    const rr_series *series = &table->series;
    size_t width = series->columns.count, count = series->count * width;
    RR_TRY(name_series(f, table));
    double *values = malloc((count + 1) * sizeof *values);
    table->z = malloc((count + 1) * sizeof *table->z);
    table->features = malloc((series->count * f->feature_width + 1) * sizeof *table->features);
    rr_status status = RR_OK;
    if (values == NULL || table->z == NULL || table->features == NULL)
        status = rr_fail(RR_ERR_NOMEM, "no memory for %zu rows", series->count);
    if (status == RR_OK) status = rr_series_apply(series, (rr_series_transform)f->config.transform, values);
    for (size_t i = 0; i < series->count && status == RR_OK; i++) {
        size_t at = table->names[series->rows[i].series] * width;
        for (size_t c = 0; c < width; c++)
            table->z[i * width + c] = (float)((values[i * width + c] - f->scale.mean[at + c]) / f->scale.std[at + c]);
        for (size_t k = 0; k < f->feature_width / 2; k++)
            rr_time_feature(f->features[k], series->rows[i].time, table->features + i * f->feature_width + 2 * k);
    }
    free(values);
    return status;
}

static rr_status read_files(rr_forecaster *f, const rr_task_setup *setup) {
    const rr_paths *paths[RR_SPLIT_COUNT] = {&setup->data->train, &setup->data->valid, &setup->data->test};
    bool known = f->scale.columns.count > 0;
    if ((setup->need_train || !known) && setup->data->train.count == 0)
        return rr_config_fail(setup->config, "data.train", "a file of time series is needed");
    for (int split = 0; split < RR_SPLIT_COUNT; split++) {
        bool wanted = split != RR_SPLIT_TRAIN || setup->need_train || !known || rr_forecast_divides(f, setup);
        if (!wanted || paths[split]->count == 0) continue;
        RR_TRY(read_table(f, setup, split, paths[split]));
        if (split == RR_SPLIT_TRAIN && !known) RR_TRY(make_scale(f, setup));
        if (f->feature_width > 0 && f->tables[split].series.date_name == NULL)
            return rr_config_fail(setup->config, "task.time_features", "there is no column of dates");
        rr_status status = rr_forecast_table_fill(f, &f->tables[split]);
        if (status == RR_ERR_INPUT) return rr_config_fail(setup->config, split_keys[split], "%s", rr_last_error());
        RR_TRY(status);
    }
    return RR_OK;
}

/* For benchmarks: hourly rows of seven columns, or of those that are named. */
static rr_status make_up(rr_forecaster *f, const rr_task_setup *setup) {
    enum { COLUMNS = 7, STREAM = 3, HOUR = 3600 };
    rr_series *series = &f->tables[RR_SPLIT_TRAIN].series;
    size_t index, rows = f->config.window + f->config.horizon + setup->global_batch_size * setup->synthetic_steps;
    RR_TRY(named_columns(&f->config, &series->columns));
    for (size_t i = 0; i < f->config.targets.count && f->config.inputs.count == 0; i++)
        RR_TRY(rr_series_add_name(&series->columns, f->config.targets.items[i], strlen(f->config.targets.items[i]),
                                  &index));
    for (size_t i = series->columns.count; i < COLUMNS && f->config.inputs.count == 0; i++) {
        char name[16];
        int length = snprintf(name, sizeof name, "x%zu", i + 1);
        RR_TRY(rr_series_add_name(&series->columns, name, (size_t)length, &index));
    }
    size_t width = series->columns.count;
    RR_TRY(rr_series_add_name(&series->series, "", 0, &index));
    RR_TRY(rr_series_add_name(&series->files, "made up", 7, &index));
    series->date_name = strdup("date");
    series->rows = calloc(rows, sizeof *series->rows);
    series->values = malloc(rows * width * sizeof *series->values);
    series->begin = calloc(2, sizeof *series->begin);
    if (series->date_name == NULL || series->rows == NULL || series->values == NULL || series->begin == NULL)
        return rr_fail(RR_ERR_NOMEM, "no memory for %zu rows", rows);
    series->count = series->begin[1] = rows;
    for (size_t i = 0; i < rows; i++) {
        series->rows[i].time = (int64_t)i * HOUR;
        for (size_t c = 0; c < width; c++) {
            uint32_t random[4];
            const uint32_t counter[4] = {(uint32_t)i, (uint32_t)c, STREAM, 0};
            rr_philox(0, RR_RNG_SYNTHETIC, counter, random);
            series->values[i * width + c] = 1 + (double)rr_unit_float(random[0]);
        }
    }
    RR_TRY(make_scale(f, setup));
    return rr_forecast_table_fill(f, &f->tables[RR_SPLIT_TRAIN]);
}

static rr_status find_features(rr_forecaster *f, const rr_task_setup *setup) {
    const rr_paths *named = &f->config.time_features;
    if (named->count > RR_TIME_FEATURES)
        return rr_config_fail(setup->config, "task.time_features", "must be at most %d names", RR_TIME_FEATURES);
    for (size_t i = 0; i < named->count; i++) {
        size_t k = 0;
        while (k < RR_TIME_FEATURES && strcmp(rr_time_feature_names[k], named->items[i]) != 0) k++;
        if (k == RR_TIME_FEATURES)
            return rr_config_fail(setup->config, "task.time_features",
                                  "\"%s\" is none; allowed: hour, weekday, monthday, month, yearday", named->items[i]);
        f->features[i] = k;
    }
    f->feature_width = 2 * named->count;
    return RR_OK;
}

static uint64_t fingerprint(const rr_forecaster *f) {
    uint64_t hash = 0;
    for (int split = 0; split < RR_SPLIT_COUNT; split++) {
        const rr_forecast_table *table = &f->tables[split];
        const rr_forecast_part *part = &f->parts[split];
        if (table->z != NULL)
            hash = rr_hash64(table->z, table->series.count * table->series.columns.count * sizeof *table->z, hash);
        if (part->count > 0) hash = rr_hash64(part->first, part->count * sizeof *part->first, hash);
    }
    return hash;
}

/* A column's own past is needed where its window is normalised, or maps to its forecast. */
static rr_status check_targets(const rr_forecaster *f, const rr_task_setup *setup) {
    const char *key = f->config.channel_independent                  ? "task.channel_independent"
                      : f->config.linear_skip                        ? "task.linear_skip"
                      : f->config.normalise_window != RR_WINDOW_NONE ? "task.normalise_window"
                      : f->config.transform != RR_TRANSFORM_NONE     ? "task.transform"
                                                                     : NULL;
    for (size_t i = 0; i < f->scale.target_count && key != NULL; i++)
        if (f->scale.targets[i] >= f->scale.inputs)
            return rr_config_fail(setup->config, key, "needs the past of each target, but task.inputs does not name %s",
                                  f->scale.columns.items[f->scale.targets[i]]);
    return RR_OK;
}

static size_t season_of(rr_date_step step) {
    enum { DAY = 86400, WEEK_DAYS = 7, YEAR_MONTHS = 12 };
    if (step.months > 0) return YEAR_MONTHS % step.months == 0 ? (size_t)(YEAR_MONTHS / step.months) : 0;
    if (step.seconds == DAY) return WEEK_DAYS;
    return step.seconds > 1 && step.seconds < DAY && DAY % step.seconds == 0 ? (size_t)(DAY / step.seconds) : 0;
}

rr_status rr_forecast_read(rr_forecaster *f, const rr_task_setup *setup) {
    RR_TRY(find_features(f, setup));
    if (setup->vocab_json != NULL) RR_TRY(rr_series_scale_from_json(setup->vocab_json, &f->scale));
    if (setup->synthetic_steps > 0)
        RR_TRY(make_up(f, setup));
    else if (setup->need_train || setup->need_eval)
        RR_TRY(read_files(f, setup));
    RR_TRY(check_targets(f, setup));
    f->season = f->config.season > 0 ? f->config.season : season_of(f->scale.step);
    snprintf(f->season_name, sizeof f->season_name, "season before (%zu rows)", f->season);
    snprintf(f->mean_name, sizeof f->mean_name, "mean of %zu seasons", f->config.seasons);
    RR_TRY(rr_forecast_divide(f, setup));
    f->base.data_fingerprint = fingerprint(f);
    return f->scale.linear == NULL && setup->synthetic_steps == 0 ? rr_forecast_fit_linear(f) : RR_OK;
}

void rr_forecast_table_free(rr_forecast_table *table) {
    rr_series_free(&table->series);
    free(table->names);
    free(table->z);
    free(table->features);
    *table = (rr_forecast_table){.names = NULL};
}

void rr_forecast_free_data(rr_forecaster *f) {
    for (int split = 0; split < RR_SPLIT_COUNT; split++) {
        rr_forecast_table_free(&f->tables[split]);
        free(f->parts[split].first);
    }
    rr_forecast_table_free(&f->taken);
    free(f->wanted.first);
    rr_series_scale_free(&f->scale);
}
