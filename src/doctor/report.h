/* What the doctor says: facts and findings by section, as text or as one JSON object. */
#ifndef RR_DOCTOR_REPORT_H
#define RR_DOCTOR_REPORT_H

#include <stddef.h>

#include "base/buffer.h"

typedef enum rr_finding { RR_FINE, RR_WARNING, RR_BROKEN } rr_finding;

typedef struct rr_report rr_report;

/** @return NULL without memory; everything below takes NULL and then does nothing */
rr_report *rr_report_create(void);
void rr_report_free(rr_report *report);

/** What follows belongs to this section. */
void rr_report_section(rr_report *report, const char *name);

/** A fact of the JSON object; numbers that are not finite are null there. */
void rr_report_number(rr_report *report, const char *key, double value);
void rr_report_text(rr_report *report, const char *key, const char *value);
/** A number of a row. */
typedef struct rr_report_cell {
    const char *name;
    double value;
} rr_report_cell;

/** A row of the array `key`. */
void rr_report_row(rr_report *report, const char *key, const rr_report_cell *cells, size_t count);

/** A line for people. */
void rr_report_line(rr_report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** RR_WARNING or RR_BROKEN: what is wrong, and what to do, in one sentence each. */
void rr_report_finding(rr_report *report, rr_finding finding, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** The worst finding so far. */
rr_finding rr_report_worst(const rr_report *report);

/** Findings so far that are warnings, and broken. */
size_t rr_report_count(const rr_report *report, rr_finding finding);

/** Text with the findings and a verdict at its end; or the JSON object in one line. */
void rr_report_write_text(const rr_report *report, rr_buffer *out);
void rr_report_write_json(const rr_report *report, rr_buffer *out);

#endif
