/*
 * Parts by time. A window belongs to a part if all that it forecasts lies within; what it sees may reach back into the
 * part before, as in Zhou et al. 2021 (Informer).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "task/forecast_model.h"

bool rr_forecast_divides(const rr_forecaster *f, const rr_task_setup *setup) {
    return setup->data->split.count > 0 || f->config.split_rows.count > 0 || f->config.split_dates.count > 0;
}

static rr_status by_rows(const rr_forecaster *f, const rr_task_setup *setup, const rr_series *series, size_t s,
                         size_t ends[RR_SPLIT_COUNT]) {
    size_t end = series->begin[s];
    for (int split = 0; split < RR_SPLIT_COUNT; split++) ends[split] = end += f->config.split_rows.values[split];
    if (end <= series->begin[s + 1]) return RR_OK;
    return rr_config_fail(setup->config, "task.split_rows", "wants %zu rows, but %s%s has %zu", end - series->begin[s],
                          series->series.count > 1 ? "series " : "the file",
                          series->series.count > 1 ? series->series.items[s] : "",
                          series->begin[s + 1] - series->begin[s]);
}

static rr_status by_dates(const rr_forecaster *f, const rr_task_setup *setup, const rr_series *series, size_t s,
                          size_t ends[RR_SPLIT_COUNT]) {
    const rr_paths *dates = &f->config.split_dates;
    size_t row = series->begin[s];
    if (series->date_name == NULL)
        return rr_config_fail(setup->config, "task.split_dates", "there is no column of dates");
    ends[RR_SPLIT_TEST] = series->begin[s + 1];
    for (size_t i = 0; i < dates->count; i++) {
        rr_date_style style;
        int64_t time;
        const char *format = f->config.date_format, *date = dates->items[i];
        if (!rr_date_parse(date, strlen(date), &style, &time) &&
            (format == NULL || !rr_date_parse_as(format, date, strlen(date), &time)))
            return rr_config_fail(setup->config, "task.split_dates", "\"%s\" is no date; allowed: %s%s%s", date,
                                  format != NULL ? format : "", format != NULL ? ", " : "", RR_DATE_FORMATS);
        while (row < series->begin[s + 1] && series->rows[row].time < time) row++;
        ends[i] = row;
    }
    return RR_OK;
}

static void by_fractions(const rr_task_setup *setup, const rr_series *series, size_t s, size_t ends[RR_SPLIT_COUNT]) {
    double rows = (double)(series->begin[s + 1] - series->begin[s]), sum = 0;
    for (int split = 0; split < RR_SPLIT_COUNT; split++) {
        sum += setup->data->split.values[split];
        ends[split] = series->begin[s] + (size_t)fmin(rows, floor(rows * sum + 1e-6));
    }
}

rr_status rr_forecast_bounds(const rr_forecaster *f, const rr_task_setup *setup, const rr_forecast_table *table,
                             size_t series, int split, size_t *begin, size_t *end) {
    size_t ends[RR_SPLIT_COUNT];
    *begin = table->series.begin[series];
    *end = table->series.begin[series + 1];
    if (!rr_forecast_divides(f, setup) || setup->synthetic_steps > 0) return RR_OK;
    if (f->config.split_rows.count > 0)
        RR_TRY(by_rows(f, setup, &table->series, series, ends));
    else if (f->config.split_dates.count > 0)
        RR_TRY(by_dates(f, setup, &table->series, series, ends));
    else
        by_fractions(setup, &table->series, series, ends);
    if (split > 0) *begin = ends[split - 1];
    *end = ends[split];
    return RR_OK;
}

static bool row_missing(const rr_forecast_table *table, size_t row) {
    size_t width = table->series.columns.count;
    for (size_t c = 0; c < width; c++)
        if (isnan(table->z[row * width + c])) return true;
    return false;
}

/* Windows of a series that forecast rows [begin, end). */
static void add_windows(const rr_forecaster *f, rr_forecast_part *part, size_t series, size_t begin, size_t end) {
    const rr_forecast_table *table = part->table;
    size_t window = f->config.window, horizon = f->config.horizon;
    size_t start = table->series.begin[series] + (f->config.transform != RR_TRANSFORM_NONE ? 1 : 0);
    size_t first = begin > start + window ? begin : start + window;
    size_t clean = first - window; /* from here on nothing is missing, up to `seen` */
    for (size_t t = first, seen = clean; t + horizon <= end; t++) {
        for (; seen < t + horizon; seen++)
            if (row_missing(table, seen)) clean = seen + 1;
        if (clean + window <= t)
            part->first[part->count++] = (uint32_t)t;
        else
            part->left_out++;
    }
}

static const char *split_key(const rr_forecaster *f, const rr_task_setup *setup, int split) {
    static const char *const files[RR_SPLIT_COUNT] = {"data.train", "data.valid", "data.test"};
    return f->config.split_rows.count > 0    ? "task.split_rows"
           : f->config.split_dates.count > 0 ? "task.split_dates"
           : setup->data->split.count > 0    ? "data.split"
                                             : files[split];
}

/* A part that somebody asked for. */
static bool is_wanted(const rr_forecaster *f, const rr_task_setup *setup, int split) {
    if (setup->synthetic_steps > 0 || !rr_forecast_divides(f, setup)) return true;
    if (f->config.split_rows.count > 0) return f->config.split_rows.values[split] > 0;
    return setup->data->split.count == 0 || setup->data->split.values[split] > 0;
}

static rr_status fill_part(rr_forecaster *f, const rr_task_setup *setup, int split, const rr_forecast_table *table) {
    rr_forecast_part *part = &f->parts[split];
    part->table = table;
    part->first = malloc((table->series.count + 1) * sizeof *part->first);
    if (part->first == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for %zu windows", table->series.count);
    for (size_t s = 0; s < table->series.series.count; s++) {
        size_t begin, end;
        RR_TRY(rr_forecast_bounds(f, setup, table, s, split, &begin, &end));
        add_windows(f, part, s, begin, end);
    }
    if (part->count * f->scale.target_count > UINT32_MAX)
        return rr_config_fail(setup->config, split_key(f, setup, split), "%zu windows are more than fit", part->count);
    if (part->count > 0 || !is_wanted(f, setup, split)) return RR_OK;
    return rr_config_fail(setup->config, split_key(f, setup, split),
                          "leaves no window for %s: %zu rows are seen and %zu forecast, and %zu windows with missing "
                          "numbers are left out%s%s",
                          rr_split_names[split], f->config.window, f->config.horizon, part->left_out,
                          table->series.first_bad.length > 0 ? "; the first: " : "",
                          rr_buffer_text(&table->series.first_bad));
}

rr_status rr_forecast_divide(rr_forecaster *f, const rr_task_setup *setup) {
    for (int split = 0; split < RR_SPLIT_COUNT; split++) {
        bool shared = rr_forecast_divides(f, setup) && setup->synthetic_steps == 0;
        const rr_forecast_table *table = &f->tables[shared ? RR_SPLIT_TRAIN : split];
        if (table->z == NULL || (split == RR_SPLIT_TRAIN && !setup->need_train && f->scale.linear != NULL)) continue;
        RR_TRY(fill_part(f, setup, split, table));
    }
    return RR_OK;
}
