#include "data/dates.h"

#include <string.h>

enum { DAY = 86400, HOUR = 3600, MINUTE = 60, WEEK = 7 };

const char *const rr_month_names[12] = {"January", "February", "March",     "April",   "May",      "June",
                                        "July",    "August",   "September", "October", "November", "December"};

static bool leap(int64_t year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

static int days_of_month(int64_t year, int month) {
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && leap(year) ? 1 : 0);
}

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }

/* Days of all years before this one, counted from the year 1. */
static int64_t days_before_year(int64_t year) {
    int64_t before = year - 1;
    return 365 * before + floor_div(before, 4) - floor_div(before, 100) + floor_div(before, 400);
}

static int64_t days_of(int64_t year, int month, int day) {
    int64_t days = days_before_year(year) - days_before_year(1970);
    for (int m = 1; m < month; m++) days += days_of_month(year, m);
    return days + day - 1;
}

rr_date_parts rr_date_split(int64_t time) {
    int64_t days = floor_div(time, DAY), rest = time - days * DAY;
    rr_date_parts parts = {.hour = (int)(rest / HOUR),
                           .minute = (int)(rest % HOUR / MINUTE),
                           .second = (int)(rest % MINUTE),
                           .weekday = (int)((days % WEEK + WEEK + 3) % WEEK),    /* 1970 began on a Thursday */
                           .year = 1970 + floor_div(days, days < 0 ? 365 : 366), /* or earlier */
                           .month = 1};
    while (days_of(parts.year + 1, 1, 1) <= days) parts.year++;
    parts.yearday = (int)(days - days_of(parts.year, 1, 1));
    int left = parts.yearday;
    while (left >= days_of_month(parts.year, parts.month)) left -= days_of_month(parts.year, parts.month++);
    parts.day = left + 1;
    return parts;
}

bool rr_date_join(const rr_date_parts *p, int64_t *time) {
    if (p->year < 1 || p->month < 1 || p->month > 12 || p->day < 1 || p->day > days_of_month(p->year, p->month))
        return false;
    if (p->hour > 23 || p->minute > 59 || p->second > 59) return false;
    *time = days_of(p->year, p->month, p->day) * DAY + p->hour * HOUR + p->minute * MINUTE + p->second;
    return true;
}

/* A text that is read from its beginning; failed once something else stood there. */
typedef struct reader {
    const char *at, *end;
    bool failed;
} reader;

static int digits(reader *in, int least, int most) {
    int value = 0, count = 0;
    for (; count < most && in->at < in->end && *in->at >= '0' && *in->at <= '9'; count++)
        value = 10 * value + (*in->at++ - '0');
    if (count < least) in->failed = true;
    return value;
}

static bool next_is(const reader *in, char wanted) { return in->at < in->end && *in->at == wanted; }

static void pass(reader *in, char wanted) {
    if (next_is(in, wanted))
        in->at++;
    else
        in->failed = true;
}

/* "Jul 1 2016", or "Jul 1, 2016" */
static void named_day(reader *in, rr_date_parts *p) {
    for (int m = 0; m < 12 && in->end - in->at >= 3; m++)
        if (memcmp(in->at, rr_month_names[m], 3) == 0) p->month = m + 1;
    if (p->month == 0) {
        in->failed = true;
        return;
    }
    in->at += 3;
    pass(in, ' ');
    p->day = digits(in, 1, 2);
    if (next_is(in, ',')) in->at++;
    pass(in, ' ');
    p->year = digits(in, 4, 4);
}

/* "1.7.2016" or "01.07.2016" */
static void dotted_day(reader *in, rr_date_parts *p) {
    p->day = digits(in, 1, 2);
    pass(in, '.');
    p->month = digits(in, 1, 2);
    pass(in, '.');
    p->year = digits(in, 4, 4);
}

static void numbered_day(reader *in, rr_date_kind *kind, rr_date_parts *p) {
    p->year = digits(in, 4, 4);
    *kind = next_is(in, '/') ? RR_DATE_SLASH : RR_DATE_ISO;
    char between = *kind == RR_DATE_SLASH ? '/' : '-';
    pass(in, between);
    p->month = digits(in, *kind == RR_DATE_SLASH ? 1 : 2, 2);
    if (*kind == RR_DATE_ISO && in->at == in->end) {
        *kind = RR_DATE_MONTH;
        p->day = 1;
        return;
    }
    pass(in, between);
    p->day = digits(in, *kind == RR_DATE_SLASH ? 1 : 2, 2);
}

/* "Z", "+01:00" or "+0100" */
static void zone(reader *in, rr_date_style *style) {
    if (next_is(in, 'Z')) {
        style->zone = *in->at++;
        return;
    }
    int sign = next_is(in, '-') ? -1 : 1;
    in->at++;
    int hours = digits(in, 2, 2);
    if (next_is(in, ':')) in->at++;
    style->zone = '+';
    style->offset = sign * (60 * hours + digits(in, 2, 2));
}

static void time_of_day(reader *in, rr_date_style *style, rr_date_parts *p) {
    if (in->at == in->end) return;
    style->before_time = next_is(in, 'T') ? 'T' : ' ';
    pass(in, style->before_time);
    p->hour = digits(in, 1, 2);
    pass(in, ':');
    p->minute = digits(in, 2, 2);
    style->seconds = next_is(in, ':');
    if (style->seconds) {
        in->at++;
        p->second = digits(in, 2, 2);
        if (next_is(in, '.')) /* parts of a second are none of ours */
            for (in->at++; next_is(in, '0'); in->at++) style->fraction++;
    }
    if (in->at < in->end && strchr("Z+-", *in->at) != NULL) zone(in, style);
}

/* Whether a number of one or two digits and a dot come first. */
static bool is_dotted(const char *text, size_t length) {
    return length > 2 && (text[1] == '.' || (text[2] == '.' && text[1] >= '0' && text[1] <= '9'));
}

bool rr_date_parse(const char *text, size_t length, rr_date_style *style, int64_t *time) {
    reader in = {text, text + length, false};
    rr_date_style found = {.kind = RR_DATE_NAME};
    rr_date_parts parts = {.year = 0};
    if (length == 0 || text[0] < '0' || text[0] > '9') {
        named_day(&in, &parts);
    } else if (is_dotted(text, length)) {
        found.kind = RR_DATE_DOT;
        dotted_day(&in, &parts);
    } else {
        numbered_day(&in, &found.kind, &parts);
    }
    if (in.failed) return false;
    time_of_day(&in, &found, &parts);
    if (in.failed || in.at != in.end || !rr_date_join(&parts, time)) return false;
    *time -= found.offset * MINUTE;
    *style = found;
    return true;
}

bool rr_date_read(const char *format, const char *text, size_t length, rr_date_style *style, int64_t *time) {
    if (format == NULL) return rr_date_parse(text, length, style, time);
    if (!rr_date_parse_as(format, text, length, time)) return false;
    *style = (rr_date_style){.format = format};
    return true;
}

static void write_day(rr_date_kind kind, const rr_date_parts *p, rr_buffer *out) {
    long long year = (long long)p->year;
    switch (kind) {
    case RR_DATE_ISO:
        rr_buffer_printf(out, "%04lld-%02d-%02d", year, p->month, p->day);
        break;
    case RR_DATE_MONTH:
        rr_buffer_printf(out, "%04lld-%02d", year, p->month);
        break;
    case RR_DATE_SLASH:
        rr_buffer_printf(out, "%04lld/%02d/%02d", year, p->month, p->day);
        break;
    case RR_DATE_DOT:
        rr_buffer_printf(out, "%02d.%02d.%04lld", p->day, p->month, year);
        break;
    case RR_DATE_NAME:
        rr_buffer_printf(out, "%.3s %d %lld", rr_month_names[p->month - 1], p->day, year);
        break;
    }
}

void rr_date_write(const rr_date_style *style, int64_t time, rr_buffer *out) {
    if (style->format != NULL) {
        rr_date_write_as(style->format, time, out);
        return;
    }
    rr_date_parts p = rr_date_split(time + style->offset * MINUTE);
    write_day(style->kind, &p, out);
    if (style->before_time == 0) return;
    rr_buffer_printf(out, "%c%02d:%02d", style->before_time, p.hour, p.minute);
    if (style->seconds) rr_buffer_printf(out, ":%02d", p.second);
    if (style->fraction > 0) rr_buffer_printf(out, ".%0*d", style->fraction, 0);
    int minutes = style->offset < 0 ? -style->offset : style->offset;
    if (style->zone == 'Z') rr_buffer_puts(out, "Z");
    if (style->zone == '+')
        rr_buffer_printf(out, "%c%02d:%02d", style->offset < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

int64_t rr_date_add(int64_t time, rr_date_step step, int64_t count) {
    if (step.months == 0) return time + step.seconds * count;
    rr_date_parts p = rr_date_split(time);
    int64_t months = 12 * p.year + p.month - 1 + step.months * count, year = floor_div(months, 12);
    int month = (int)(months - 12 * year) + 1, last = days_of_month(year, month);
    return days_of(year, month, p.day < last ? p.day : last) * DAY + p.hour * HOUR + p.minute * MINUTE + p.second;
}

int64_t rr_date_months(int64_t a, int64_t b) {
    rr_date_parts from = rr_date_split(a), to = rr_date_split(b);
    return 12 * (to.year - from.year) + to.month - from.month;
}

void rr_date_step_text(rr_date_step step, rr_buffer *out) {
    static const struct {
        int64_t seconds;
        const char *name;
    } units[] = {{DAY, "day"}, {HOUR, "hour"}, {MINUTE, "minute"}, {1, "second"}};
    int64_t count = step.months;
    const char *name = "month";
    for (size_t i = 0; step.months == 0 && i < sizeof units / sizeof *units; i++) {
        if (step.seconds % units[i].seconds != 0) continue;
        count = step.seconds / units[i].seconds;
        name = units[i].name;
        break;
    }
    rr_buffer_printf(out, "%lld %s%s", (long long)count, name, count == 1 ? "" : "s");
}
