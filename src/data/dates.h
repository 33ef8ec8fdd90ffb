/* Dates in text and time as a number: seconds since 1970-01-01 00:00 in the Gregorian calendar, without time zones. */
#ifndef RR_DATA_DATES_H
#define RR_DATA_DATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

typedef enum rr_date_kind {
    RR_DATE_ISO,   /* 2016-07-01 (ISO 8601) */
    RR_DATE_SLASH, /* 2016/07/01 */
    RR_DATE_NAME   /* Jul 1 2016 */
} rr_date_kind;

/** How a date is written, so that others can be written alike. */
typedef struct rr_date_style {
    rr_date_kind kind;
    char before_time; /* 'T' or ' ' before HH:MM; 0: a day alone */
    bool seconds;     /* HH:MM:SS */
} rr_date_style;

/** Parts of a date. */
typedef struct rr_date_parts {
    int64_t year;
    int month, day;           /* from 1 on */
    int hour, minute, second; /* from 0 on */
    int weekday;              /* 0: Monday */
    int yearday;              /* from 0 on */
} rr_date_parts;

/** What errors say is allowed. */
#define RR_DATE_FORMATS "YYYY-MM-DD, YYYY/MM/DD or Mon D YYYY, with or without HH:MM or HH:MM:SS behind a blank or T"

/** Reads a whole text as a date; false if it is none (a 30th of February neither). style and time are set on success.
 */
bool rr_date_parse(const char *text, size_t length, rr_date_style *style, int64_t *time);

rr_date_parts rr_date_split(int64_t time);
void rr_date_write(const rr_date_style *style, int64_t time, rr_buffer *out);

/** From one row of a series to the next: seconds, or calendar months where months is not 0. */
typedef struct rr_date_step {
    int64_t seconds, months;
} rr_date_step;

/** time + count steps. A day that a month does not have becomes its last. */
int64_t rr_date_add(int64_t time, rr_date_step step, int64_t count);

/** Calendar months from the month of a to that of b. */
int64_t rr_date_months(int64_t a, int64_t b);

/** "1 hour", "7 days", "1 month" */
void rr_date_step_text(rr_date_step step, rr_buffer *out);

#endif
