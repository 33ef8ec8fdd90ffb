/* Forecasts from the end of each series of a file, as CSV. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "task/forecast_model.h"

/* A field of CSV, in quotes where it needs them (RFC 4180). */
static void put_field(const char *text, rr_buffer *out) {
    if (strpbrk(text, ",\"\r\n") == NULL) {
        rr_buffer_puts(out, text);
        return;
    }
    rr_buffer_puts(out, "\"");
    for (; *text != 0; text++) rr_buffer_append(out, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1);
    rr_buffer_puts(out, "\"");
}

static void put_name(const rr_forecast *f, size_t column, size_t kind, rr_buffer *out) {
    rr_buffer name = {0};
    rr_buffer_puts(&name, f->scale.columns[column]);
    if (f->config.head == RR_FORECAST_QUANTILE) rr_buffer_printf(&name, "_q%g", f->config.quantiles.values[kind]);
    if (f->config.head == RR_FORECAST_GAUSSIAN) rr_buffer_puts(&name, kind == 0 ? "" : "_deviation");
    rr_buffer_puts(out, ",");
    put_field(rr_buffer_text(&name), out);
    rr_buffer_free(&name);
}

static void put_header(const rr_forecast *f, rr_buffer *out) {
    if (f->config.series_column != NULL) {
        put_field(f->config.series_column, out);
        rr_buffer_puts(out, ",");
    }
    put_field(f->config.date_column != NULL ? f->config.date_column : "date", out);
    for (size_t t = 0; t < f->target_count; t++)
        for (size_t k = 0; k < f->kinds; k++) put_name(f, f->targets[t], k, out);
    rr_buffer_puts(out, "\n");
}

/* The deviation that a log variance means, in units of the values at the end of the window (of the changes, where the
 * network forecasts these). */
static void put_deviations(const rr_forecast *f, const rr_forecast_example *e, size_t i, size_t output,
                           double *values) {
    size_t cell = rr_forecast_cell(f, e->row - 1, rr_forecast_column(f, e, output)), horizon = f->config.horizon;
    for (size_t h = 0; h < horizon; h++)
        values[h] = exp(0.5 * (double)f->out[((i * f->outputs + output) * horizon + h) * 2 + 1]) *
                    f->scale.changes_deviation[cell];
}

/* values [target_count, kinds, horizon] of the window that ends with the series. */
static void forecast_series(rr_forecast *f, const rr_series *series, double *values) {
    size_t horizon = f->config.horizon, end = series->first + series->count;
    rr_sequence sequence;
    for (size_t t = 0; t < f->target_count; t += f->outputs) {
        rr_forecast_example e = {(uint32_t)end, (uint32_t)t};
        rr_forecast_forward(f, &e, 1, 0, NULL, NULL, &sequence);
        for (size_t output = 0; output < f->outputs; output++)
            for (size_t k = 0; k < f->kinds; k++) {
                double *to = values + ((t + output) * f->kinds + k) * horizon;
                if (f->config.head == RR_FORECAST_GAUSSIAN && k == 1)
                    put_deviations(f, &e, 0, output, to);
                else
                    rr_forecast_values(f, &e, 0, output, k, to);
            }
    }
}

static void put_rows(const rr_forecast *f, const rr_series *series, const double *values, rr_buffer *out) {
    size_t horizon = f->config.horizon, last = series->first + series->count - 1;
    bool time = f->scale.step.months == 0 && f->scale.step.seconds % 86400 != 0;
    for (size_t h = 0; h < horizon; h++) {
        char date[32];
        rr_date_format(rr_date_add(f->table.times[last], f->scale.step, (int64_t)h + 1), time, date);
        if (f->config.series_column != NULL) {
            put_field(series->name, out);
            rr_buffer_puts(out, ",");
        }
        rr_buffer_puts(out, date);
        for (size_t k = 0; k < f->target_count * f->kinds; k++) rr_buffer_printf(out, ",%.9g", values[k * horizon + h]);
        rr_buffer_puts(out, "\n");
    }
}

static rr_status check_series(const rr_forecast *f, const rr_series *series, const char *file) {
    size_t window = f->config.window, end = series->first + series->count, columns = f->table.column_count;
    const char *of = series->name[0] != 0 ? " of " : "";
    if (series->count < window + (f->config.change != RR_CHANGE_NONE))
        return rr_fail(RR_ERR_INPUT, "%s: %zu rows%s%s are too few: the model looks at %zu", file, series->count, of,
                       series->name, window + (f->config.change != RR_CHANGE_NONE));
    for (size_t row = end - window; row < end; row++)
        for (size_t c = 0; c < columns; c++)
            if (!isfinite(f->z[row * columns + c])) {
                rr_buffer place = {0};
                rr_series_place(&f->table, row, &place);
                rr_status status = rr_fail(RR_ERR_INPUT,
                                           "%s: column \"%s\" has no value, but the last %zu rows%s%s are "
                                           "needed whole",
                                           rr_buffer_text(&place), f->scale.columns[c], window, of, series->name);
                rr_buffer_free(&place);
                return status;
            }
    return RR_OK;
}

static rr_status forecast_table(rr_forecast *f, const char *file, rr_buffer *out) {
    double *values = malloc((f->target_count * f->kinds * f->config.horizon + 1) * sizeof *values);
    rr_status status = values != NULL ? RR_OK : rr_fail(RR_ERR_NOMEM, "no memory for forecasts");
    put_header(f, out);
    for (size_t s = 0; s < f->table.series_count && status == RR_OK && values != NULL; s++) {
        status = check_series(f, &f->table.series[s], file);
        if (status != RR_OK) break;
        forecast_series(f, &f->table.series[s], values);
        put_rows(f, &f->table.series[s], values, out);
    }
    free(values);
    if (status == RR_OK && out->failed) status = rr_fail(RR_ERR_NOMEM, "no memory for forecasts");
    return status;
}

rr_status rr_forecast_predict_file(rr_task *task, const rr_text *file, rr_buffer *out) {
    rr_forecast *f = (rr_forecast *)task;
    rr_buffer text = {0}; /* reading changes it */
    rr_series_options options = rr_forecast_options(f);
    options.columns = (rr_paths){(const char *const *)f->scale.columns, f->scale.column_count};
    rr_series_table_free(&f->table);
    rr_buffer_append(&text, file->text, file->length);
    rr_status status = text.failed ? rr_fail(RR_ERR_NOMEM, "no memory for %s", file->name) : RR_OK;
    if (status == RR_OK)
        status = rr_series_parse(&options, file->name, text.data, text.length, RR_SPLIT_TEST, &f->table);
    if (status == RR_OK) status = rr_series_finish(&f->table);
    if (status == RR_OK) {
        status = rr_forecast_prepare(f);
        if (status == RR_ERR_INPUT) status = rr_fail_within(status, "%s: ", file->name);
    }
    if (status == RR_OK) status = forecast_table(f, file->name, out);
    rr_buffer_free(&text);
    return status;
}
