#include "data/dates.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DAY = 24 * 3600 };

/* Days since 1970-01-01 of the proleptic Gregorian calendar; years begin in March (Hinnant 2013, "chrono-Compatible
 * Low-Level Date Algorithms"). */
static int64_t days_of(int64_t year, int month, int day) {
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400, of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

int64_t rr_date_seconds(rr_date d) {
    return days_of(d.year, d.month, d.day) * DAY + d.hour * 3600 + d.minute * 60 + d.second;
}

rr_date rr_date_of(int64_t seconds) {
    int64_t days = seconds >= 0 ? seconds / DAY : -((DAY - 1 - seconds) / DAY);
    int rest = (int)(seconds - days * DAY);
    int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, of_era = z - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100), month = (5 * of_year + 2) / 153;
    rr_date d = {.day = (int)(of_year - (153 * month + 2) / 5 + 1),
                 .month = (int)(month < 10 ? month + 3 : month - 9),
                 .hour = rest / 3600,
                 .minute = rest / 60 % 60,
                 .second = rest % 60};
    d.year = year + era * 400 + (d.month <= 2);
    return d;
}

static int month_length(int64_t year, int month) {
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return lengths[month - 1] + (month == 2 && leap);
}

/* A cursor over a short text that ends with NUL. */
static bool number(const char **at, size_t least, size_t most, int *out) {
    size_t digits = 0;
    *out = 0;
    for (; digits < most && isdigit((unsigned char)**at); digits++, (*at)++) *out = *out * 10 + (**at - '0');
    return digits >= least;
}

static bool one_of(const char **at, const char *set) {
    if (**at == 0 || strchr(set, **at) == NULL) return false;
    (*at)++;
    return true;
}

/* What may follow a date: nothing, or a time of day. */
static bool time_of_day(const char *at, rr_date *d) {
    if (*at == 0) return true;
    if (!one_of(&at, " T") || !number(&at, 1, 2, &d->hour) || !one_of(&at, ":") || !number(&at, 2, 2, &d->minute))
        return false;
    if (one_of(&at, ":")) {
        if (!number(&at, 2, 2, &d->second)) return false;
        if (one_of(&at, "."))
            while (isdigit((unsigned char)*at)) at++;
    }
    one_of(&at, "Z");
    return *at == 0 && d->hour < 24 && d->minute < 60 && d->second < 60;
}

static bool year_first(const char *at, rr_date *d) {
    int year;
    if (!number(&at, 4, 4, &year) || !one_of(&at, "-/") || !number(&at, 1, 2, &d->month) || !one_of(&at, "-/") ||
        !number(&at, 1, 2, &d->day))
        return false;
    d->year = year;
    return time_of_day(at, d);
}

static bool month_first(const char *at, rr_date *d) {
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int year;
    for (d->month = 1; d->month <= 12 && strncmp(at, names + 3 * (d->month - 1), 3) != 0;) d->month++;
    if (d->month > 12) return false;
    at += 3;
    if (!one_of(&at, " ") || !number(&at, 1, 2, &d->day)) return false;
    one_of(&at, ",");
    if (!one_of(&at, " ") || !number(&at, 4, 4, &year)) return false;
    d->year = year;
    return time_of_day(at, d);
}

bool rr_date_parse(const char *text, size_t length, int64_t *seconds) {
    char copy[40], *end;
    while (length > 0 && isspace((unsigned char)text[length - 1])) length--;
    while (length > 0 && isspace((unsigned char)*text)) text++, length--;
    if (length == 0 || length >= sizeof copy) return false;
    memcpy(copy, text, length);
    copy[length] = 0;
    rr_date d = {.year = 0};
    if (year_first(copy, &d) || (d = (rr_date){.year = 0}, month_first(copy, &d))) {
        if (d.month < 1 || d.month > 12 || d.day < 1 || d.day > month_length(d.year, d.month)) return false;
        *seconds = rr_date_seconds(d);
        return true;
    }
    if (length > 18) return false;
    *seconds = strtoll(copy, &end, 10);
    return *end == 0 && (isdigit((unsigned char)copy[0]) || copy[0] == '-');
}

void rr_date_format(int64_t seconds, bool time, char out[32]) {
    rr_date d = rr_date_of(seconds);
    int year = d.year > 9999 || d.year < -999 ? 9999 : (int)d.year;
    int used = snprintf(out, 32, "%04d-%02d-%02d", year, d.month, d.day);
    if (time || d.hour + d.minute + d.second > 0)
        snprintf(out + used, 32 - (size_t)used, " %02d:%02d:%02d", d.hour, d.minute, d.second);
}

int64_t rr_date_add(int64_t seconds, rr_date_step step, int64_t count) {
    if (step.months == 0) return seconds + step.seconds * count;
    rr_date d = rr_date_of(seconds);
    int64_t month = d.year * 12 + d.month - 1 + step.months * count;
    d.year = month >= 0 ? month / 12 : -((11 - month) / 12);
    d.month = (int)(month - d.year * 12) + 1;
    if (d.day > month_length(d.year, d.month)) d.day = month_length(d.year, d.month);
    return rr_date_seconds(d);
}

static int by_value(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The most frequent of values [count], the smaller of equals; sorts them. */
static int64_t most_frequent(int64_t *values, size_t count, size_t *times) {
    int64_t best = 0;
    *times = 0;
    qsort(values, count, sizeof *values, by_value);
    for (size_t i = 0, j; i < count; i = j) {
        for (j = i; j < count && values[j] == values[i];) j++;
        if (j - i > *times) {
            *times = j - i;
            best = values[i];
        }
    }
    return best;
}

rr_date_step rr_date_common_step(const int64_t *times, size_t count) {
    rr_date_step step = {0, 0};
    int64_t *differences = count > 1 ? malloc((count - 1) * sizeof *differences) : NULL;
    if (differences == NULL) return step;
    size_t as_seconds, as_months, used = 0;
    for (size_t i = 1; i < count; i++) differences[i - 1] = times[i] - times[i - 1];
    step.seconds = most_frequent(differences, count - 1, &as_seconds);
    for (size_t i = 1; i < count; i++) {
        rr_date a = rr_date_of(times[i - 1]), b = rr_date_of(times[i]);
        int64_t months = (b.year - a.year) * 12 + b.month - a.month;
        if (months > 0 && rr_date_add(times[i - 1], (rr_date_step){months, 0}, 1) == times[i])
            differences[used++] = months;
    }
    int64_t months = used > 0 ? most_frequent(differences, used, &as_months) : 0;
    if (used > 0 && as_months > as_seconds) step = (rr_date_step){months, 0};
    free(differences);
    return step;
}
