#include "bench/record.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void add(rr_bench_record *record, const char *group, const char *name, const char *text, double number) {
    if (record->count == RR_BENCH_RECORD_FIELDS) abort(); /* a field too many was written into the program */
    size_t at = record->count++;
    record->fields[at].group = group;
    record->fields[at].name = name;
    record->fields[at].text = text;
    record->fields[at].number = number;
}

void rr_bench_record_text(rr_bench_record *record, const char *name, const char *text) {
    add(record, NULL, name, text, 0);
}

void rr_bench_record_number(rr_bench_record *record, const char *group, const char *name, double value) {
    add(record, group, name, NULL, value);
}

static void put_string(const char *text, rr_buffer *out) {
    rr_buffer_puts(out, "\"");
    for (; *text != '\0'; text++)
        if (*text == '"' || *text == '\\')
            rr_buffer_printf(out, "\\%c", *text);
        else if ((unsigned char)*text < 32)
            rr_buffer_printf(out, "\\u%04x", (unsigned)(unsigned char)*text);
        else
            rr_buffer_append(out, text, 1);
    rr_buffer_puts(out, "\"");
}

static bool is_whole(double value) { return fabs(value) < 1e15 && value == floor(value); }

void rr_bench_record_json(const rr_bench_record *record, rr_buffer *out) {
    const char *group = NULL;
    rr_buffer_puts(out, "{");
    for (size_t i = 0; i < record->count; i++) {
        const char *its = record->fields[i].group;
        bool opens = its != NULL && (group == NULL || strcmp(its, group) != 0);
        if (group != NULL && (its == NULL || opens)) rr_buffer_puts(out, "}");
        if (i > 0) rr_buffer_puts(out, ", ");
        if (opens) {
            put_string(its, out);
            rr_buffer_puts(out, ": {");
        }
        group = its;
        put_string(record->fields[i].name, out);
        rr_buffer_puts(out, ": ");
        if (record->fields[i].text != NULL)
            put_string(record->fields[i].text, out);
        else if (isfinite(record->fields[i].number))
            rr_buffer_printf(out, is_whole(record->fields[i].number) ? "%.0f" : "%.6g", record->fields[i].number);
        else
            rr_buffer_puts(out, "null");
    }
    rr_buffer_puts(out, group != NULL ? "}}\n" : "}\n");
}

static void print_lines(const rr_bench_record *record) {
    for (size_t i = 0; i < record->count; i++) {
        const char *group = record->fields[i].group;
        char name[96];
        snprintf(name, sizeof name, "%s%s%s", group != NULL ? group : "", group != NULL ? "." : "",
                 record->fields[i].name);
        if (record->fields[i].text != NULL)
            printf("  %-32s %s\n", name, record->fields[i].text);
        else
            printf(is_whole(record->fields[i].number) ? "  %-32s %.0f\n" : "  %-32s %.6g\n", name,
                   record->fields[i].number);
    }
    printf("\n");
}

void rr_bench_record_print(const rr_bench_record *record) {
    if (isatty(STDOUT_FILENO) && getenv("OMPI_COMM_WORLD_SIZE") == NULL) { /* mpirun gives a terminal of its own */
        print_lines(record);
    } else {
        rr_buffer text = {0};
        rr_bench_record_json(record, &text);
        fputs(rr_buffer_text(&text), stdout);
        rr_buffer_free(&text);
    }
    fflush(stdout);
}

void rr_bench_record_print_csv(const rr_bench_record *record, bool first) {
    for (size_t i = 0; i < record->count && first; i++) {
        const char *group = record->fields[i].group;
        printf("%s%s%s%s", i > 0 ? "," : "", group != NULL ? group : "", group != NULL ? "." : "",
               record->fields[i].name);
    }
    if (first) printf("\n");
    for (size_t i = 0; i < record->count; i++) {
        if (i > 0) printf(",");
        if (record->fields[i].text == NULL) {
            if (isfinite(record->fields[i].number))
                printf(is_whole(record->fields[i].number) ? "%.0f" : "%.6g", record->fields[i].number);
            continue;
        }
        printf("\"");
        for (const char *c = record->fields[i].text; *c != 0; c++) printf(*c == '"' ? "\"\"" : "%c", *c);
        printf("\"");
    }
    printf("\n");
    fflush(stdout);
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double rr_median(double *values, size_t count) {
    if (count == 0) return NAN;
    qsort(values, count, sizeof *values, compare);
    return count % 2 == 1 ? values[count / 2] : 0.5 * (values[count / 2 - 1] + values[count / 2]);
}
