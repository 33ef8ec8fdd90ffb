#include "data/series.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

size_t rr_series_find(const rr_series_names *names, const char *name) {
    size_t i = 0;
    while (i < names->count && strcmp(names->items[i], name) != 0) i++;
    return i;
}

rr_status rr_series_add_name(rr_series_names *names, const char *name, size_t length, size_t *index) {
    char **items = realloc(names->items, (names->count + 1) * sizeof *items);
    if (items == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for %zu names", names->count + 1);
    names->items = items;
    char *copy = malloc(length + 1);
    if (copy == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a name");
    memcpy(copy, name, length);
    copy[length] = 0;
    items[names->count] = copy;
    *index = names->count++;
    return RR_OK;
}

void rr_series_free_names(rr_series_names *names) {
    for (size_t i = 0; i < names->count; i++) free(names->items[i]);
    free(names->items);
    *names = (rr_series_names){.count = 0};
}

void rr_series_free(rr_series *series) {
    rr_series_free_names(&series->columns);
    rr_series_free_names(&series->series);
    rr_series_free_names(&series->files);
    rr_buffer_free(&series->first_bad);
    free(series->date_name);
    free(series->rows);
    free(series->values);
    free(series->begin);
    *series = (rr_series){.count = 0};
}

void rr_series_place(const rr_series *series, size_t row, rr_buffer *out) {
    rr_buffer_printf(out, "%s:%llu", series->files.items[series->rows[row].file],
                     (unsigned long long)series->rows[row].line);
}

/* Whether row follows another one of its series. */
static bool follows(const rr_series *series, size_t row) {
    return row > 0 && series->rows[row].series == series->rows[row - 1].series;
}

static int by_value(const void *a, const void *b) {
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* The most frequent of sorted numbers, the smallest of equals. */
static int64_t most_frequent(const int64_t *sorted, size_t count) {
    size_t best = 0;
    int64_t value = 0;
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i; end < count && sorted[end] == sorted[i]; end++) {
        }
        if (end - i <= best) continue;
        best = end - i;
        value = sorted[i];
    }
    return value;
}

/* Steps of all rows, in seconds or in months. Returns their number. */
static size_t measure(const rr_series *series, bool months, int64_t *out) {
    size_t count = 0;
    for (size_t i = 1; i < series->count; i++) {
        if (!follows(series, i)) continue;
        int64_t before = series->rows[i - 1].time, time = series->rows[i].time;
        out[count++] = months ? rr_date_months(before, time) : time - before;
    }
    return count;
}

/* Whether all rows stand on the same day of a month at the same time of day. */
static bool monthly(const rr_series *series) {
    rr_date_parts first = rr_date_split(series->rows[0].time);
    for (size_t i = 1; i < series->count; i++) {
        rr_date_parts p = rr_date_split(series->rows[i].time);
        if (p.day != first.day || p.hour != first.hour || p.minute != first.minute) return false;
    }
    return true;
}

rr_series_steps rr_series_find_steps(const rr_series *series) {
    rr_series_steps found = {.step = {.seconds = 1}};
    int64_t *steps = malloc((series->count + 1) * sizeof *steps);
    if (steps == NULL || series->count == 0 || series->date_name == NULL) {
        free(steps);
        return found;
    }
    enum { SHORTEST_MONTH = 28 * 86400 };
    size_t count = measure(series, false, steps);
    qsort(steps, count, sizeof *steps, by_value);
    if (count > 0) found.step.seconds = most_frequent(steps, count);
    bool months = found.step.seconds >= SHORTEST_MONTH && monthly(series);
    if (months) {
        count = measure(series, true, steps);
        qsort(steps, count, sizeof *steps, by_value);
        found.step = (rr_date_step){.months = most_frequent(steps, count)};
    }
    for (size_t i = 1; i < series->count; i++) {
        int64_t before = series->rows[i - 1].time, time = series->rows[i].time;
        if (!follows(series, i) || rr_date_add(before, found.step, 1) == time) continue;
        if (found.others++ == 0) found.first = i;
    }
    free(steps);
    return found;
}
