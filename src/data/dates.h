/* Dates in data files, as seconds since 1970-01-01 00:00 of a calendar without time zones. */
#ifndef RR_DATA_DATES_H
#define RR_DATA_DATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct rr_date {
    int64_t year;
    int month, day;           /* from 1 on */
    int hour, minute, second; /* of the day */
} rr_date;

/**
 * Reads `2016-07-01`, `2016/07/01`, both also with ` 13:30`, `T13:30:05`, fractions of a second (left out) and a `Z`;
 * `Jul 1 2016`; or a whole number, which is taken for seconds. False if it is none of them.
 */
bool rr_date_parse(const char *text, size_t length, int64_t *seconds);

rr_date rr_date_of(int64_t seconds);
int64_t rr_date_seconds(rr_date date);

/** `2016-07-01`, with ` 13:30:05` unless it is midnight and time is false. */
void rr_date_format(int64_t seconds, bool time, char out[32]);

/** From one date to the next: calendar months, or seconds. */
typedef struct rr_date_step {
    int64_t months, seconds; /* one of them is not 0 */
} rr_date_step;

/** The date `count` steps later. */
int64_t rr_date_add(int64_t seconds, rr_date_step step, int64_t count);

/** The step between most neighbours in times [count], rising; zeros if there are fewer than two. */
rr_date_step rr_date_common_step(const int64_t *times, size_t count);

#endif
