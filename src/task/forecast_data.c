/* Windows of series, from files or without meaning. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "task/forecast_model.h"
#include "task/text_data.h"

static const char *const split_keys[RR_SPLIT_COUNT] = {"data.train", "data.valid", "data.test"};
enum { OUTSIDE = RR_SPLIT_COUNT }; /* the part of rows behind the last */

rr_series_options rr_forecast_options(const rr_forecast *f) {
    return (rr_series_options){
        .date_column = f->config.date_column, .series_column = f->config.series_column, .columns = f->config.inputs};
}

/* A checkpoint has fixed which columns there are. */
static rr_series_options options_of(const rr_forecast *f, const rr_task_setup *setup) {
    rr_series_options options = rr_forecast_options(f);
    options.delimiter = setup->data->delimiter != NULL ? setup->data->delimiter[0] : 0;
    options.on_error = (rr_on_error)setup->data->on_error;
    if (f->scale.column_count > 0)
        options.columns = (rr_paths){(const char *const *)f->scale.columns, f->scale.column_count};
    return options;
}

static rr_status read_files(rr_forecast *f, const rr_task_setup *setup) {
    const rr_paths *paths[RR_SPLIT_COUNT] = {&setup->data->train, &setup->data->valid, &setup->data->test};
    rr_series_options options = options_of(f, setup);
    if (setup->data->train.count == 0)
        return rr_config_fail(setup->config, "data.train", "a CSV file with dates is needed");
    for (int split = 0; split < RR_SPLIT_COUNT; split++)
        for (size_t i = 0; i < paths[split]->count; i++) {
            rr_status status = rr_series_read(&options, paths[split]->items[i], (rr_split)split, &f->table);
            if (status == RR_ERR_INPUT) return rr_config_fail(setup->config, split_keys[split], "%s", rr_last_error());
            RR_TRY(status);
        }
    rr_status status = rr_series_finish(&f->table);
    return status == RR_ERR_INPUT ? rr_config_fail(setup->config, "data.train", "%s", rr_last_error()) : status;
}

/* Rows of each series in order: the first ends[0] to train, those before ends[1] to valid ... */
static void split_by_rows(rr_series_table *table, const rr_series *series, const size_t ends[RR_SPLIT_COUNT]) {
    for (size_t i = 0; i < series->count; i++) {
        uint8_t part = 0;
        while (part < RR_SPLIT_COUNT && i >= ends[part]) part++;
        table->parts[series->first + i] = part;
    }
}

static rr_status split_by_dates(rr_forecast *f, const rr_task_setup *setup) {
    const rr_paths *dates = &f->config.split_dates;
    int64_t begins[RR_SPLIT_COUNT] = {0, 0, INT64_MAX};
    for (size_t i = 0; i < dates->count; i++)
        if (!rr_date_parse(dates->items[i], strlen(dates->items[i]), &begins[i]))
            return rr_config_fail(setup->config, "task.split_dates", "\"%s\" is no date (2016-07-01)", dates->items[i]);
    for (size_t i = 1; i < dates->count; i++)
        if (begins[i] <= begins[i - 1])
            return rr_config_fail(setup->config, "task.split_dates", "must rise, got %s after %s", dates->items[i],
                                  dates->items[i - 1]);
    for (size_t row = 0; row < f->table.rows; row++) {
        uint8_t part = 0;
        while (part < RR_SPLIT_COUNT && f->table.times[row] >= begins[part]) part++;
        f->table.parts[row] = part;
    }
    return RR_OK;
}

static rr_status split(rr_forecast *f, const rr_task_setup *setup) {
    const rr_floats *fractions = &setup->data->split;
    if (f->config.split_dates.count > 0) return split_by_dates(f, setup);
    if (f->config.split_rows.count == 0 && fractions->count == 0) return RR_OK; /* by files */
    for (size_t s = 0; s < f->table.series_count; s++) {
        const rr_series *series = &f->table.series[s];
        size_t ends[RR_SPLIT_COUNT];
        double sum = 0;
        for (size_t i = 0; i < RR_SPLIT_COUNT; i++) {
            if (f->config.split_rows.count > 0) {
                ends[i] = (i > 0 ? ends[i - 1] : 0) + f->config.split_rows.values[i];
            } else {
                sum += fractions->values[i];
                ends[i] = (size_t)((double)series->count * sum + 0.5);
            }
        }
        if (f->config.split_rows.count > 0 && ends[RR_SPLIT_COUNT - 1] > series->count)
            return rr_config_fail(setup->config, "task.split_rows", "%zu rows are wanted in all, but%s%s there are %zu",
                                  ends[RR_SPLIT_COUNT - 1], series->name[0] != 0 ? " of " : "", series->name,
                                  series->count);
        split_by_rows(&f->table, series, ends);
    }
    return RR_OK;
}

static double change_of(rr_forecast_change kind, const double *value, size_t stride, bool first) {
    if (kind == RR_CHANGE_NONE) return *value;
    if (first) return NAN;
    double before = value[-(ptrdiff_t)stride];
    if (kind == RR_CHANGE_DIFFERENCE) return *value - before;
    return *value > 0 && before > 0 ? log(*value / before) : NAN;
}

static void put_time(int64_t seconds, float *out) {
    static const double two_pi = 6.283185307179586;
    rr_date d = rr_date_of(seconds), year = {.year = d.year, .month = 1, .day = 1};
    double day = (d.hour * 3600 + d.minute * 60 + d.second) / 86400.0;
    double week = (double)(((seconds / 86400) % 7 + 7) % 7) / 7;
    double of_year = (double)(seconds - rr_date_seconds(year)) / (365.25 * 86400);
    const double phases[] = {day, week, of_year};
    for (size_t i = 0; i < RR_TIME_FEATURES / 2; i++) {
        out[2 * i] = (float)sin(two_pi * phases[i]);
        out[2 * i + 1] = (float)cos(two_pi * phases[i]);
    }
}

static rr_status find_scales(rr_forecast *f) {
    const rr_series_table *table = &f->table;
    f->scale_of = calloc(table->series_count + 1, sizeof *f->scale_of);
    if (f->scale_of == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for series");
    for (size_t s = 0; s < table->series_count; s++) {
        f->scale_of[s] = rr_series_scale_find(&f->scale, table->series[s].name);
        if (f->scale_of[s] == f->scale.series_count)
            return rr_fail(RR_ERR_INPUT, "the model was not trained on a series \"%s\"", table->series[s].name);
    }
    return RR_OK;
}

rr_status rr_forecast_prepare(rr_forecast *f) {
    const rr_series_table *table = &f->table;
    size_t rows = table->rows, columns = table->column_count;
    free(f->changes);
    free(f->z);
    free(f->time);
    free(f->scale_of);
    f->scale_of = NULL;
    f->changes = malloc((rows * columns + 1) * sizeof *f->changes);
    f->z = malloc((rows * columns + 1) * sizeof *f->z);
    f->time = f->config.time_features ? malloc((rows + 1) * RR_TIME_FEATURES * sizeof *f->time) : NULL;
    if (f->changes == NULL || f->z == NULL || (f->config.time_features && f->time == NULL))
        return rr_fail(RR_ERR_NOMEM, "no memory for %zu rows of series", rows);
    for (size_t row = 0; row < rows; row++)
        for (size_t c = 0; c < columns; c++)
            f->changes[row * columns + c] =
                change_of((rr_forecast_change)f->config.change, &table->values[row * columns + c], columns,
                          row == table->series[table->owner[row]].first);
    if (f->scale.series_count == 0) RR_TRY(rr_series_scale_fit(table, f->changes, &f->scale));
    RR_TRY(find_scales(f));
    for (size_t row = 0; row < rows; row++) {
        for (size_t c = 0; c < columns; c++) {
            size_t cell = rr_forecast_cell(f, row, c);
            f->z[row * columns + c] = (float)((f->changes[row * columns + c] - f->scale.changes_mean[cell]) /
                                              f->scale.changes_deviation[cell]);
        }
        if (f->time != NULL) put_time(table->times[row], f->time + row * RR_TIME_FEATURES);
    }
    return RR_OK;
}

static rr_status find_targets(rr_forecast *f, const rr_task_setup *setup) {
    char **columns = f->scale.columns;
    size_t count = f->config.targets.count;
    f->target_count = count > 0 ? count : f->scale.column_count;
    f->targets = calloc(f->target_count + 1, sizeof *f->targets);
    if (f->targets == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for targets");
    for (size_t i = 0; i < f->target_count; i++) {
        f->targets[i] = i;
        if (count == 0) continue;
        size_t c = 0;
        while (c < f->scale.column_count && strcmp(columns[c], f->config.targets.items[i]) != 0) c++;
        if (c == f->scale.column_count)
            return rr_config_fail(setup->config, "task.targets", "\"%s\" is none of the inputs",
                                  f->config.targets.items[i]);
        f->targets[i] = c;
    }
    return RR_OK;
}

/* All windows of a series whose targets lie in one part. bad [rows + 1]: rows up to there with a missing value. */
static void add_windows(rr_forecast *f, const rr_series *series, const size_t *bad, bool count_only) {
    size_t window = f->config.window, horizon = f->config.horizon, each = f->config.independent ? f->target_count : 1;
    for (size_t row = series->first + window; row + horizon <= series->first + series->count; row++) {
        uint8_t part = f->table.parts[row];
        if (part >= RR_SPLIT_COUNT || f->table.parts[row + horizon - 1] != part) continue;
        rr_forecast_set *set = &f->sets[part];
        if (bad[row + horizon] > bad[row - window]) {
            set->missing += count_only;
            continue;
        }
        for (size_t t = 0; t < each; t++, set->count++)
            if (!count_only) set->items[set->count] = (rr_forecast_example){(uint32_t)row, (uint32_t)t};
    }
}

static rr_status find_windows(rr_forecast *f) {
    size_t rows = f->table.rows, columns = f->table.column_count;
    if (rows > UINT32_MAX) return rr_fail(RR_ERR_INPUT, "%zu rows are more than 2^32", rows);
    size_t *bad = calloc(rows + 1, sizeof *bad);
    if (bad == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for windows");
    for (size_t row = 0; row < rows; row++) {
        bool missing = false;
        for (size_t c = 0; c < columns; c++) missing = missing || !isfinite(f->z[row * columns + c]);
        bad[row + 1] = bad[row] + missing;
    }
    for (size_t s = 0; s < f->table.series_count; s++) add_windows(f, &f->table.series[s], bad, true);
    for (int part = 0; part < RR_SPLIT_COUNT; part++) {
        rr_forecast_set *set = &f->sets[part];
        set->items = malloc((set->count + 1) * sizeof *set->items);
        set->count = 0;
        if (set->items == NULL) {
            free(bad);
            return rr_fail(RR_ERR_NOMEM, "no memory for windows");
        }
    }
    for (size_t s = 0; s < f->table.series_count; s++) add_windows(f, &f->table.series[s], bad, false);
    free(bad);
    return RR_OK;
}

static rr_status check_windows(const rr_forecast *f, const rr_task_setup *setup) {
    for (int part = 0; part < RR_SPLIT_COUNT; part++) {
        size_t rows = 0;
        for (size_t row = 0; row < f->table.rows; row++) rows += f->table.parts[row] == part;
        bool needed = part == RR_SPLIT_TRAIN ? setup->need_train : rows > 0;
        if (needed && f->sets[part].count == 0)
            return rr_config_fail(setup->config, split_keys[part],
                                  "no window of %zu rows with %zu rows ahead fits into the %s part of %zu rows%s",
                                  f->config.window, f->config.horizon, rr_split_names[part], rows,
                                  f->sets[part].missing > 0 ? " without a missing value" : "");
    }
    return RR_OK;
}

/* For benchmarks: one series of task.inputs (or seven) columns that move at random. */
static rr_status make_up(rr_forecast *f, const rr_task_setup *setup) {
    enum { COLUMNS = 7, STREAM = 5 };
    rr_buffer text = {0};
    size_t columns = f->config.inputs.count > 0 ? f->config.inputs.count : COLUMNS;
    size_t rows = setup->global_batch_size * setup->synthetic_steps + f->config.window + f->config.horizon;
    rr_series_options options = rr_forecast_options(f);
    rr_buffer_puts(&text, f->config.date_column != NULL ? f->config.date_column : "date");
    if (f->config.series_column != NULL) rr_buffer_printf(&text, ",%s", f->config.series_column);
    for (size_t c = 0; c < columns; c++)
        if (f->config.inputs.count > 0)
            rr_buffer_printf(&text, ",%s", f->config.inputs.items[c]);
        else
            rr_buffer_printf(&text, ",c%zu", c);
    for (size_t row = 0; row < rows; row++) {
        rr_buffer_printf(&text, "\n%zu", row * 3600);
        if (f->config.series_column != NULL) rr_buffer_puts(&text, ",one");
        for (size_t c = 0; c < columns; c++) {
            uint32_t random[4];
            rr_text_data_random(STREAM, row * columns + c, random);
            rr_buffer_printf(&text, ",%u", 1 + random[0] % 1000);
        }
    }
    rr_status status = text.failed ? rr_fail(RR_ERR_NOMEM, "no memory for made-up series") : RR_OK;
    if (status == RR_OK)
        status = rr_series_parse(&options, "made-up series", text.data, text.length, RR_SPLIT_TRAIN, &f->table);
    rr_buffer_free(&text);
    return status == RR_OK ? rr_series_finish(&f->table) : status;
}

static rr_status read_table(rr_forecast *f, const rr_task_setup *setup) {
    if (setup->synthetic_steps > 0) {
        RR_TRY(make_up(f, setup));
    } else {
        RR_TRY(read_files(f, setup));
        RR_TRY(split(f, setup));
    }
    rr_status status = rr_forecast_prepare(f);
    if (status == RR_OK) RR_TRY(find_targets(f, setup));
    if (status == RR_OK) status = find_windows(f);
    if (status == RR_ERR_INPUT) return rr_config_fail(setup->config, "data.train", "%s", rr_last_error());
    RR_TRY(status);
    return check_windows(f, setup);
}

rr_status rr_forecast_read(rr_forecast *f, const rr_task_setup *setup) {
    if (setup->vocab_json != NULL) RR_TRY(rr_series_scale_from_json(setup->vocab_json, &f->scale));
    bool read = setup->synthetic_steps > 0 || setup->need_train || setup->need_eval;
    if (!read) {
        f->table.column_count = f->scale.column_count;
        return find_targets(f, setup);
    }
    RR_TRY(read_table(f, setup));
    f->base.data_fingerprint = rr_hash64(f->table.values, f->table.rows * f->table.column_count * sizeof(double),
                                         rr_hash64(f->table.parts, f->table.rows, 0));
    return RR_OK;
}

void rr_forecast_free_data(rr_forecast *f) {
    for (int part = 0; part < RR_SPLIT_COUNT; part++) free(f->sets[part].items);
    rr_series_table_free(&f->table);
    rr_series_scale_free(&f->scale);
    free(f->scale_of);
    free(f->targets);
    free(f->changes);
    free(f->z);
    free(f->time);
}
