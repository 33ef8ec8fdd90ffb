#include "data/series_order.h"

#include <stdlib.h>
#include <string.h>

/* What is wrong with the date of a row, of which another is told. */
static void complain(const rr_series *series, const rr_series_row *row, const rr_series_row *other, rr_buffer *out) {
    bool several = series->series.count > 1;
    rr_buffer_printf(out, "%s:%llu: the date %s at line %llu%s%s; dates must grow within a series",
                     series->files.items[row->file], (unsigned long long)row->line,
                     row->time == other->time ? "is that of the row" : "lies before that of the row",
                     (unsigned long long)other->line, several ? " of series " : "",
                     several ? series->series.items[row->series] : "");
}

/* The first row whose date does not grow; series->count: there is none. */
static size_t first_wrong(const rr_series *series) {
    for (size_t i = 1; i < series->count; i++)
        if (series->rows[i].series == series->rows[i - 1].series && series->rows[i].time <= series->rows[i - 1].time)
            return i;
    return series->count;
}

/* A row, and where it stood. */
typedef struct placed {
    rr_series_row row;
    size_t at;
} placed;

static int by_time(const void *a, const void *b) {
    const placed *x = a, *y = b;
    if (x->row.series != y->row.series) return x->row.series < y->row.series ? -1 : 1;
    if (x->row.time != y->row.time) return x->row.time < y->row.time ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

/* Rows in their order, those that repeat a time left out. placed: sorted; values: room for all. */
static void keep(rr_series *series, const placed *rows, double *values) {
    size_t width = series->columns.count, kept = 0, count = series->count;
    memset(series->begin, 0, (series->series.count + 1) * sizeof *series->begin);
    for (size_t i = 0; i < count; i++) {
        const rr_series_row *row = &rows[i].row, *last = kept > 0 ? &series->rows[kept - 1] : NULL;
        if (last != NULL && last->series == row->series && last->time == row->time) {
            if (series->first_bad.length == 0) complain(series, row, last, &series->first_bad);
            series->skipped++;
            continue;
        }
        memcpy(values + kept * width, series->values + rows[i].at * width, width * sizeof *values);
        series->rows[kept++] = *row;
        series->begin[row->series + 1]++;
    }
    for (size_t s = 0; s < series->series.count; s++) series->begin[s + 1] += series->begin[s];
    series->count = kept;
}

static rr_status sort_rows(rr_series *series) {
    placed *rows = malloc((series->count + 1) * sizeof *rows);
    double *values = malloc((series->count * series->columns.count + 1) * sizeof *values);
    if (rows == NULL || values == NULL) {
        free(rows);
        free(values);
        return rr_fail(RR_ERR_NOMEM, "no memory to put %zu rows in order", series->count);
    }
    for (size_t i = 0; i < series->count; i++) {
        const rr_series_row *row = &series->rows[i];
        rows[i] = (placed){*row, i};
        if (i > 0 && row->series == row[-1].series && row->time < row[-1].time) series->disordered++;
    }
    qsort(rows, series->count, sizeof *rows, by_time);
    keep(series, rows, values);
    free(rows);
    free(series->values);
    series->values = values;
    return RR_OK;
}

rr_status rr_series_put_in_order(bool sort, rr_series *series) {
    if (series->date_name == NULL) {
        for (size_t i = 0; i < series->count; i++)
            series->rows[i].time = (int64_t)(i - series->begin[series->rows[i].series]);
        return RR_OK;
    }
    size_t wrong = first_wrong(series);
    if (wrong == series->count) return RR_OK;
    if (sort) return sort_rows(series);
    rr_buffer text = {0};
    complain(series, &series->rows[wrong], &series->rows[wrong - 1], &text);
    rr_status status = rr_fail(RR_ERR_INPUT, "%s", rr_buffer_text(&text));
    rr_buffer_free(&text);
    return status;
}
