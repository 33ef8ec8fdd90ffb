#include "doctor/report.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "ringrnn/version.h"

struct rr_report {
    cJSON *root, *findings, *section; /* root owns the others */
    const char *name;                 /* of the section */
    rr_buffer lines, advice;
    size_t counts[RR_BROKEN + 1];
};

static const char *const levels[] = {"fine", "warning", "broken"};

rr_report *rr_report_create(void) {
    rr_report *report = calloc(1, sizeof *report);
    if (report == NULL) return NULL;
    report->root = cJSON_CreateObject();
    cJSON_AddStringToObject(report->root, "ringrnn", RINGRNN_VERSION);
    report->findings = cJSON_AddArrayToObject(report->root, "findings");
    if (report->findings == NULL) {
        rr_report_free(report);
        return NULL;
    }
    return report;
}

void rr_report_free(rr_report *report) {
    if (report == NULL) return;
    cJSON_Delete(report->root);
    rr_buffer_free(&report->lines);
    rr_buffer_free(&report->advice);
    free(report);
}

void rr_report_section(rr_report *report, const char *name) {
    if (report == NULL) return;
    report->name = name;
    report->section = cJSON_AddObjectToObject(report->root, name);
    rr_buffer_printf(&report->lines, "%s\n", name);
}

/* Six digits are more than a measurement has. */
static void add_number(cJSON *object, const char *key, double value) {
    char text[32];
    snprintf(text, sizeof text, value == floor(value) && fabs(value) < 1e15 ? "%.0f" : "%.6g", value);
    cJSON_AddRawToObject(object, key, isfinite(value) ? text : "null");
}

void rr_report_number(rr_report *report, const char *key, double value) {
    if (report != NULL) add_number(report->section, key, value);
}

void rr_report_text(rr_report *report, const char *key, const char *value) {
    if (report != NULL) cJSON_AddStringToObject(report->section, key, value);
}

void rr_report_row(rr_report *report, const char *key, const rr_report_cell *cells, size_t count) {
    if (report == NULL) return;
    cJSON *array = cJSON_GetObjectItemCaseSensitive(report->section, key), *row = cJSON_CreateObject();
    if (array == NULL) array = cJSON_AddArrayToObject(report->section, key);
    for (size_t i = 0; i < count; i++) add_number(row, cells[i].name, cells[i].value);
    cJSON_AddItemToArray(array, row);
}

static void append(rr_buffer *out, const char *format, va_list values) {
    char text[1024];
    vsnprintf(text, sizeof text, format, values);
    rr_buffer_puts(out, text);
}

void rr_report_line(rr_report *report, const char *format, ...) {
    if (report == NULL) return;
    va_list values;
    va_start(values, format);
    rr_buffer_puts(&report->lines, "  ");
    append(&report->lines, format, values);
    rr_buffer_puts(&report->lines, "\n");
    va_end(values);
}

void rr_report_finding(rr_report *report, rr_finding finding, const char *format, ...) {
    if (report == NULL) return;
    rr_buffer text = {0};
    va_list values;
    va_start(values, format);
    append(&text, format, values);
    va_end(values);
    cJSON *item = cJSON_CreateObject();
    cJSON_AddStringToObject(item, "check", report->name);
    cJSON_AddStringToObject(item, "level", levels[finding]);
    cJSON_AddStringToObject(item, "text", rr_buffer_text(&text));
    cJSON_AddItemToArray(report->findings, item);
    rr_buffer_printf(&report->advice, "  %s: %s: %s\n", levels[finding], report->name, rr_buffer_text(&text));
    report->counts[finding]++;
    rr_buffer_free(&text);
}

size_t rr_report_count(const rr_report *report, rr_finding finding) {
    return report != NULL ? report->counts[finding] : 0;
}

rr_finding rr_report_worst(const rr_report *report) {
    return rr_report_count(report, RR_BROKEN) > 0    ? RR_BROKEN
           : rr_report_count(report, RR_WARNING) > 0 ? RR_WARNING
                                                     : RR_FINE;
}

void rr_report_write_text(const rr_report *report, rr_buffer *out) {
    size_t broken = rr_report_count(report, RR_BROKEN), warnings = rr_report_count(report, RR_WARNING);
    if (report == NULL) return;
    rr_buffer_puts(out, rr_buffer_text(&report->lines));
    rr_buffer_printf(out, "verdict\n%s", rr_buffer_text(&report->advice));
    if (broken > 0)
        rr_buffer_printf(out, "  training would fail here: %zu thing%s broken\n", broken,
                         broken == 1 ? " is" : "s are");
    else if (warnings > 0)
        rr_buffer_printf(out, "  works, with %zu warning%s\n", warnings, warnings == 1 ? "" : "s");
    else
        rr_buffer_puts(out, "  all is well\n");
}

void rr_report_write_json(const rr_report *report, rr_buffer *out) {
    if (report == NULL) return;
    cJSON_DeleteItemFromObject(report->root, "verdict");
    cJSON_AddStringToObject(report->root, "verdict", levels[rr_report_worst(report)]);
    char *text = cJSON_PrintUnformatted(report->root);
    if (text == NULL) {
        out->failed = 1;
        return;
    }
    rr_buffer_printf(out, "%s\n", text);
    cJSON_free(text);
}
