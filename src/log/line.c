#include "log/line.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_FIELDS = 24, GAP = 2, MIN_BAR = 12, MAX_BAR = 32 };

/* What stays when the window is narrow: the lowest rank longest. */
enum rank {
    RANK_STEP,
    RANK_LOSS,
    RANK_ETA,
    RANK_SPEED,
    RANK_METRIC,
    RANK_COMM,
    RANK_EPOCH,
    RANK_BAR,
    RANK_LR,
    RANK_OTHER
};

typedef struct field {
    char text[64];
    enum rank rank;
} field;

typedef struct fields {
    field items[MAX_FIELDS];
    size_t count;
} fields;

static field *add(fields *all, enum rank rank) {
    field *item = &all->items[all->count < MAX_FIELDS - 1 ? all->count++ : MAX_FIELDS - 1];
    item->rank = rank;
    return item;
}

static void add_progress(fields *all, const char *name, uint64_t done, uint64_t total, enum rank rank) {
    field *item = add(all, rank);
    int length = snprintf(item->text, sizeof item->text, "%s %" PRIu64, name, done);
    if (total > 0) snprintf(item->text + length, sizeof item->text - (size_t)length, "/%" PRIu64, total);
}

/* 950, 24.1k, 1.25M */
static void print_rate(char *text, size_t size, double rate, const char *unit) {
    static const char *const prefixes[] = {"", "k", "M", "G", "T"};
    size_t prefix = 0;
    while (rate >= 999.5 && prefix + 1 < sizeof prefixes / sizeof *prefixes) {
        rate /= 1000;
        prefix++;
    }
    snprintf(text, size, "%.3g%s %s", rate, prefixes[prefix], unit);
}

/* 0:01:05, 12:00:00, 3d 04:05:06 */
static void print_duration(char *text, size_t size, double seconds) {
    uint64_t s = seconds < 1 ? 0 : seconds > 1e9 ? 1000000000 : (uint64_t)(seconds + 0.5);
    unsigned days = (unsigned)(s / 86400), hours = (unsigned)(s / 3600 % 24), minutes = (unsigned)(s / 60 % 60);
    if (days > 0)
        snprintf(text, size, "ETA %ud %02u:%02u:%02u", days, hours, minutes, (unsigned)(s % 60));
    else
        snprintf(text, size, "ETA %u:%02u:%02u", hours, minutes, (unsigned)(s % 60));
}

static double find_scalar(const rr_event *event, const char *name) {
    for (size_t i = 0; i < event->scalar_count; i++)
        if (strcmp(event->scalars[i].name, name) == 0) return event->scalars[i].value;
    return NAN;
}

/* Communication that the step waited for; in a window where room is dear, as a share of the step. */
static void print_comm(char *text, size_t size, double seconds, double step_s, bool brief) {
    if (brief && seconds >= 0 && step_s > 0)
        snprintf(text, size, "comm %.0f%%", fmin(100 * seconds / step_s, 100));
    else
        snprintf(text, size, "comm %.3g ms", 1e3 * seconds);
}

static void add_scalar(fields *all, const rr_event *event, const rr_scalar *scalar, bool brief, bool *has_metric) {
    const char *name = scalar->name;
    double value = scalar->value;
    field *item;
    if (strcmp(name, "loss") == 0) {
        item = add(all, RANK_LOSS);
        snprintf(item->text, sizeof item->text, "loss %.4f", value);
    } else if (strcmp(name, "lr") == 0) {
        item = add(all, RANK_LR);
        snprintf(item->text, sizeof item->text, "lr %.3g", value);
    } else if (strcmp(name, "tokens_per_s") == 0) {
        item = add(all, RANK_SPEED);
        print_rate(item->text, sizeof item->text, value, brief ? "tok/s" : "tokens/s");
    } else if (strcmp(name, "step_s") == 0) {
        item = add(all, RANK_OTHER);
        snprintf(item->text, sizeof item->text, "%.3g ms/step", 1e3 * value);
    } else if (strcmp(name, "comm_exposed_s") == 0) {
        item = add(all, RANK_COMM);
        print_comm(item->text, sizeof item->text, value, find_scalar(event, "step_s"), brief);
    } else if (strcmp(name, "comm_hidden_s") == 0) {
        item = add(all, RANK_OTHER);
        snprintf(item->text, sizeof item->text, "hidden %.3g ms", 1e3 * value);
    } else { /* the first of the task's metrics matters, grad_norm and the like less */
        bool metric = !*has_metric && strcmp(name, "grad_norm") != 0;
        item = add(all, metric ? RANK_METRIC : RANK_OTHER);
        snprintf(item->text, sizeof item->text, "%.40s %.*g", name, brief ? 4 : 5, value);
        if (metric) *has_metric = true;
    }
}

static void gather(const rr_event *event, bool brief, fields *all) {
    bool has_metric = false;
    all->count = 0;
    add_progress(all, "step", event->step, event->total_steps, RANK_STEP);
    add_progress(all, "epoch", event->epoch, event->total_epochs, RANK_EPOCH);
    for (size_t i = 0; i < event->scalar_count; i++) /* "phases_ms.input_gemm" and the like are for files */
        if (strchr(event->scalars[i].name, '.') == NULL) add_scalar(all, event, &event->scalars[i], brief, &has_metric);
    if (event->total_steps > 0 && event->eta_s >= 0) {
        field *item = add(all, RANK_ETA);
        print_duration(item->text, sizeof item->text, event->eta_s);
    }
}

void rr_line_whole(const rr_event *event, rr_buffer *out) {
    fields all;
    gather(event, false, &all);
    rr_buffer_puts(out, event->split != NULL ? event->split : "");
    for (size_t i = 0; i < all.count; i++)
        rr_buffer_printf(out, "%s%s", out->length > 0 ? "  " : "", all.items[i].text);
}

/* Which fields fit, by rank; the width of the bar in *bar, 0: none. */
static void choose(const fields *all, bool may_bar, int columns, bool chosen[MAX_FIELDS], int *bar) {
    int used = 0; /* every item counts with the gap after it; the last has none */
    *bar = 0;
    memset(chosen, 0, MAX_FIELDS * sizeof *chosen);
    for (int rank = 0; rank <= RANK_OTHER; rank++) {
        if (rank == RANK_BAR && may_bar && used + MIN_BAR <= columns) {
            *bar = MIN_BAR;
            used += MIN_BAR + GAP;
        }
        for (size_t i = 0; i < all->count; i++) {
            int width = (int)strlen(all->items[i].text);
            if ((int)all->items[i].rank != rank || used + width > columns) continue;
            chosen[i] = true;
            used += width + GAP;
        }
    }
    int left = columns - (used - GAP);
    if (*bar > 0 && left > 0) *bar += left < MAX_BAR - MIN_BAR ? left : MAX_BAR - MIN_BAR;
}

void rr_line_fitting(const rr_event *event, int columns, rr_buffer *out, size_t *bar_begin, size_t *bar_end) {
    fields all;
    bool chosen[MAX_FIELDS];
    int bar;
    gather(event, true, &all);
    choose(&all, event->total_steps > 0, columns, chosen, &bar);
    *bar_begin = *bar_end = out->length;
    bool first = true;
    if (bar > 0) {
        uint64_t step = event->step < event->total_steps ? event->step : event->total_steps;
        int inside = bar - 2, full = (int)((double)inside * ((double)step / (double)event->total_steps));
        rr_buffer_puts(out, "[");
        *bar_begin = out->length;
        for (int i = 0; i < full; i++) rr_buffer_puts(out, "#");
        *bar_end = out->length;
        for (int i = full; i < inside; i++) rr_buffer_puts(out, ".");
        rr_buffer_puts(out, "]");
        first = false;
    }
    for (size_t i = 0; i < all.count; i++) {
        if (!chosen[i]) continue;
        rr_buffer_printf(out, "%s%s", first ? "" : "  ", all.items[i].text);
        first = false;
    }
    if (first && columns > 0) rr_buffer_printf(out, "%.*s", columns, all.items[0].text); /* too narrow for anything */
}
