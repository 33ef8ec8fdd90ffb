/* What a forecaster says of itself and its data. */
#include <stdlib.h>

#include "task/forecast_model.h"

static void put_columns(const rr_forecaster *f, rr_buffer *out) {
    enum { SHOWN = 8 };
    const rr_series_scale *scale = &f->scale;
    rr_buffer_printf(out, "%zu input%s, %zu target%s:", scale->inputs, scale->inputs == 1 ? "" : "s",
                     scale->target_count, scale->target_count == 1 ? "" : "s");
    for (size_t i = 0; i < scale->target_count && i < SHOWN; i++)
        rr_buffer_printf(out, "%s %s", i > 0 ? "," : "", scale->columns.items[scale->targets[i]]);
    rr_buffer_puts(out, scale->target_count > SHOWN ? ", ..." : "");
    if (scale->series.count > 1) rr_buffer_printf(out, "; %zu series", scale->series.count);
    rr_buffer_printf(out, "\n%zu rows are seen, %zu forecast; a step of time is ", f->config.window, f->config.horizon);
    rr_date_step_text(scale->step, out);
    rr_buffer_puts(out, "\n");
}

static void put_table(const rr_forecast_table *table, const char *split, rr_buffer *out) {
    const rr_series *series = &table->series;
    rr_series_steps steps = rr_series_find_steps(series);
    if (steps.others > 0) {
        rr_buffer_printf(out, "%s: %zu steps of time are other than ", split, steps.others);
        rr_date_step_text(steps.step, out);
        rr_buffer_puts(out, ", the first before ");
        rr_series_place(series, steps.first, out);
        rr_buffer_puts(out, "\n");
    }
    if (series->disordered > 0)
        rr_buffer_printf(out, "%s: the dates of %zu rows lay before those of the rows above; rows were sorted\n", split,
                         series->disordered);
    if (series->missing + series->skipped > 0)
        rr_buffer_printf(out, "%s: %zu numbers are missing, %zu rows left out; the first: %s\n", split, series->missing,
                         series->skipped, rr_buffer_text(&series->first_bad));
}

/* Series of a table from which no part has a window. */
static void put_short(const rr_forecaster *f, const rr_forecast_table *table, const char *split, rr_buffer *out) {
    const rr_series *series = &table->series;
    size_t short_ones = 0, first = 0;
    bool *used = calloc(series->series.count + 1, sizeof *used);
    for (int p = 0; p < RR_SPLIT_COUNT && used != NULL; p++)
        for (size_t w = 0; w < f->parts[p].count && f->parts[p].table == table; w++)
            used[series->rows[f->parts[p].first[w]].series] = true;
    for (size_t s = series->series.count; s-- > 0 && used != NULL;) {
        if (used[s]) continue;
        short_ones++;
        first = s;
    }
    free(used);
    if (short_ones > 0 && series->series.count > 1)
        rr_buffer_printf(
            out, "%s: %zu of %zu series give no window, being too short or with numbers missing; the first is %s\n",
            split, short_ones, series->series.count, series->series.items[first]);
}

void rr_forecast_describe(const rr_task *task, rr_buffer *out) {
    const rr_forecaster *f = (const rr_forecaster *)task;
    put_columns(f, out);
    for (int split = 0; split < RR_SPLIT_COUNT; split++)
        if (f->tables[split].z != NULL) {
            put_table(&f->tables[split], rr_split_names[split], out);
            put_short(f, &f->tables[split], rr_split_names[split], out);
        }
    for (int split = 0; split < RR_SPLIT_COUNT; split++) {
        const rr_forecast_part *part = &f->parts[split];
        rr_floor floors[RR_TASK_METRICS];
        if (part->count == 0) continue;
        const rr_series *series = &part->table->series;
        rr_buffer_printf(out, "%s %zu windows", rr_split_names[split], part->count);
        if (series->date_name != NULL && series->series.count == 1) {
            rr_buffer_puts(out, ", forecast ");
            rr_date_write(&series->style, series->rows[part->first[0]].time, out);
            rr_buffer_puts(out, " to ");
            rr_date_write(&series->style, series->rows[part->first[part->count - 1] + f->config.horizon - 1].time, out);
        }
        if (part->left_out > 0) rr_buffer_printf(out, ", %zu left out for missing numbers", part->left_out);
        size_t count = split == RR_SPLIT_TRAIN ? 0 : rr_forecast_floors(task, (rr_split)split, floors);
        for (size_t i = 0; i < count; i++)
            if (floors[i].metric[1] == 's') /* mse */
                rr_buffer_printf(out, "; %s %s %.4f", floors[i].name, floors[i].metric, floors[i].value);
        rr_buffer_puts(out, "\n");
    }
}
