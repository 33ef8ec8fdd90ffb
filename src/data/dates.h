/* Dates in text and time as a number: seconds since 1970-01-01 00:00 in the Gregorian calendar; of dates with a time
 * zone, in UTC. */
#ifndef RR_DATA_DATES_H
#define RR_DATA_DATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

typedef enum rr_date_kind {
    RR_DATE_ISO,   /* 2016-07-01 (ISO 8601) */
    RR_DATE_MONTH, /* 2016-07 */
    RR_DATE_SLASH, /* 2016/07/01 */
    RR_DATE_DOT,   /* 01.07.2016 */
    RR_DATE_NAME   /* Jul 1 2016 */
} rr_date_kind;

/** How a date is written, so that others can be written alike. */
typedef struct rr_date_style {
    const char *format; /* as strptime's; NULL: what follows says it */
    rr_date_kind kind;
    char before_time; /* 'T' or ' ' before HH:MM; 0: a day alone */
    bool seconds;     /* HH:MM:SS */
    int fraction;     /* zeros behind the point of a second; 0: none, and no point */
    char zone;        /* 'Z', or '+' before the offset; 0: none */
    int offset;       /* from UTC, in minutes */
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
#define RR_DATE_FORMATS                                                                                                \
    "YYYY-MM-DD, YYYY/MM/DD, DD.MM.YYYY or Mon D YYYY, with or without HH:MM or HH:MM:SS behind a blank or T and Z "   \
    "or "                                                                                                              \
    "an offset, YYYY-MM"

/** Reads a whole text as a date; false if it is none (a 30th of February neither). style and time are set on success.
 */
bool rr_date_parse(const char *text, size_t length, rr_date_style *style, int64_t *time);

/** The same in a format of strptime: %Y %y %m %b %B %d %H %I %p %M %S, %s (seconds since 1970), %F, %T, %%; other
 * characters stand for themselves. Months have their English names, in full or three letters. */
bool rr_date_parse_as(const char *format, const char *text, size_t length, int64_t *time);
void rr_date_write_as(const char *format, int64_t time, rr_buffer *out);

/** NULL if a date can be read by this format, else what is wrong with it. */
const char *rr_date_format_error(const char *format);

/** By a format, or NULL: any that rr_date_parse knows. */
bool rr_date_read(const char *format, const char *text, size_t length, rr_date_style *style, int64_t *time);

rr_date_parts rr_date_split(int64_t time);

/** The time of year, month, day, hour, minute and second; false if there is none (a 30th of February). */
bool rr_date_join(const rr_date_parts *parts, int64_t *time);

/** "January" and so on. */
extern const char *const rr_month_names[12];

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
