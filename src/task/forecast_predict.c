/* Forecasts of what follows the last row of a file, as a file like it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "task/forecast_model.h"

static rr_status check_window(const rr_forecaster *f, const rr_series *series, size_t s) {
    const char *name = series->series.items[s];
    size_t rows = series->begin[s + 1] - series->begin[s], end = series->begin[s + 1];
    size_t needed = f->config.window + (f->config.transform != RR_TRANSFORM_NONE ? 1 : 0);
    if (rows < needed)
        return rr_fail(RR_ERR_INPUT, "%s: %s%shas %zu rows; the model sees %zu", series->files.items[0],
                       name[0] != 0 ? name : "", name[0] != 0 ? " " : "", rows, needed);
    for (size_t row = end - needed; row < end; row++)
        for (size_t c = 0; c < series->columns.count; c++)
            if (isnan(series->values[row * series->columns.count + c]))
                return rr_fail(RR_ERR_INPUT,
                               "%s:%llu: column %s: the number is missing; the last %zu rows must be whole",
                               series->files.items[0], (unsigned long long)series->rows[row].line,
                               series->columns.items[c], needed);
    return RR_OK;
}

rr_status rr_forecast_take(rr_task *task, const rr_text *texts, size_t count) {
    rr_forecaster *f = (rr_forecaster *)task;
    rr_series_wish wish = rr_forecast_wish(f, f->data);
    rr_series *series = &f->taken.series;
    if (count != 1) return rr_fail(RR_ERR_INPUT, "a forecaster reads one file, not %zu texts", count);
    wish.on_error = RR_ON_ERROR_SKIP; /* what matters is checked: the last window */
    rr_forecast_table_free(&f->taken);
    free(f->wanted.first);
    f->wanted = (rr_forecast_part){.table = &f->taken};
    RR_TRY(rr_series_parse(&wish, texts[0].name, texts[0].text, texts[0].length, series));
    if (series->skipped > 0) return rr_fail(RR_ERR_INPUT, "%s", rr_buffer_text(&series->first_bad));
    if (f->feature_width > 0 && series->date_name == NULL)
        return rr_fail(RR_ERR_INPUT, "%s: there is no column of dates", texts[0].name);
    for (size_t s = 0; s < series->series.count; s++) RR_TRY(check_window(f, series, s));
    RR_TRY(rr_forecast_table_fill(f, &f->taken));
    f->wanted.first = malloc((series->series.count + 1) * sizeof *f->wanted.first);
    if (f->wanted.first == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for %zu series", series->series.count);
    f->wanted.count = series->series.count;
    for (size_t s = 0; s < series->series.count; s++) f->wanted.first[s] = (uint32_t)series->begin[s + 1];
    return RR_OK;
}

/* A field of CSV, in quotes where it needs them (RFC 4180). */
static void put_field(rr_buffer *out, const char *text) {
    if (strpbrk(text, ",\"\r\n") == NULL) {
        rr_buffer_puts(out, text);
        return;
    }
    rr_buffer_puts(out, "\"");
    for (; *text != 0; text++) rr_buffer_printf(out, *text == '"' ? "\"\"" : "%c", *text);
    rr_buffer_puts(out, "\"");
}

static void put_column(rr_buffer *out, const char *name, const char *suffix) {
    rr_buffer text = {0};
    rr_buffer_printf(&text, "%s%s", name, suffix);
    rr_buffer_puts(out, ",");
    put_field(out, rr_buffer_text(&text));
    rr_buffer_free(&text);
}

static void put_header(const rr_forecaster *f, rr_buffer *out) {
    const rr_series *series = &f->taken.series;
    if (f->config.series_column != NULL) {
        put_field(out, f->config.series_column);
        rr_buffer_puts(out, ",");
    }
    put_field(out, series->date_name != NULL ? series->date_name : "step");
    for (size_t c = 0; c < f->scale.target_count; c++) {
        const char *name = f->scale.columns.items[f->scale.targets[c]];
        char suffix[32];
        if (f->loss.head != RR_HEAD_QUANTILE) put_column(out, name, "");
        if (f->loss.head == RR_HEAD_GAUSSIAN) put_column(out, name, "_std");
        for (size_t k = 0; k < f->loss.outputs && f->loss.head == RR_HEAD_QUANTILE; k++) {
            snprintf(suffix, sizeof suffix, "_q%g", f->loss.quantiles[k]);
            put_column(out, name, suffix);
        }
    }
    rr_buffer_puts(out, "\n");
}

/* Columns of the result: values [targets, outputs, horizon] in the file's units, from the network's y. */
static void to_file(const rr_forecaster *f, size_t window, const double *y, double *values) {
    size_t horizon = f->config.horizon, outputs = f->loss.outputs;
    double *z = values + f->scale.target_count * outputs * horizon; /* room behind them, [horizon] */
    for (size_t c = 0; c < f->scale.target_count; c++)
        for (size_t k = 0; k < outputs; k++) {
            const double *said = y + c * horizon * outputs;
            double *out = values + (c * outputs + k) * horizon;
            for (size_t h = 0; h < horizon; h++) z[h] = said[h * outputs + k];
            if (rr_forecast_is_place(&f->loss, k))
                rr_forecast_to_file(f, &f->wanted, window, c, z, out);
            else
                rr_forecast_deviations(f, &f->wanted, window, c, said, out - horizon, out);
        }
}

static void put_rows(const rr_forecaster *f, size_t window, const double *values, rr_buffer *out) {
    const rr_series *series = &f->taken.series;
    size_t horizon = f->config.horizon;
    const rr_series_row *last = &series->rows[f->wanted.first[window] - 1];
    for (size_t h = 0; h < horizon; h++) {
        if (f->config.series_column != NULL) {
            put_field(out, series->series.items[last->series]);
            rr_buffer_puts(out, ",");
        }
        if (series->date_name != NULL)
            rr_date_write(&series->style, rr_date_add(last->time, f->scale.step, (int64_t)h + 1), out);
        else
            rr_buffer_printf(out, "%zu", h + 1);
        for (size_t k = 0; k < f->scale.target_count * f->loss.outputs; k++)
            rr_buffer_printf(out, ",%.7g", values[k * horizon + h]);
        rr_buffer_puts(out, "\n");
    }
}

rr_status rr_forecast_predict(rr_task *task, const rr_text *texts, size_t count, rr_buffer *out) {
    (void)texts, (void)count; /* taken */
    rr_forecaster *f = (rr_forecaster *)task;
    size_t size = rr_forecast_size(f), rows = f->wanted.count * f->groups;
    double *y = malloc(f->wanted.count * size * sizeof *y);
    double *values = malloc((size + f->config.horizon) * sizeof *values);
    if (y == NULL || values == NULL) {
        free(y);
        free(values);
        return rr_fail(RR_ERR_NOMEM, "no memory for forecasts of %zu series", f->wanted.count);
    }
    rr_forecast_run(f, &f->wanted, 0, rows, NULL, y);
    put_header(f, out);
    for (size_t w = 0; w < f->wanted.count; w++) {
        to_file(f, w, y + w * size, values);
        put_rows(f, w, values, out);
    }
    free(y);
    free(values);
    return RR_OK;
}
