#include "data/dates.h"

#include <string.h>

enum { DAY = 86400, HOUR = 3600, MINUTE = 60, WEEK = 7 };

static const char *const month_names[12] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

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
static void named_day(reader *in, int *year, int *month, int *day) {
    for (int m = 0; m < 12 && in->end - in->at >= 3; m++)
        if (memcmp(in->at, month_names[m], 3) == 0) *month = m + 1;
    if (*month == 0) {
        in->failed = true;
        return;
    }
    in->at += 3;
    pass(in, ' ');
    *day = digits(in, 1, 2);
    if (next_is(in, ',')) in->at++;
    pass(in, ' ');
    *year = digits(in, 4, 4);
}

static void numbered_day(reader *in, rr_date_kind *kind, int *year, int *month, int *day) {
    *year = digits(in, 4, 4);
    *kind = next_is(in, '/') ? RR_DATE_SLASH : RR_DATE_ISO;
    char between = *kind == RR_DATE_SLASH ? '/' : '-';
    pass(in, between);
    *month = digits(in, *kind == RR_DATE_SLASH ? 1 : 2, 2);
    pass(in, between);
    *day = digits(in, *kind == RR_DATE_SLASH ? 1 : 2, 2);
}

static int64_t time_of_day(reader *in, rr_date_style *style) {
    if (in->at == in->end) return 0;
    style->before_time = next_is(in, 'T') ? 'T' : ' ';
    pass(in, style->before_time);
    int hour = digits(in, 1, 2), second = 0;
    pass(in, ':');
    int minute = digits(in, 2, 2);
    style->seconds = next_is(in, ':');
    if (style->seconds) {
        in->at++;
        second = digits(in, 2, 2);
    }
    if (hour > 23 || minute > 59 || second > 59) in->failed = true;
    return hour * HOUR + minute * MINUTE + second;
}

bool rr_date_parse(const char *text, size_t length, rr_date_style *style, int64_t *time) {
    reader in = {text, text + length, false};
    rr_date_style found = {.kind = RR_DATE_NAME};
    int year = 0, month = 0, day = 0;
    if (length > 0 && text[0] >= '0' && text[0] <= '9')
        numbered_day(&in, &found.kind, &year, &month, &day);
    else
        named_day(&in, &year, &month, &day);
    if (in.failed || year < 1 || month < 1 || month > 12 || day < 1 || day > days_of_month(year, month)) return false;
    int64_t of_day = time_of_day(&in, &found);
    if (in.failed || in.at != in.end) return false;
    *style = found;
    *time = days_of(year, month, day) * DAY + of_day;
    return true;
}

void rr_date_write(const rr_date_style *style, int64_t time, rr_buffer *out) {
    rr_date_parts p = rr_date_split(time);
    if (style->kind == RR_DATE_NAME)
        rr_buffer_printf(out, "%s %d %lld", month_names[p.month - 1], p.day, (long long)p.year);
    else if (style->kind == RR_DATE_SLASH)
        rr_buffer_printf(out, "%04lld/%02d/%02d", (long long)p.year, p.month, p.day);
    else
        rr_buffer_printf(out, "%04lld-%02d-%02d", (long long)p.year, p.month, p.day);
    if (style->before_time == 0) return;
    rr_buffer_printf(out, "%c%02d:%02d", style->before_time, p.hour, p.minute);
    if (style->seconds) rr_buffer_printf(out, ":%02d", p.second);
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
