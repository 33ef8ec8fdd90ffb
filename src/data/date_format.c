/* Dates in a format that the user names. */
#include <string.h>
#include <strings.h>

#include "data/dates.h"

/* What a date's text has said so far. */
typedef struct reading {
    const char *at, *end;
    rr_date_parts parts;
    bool twelve_hours, afternoon, stamped;
    int64_t stamp; /* seconds since 1970 */
} reading;

static bool digits(reading *r, int most, int64_t *value) {
    int count = 0;
    for (*value = 0; count < most && r->at < r->end && *r->at >= '0' && *r->at <= '9'; count++)
        *value = 10 * *value + (*r->at++ - '0');
    return count > 0;
}

static bool small(reading *r, int most, int *value) {
    int64_t found;
    if (!digits(r, most, &found)) return false;
    *value = (int)found;
    return true;
}

static bool month_name(reading *r) {
    size_t left = (size_t)(r->end - r->at);
    for (int m = 0; m < 12; m++) {
        size_t whole = strlen(rr_month_names[m]);
        size_t length = left >= whole && strncasecmp(r->at, rr_month_names[m], whole) == 0 ? whole : 3;
        if (left < length || strncasecmp(r->at, rr_month_names[m], length) != 0) continue;
        r->at += length;
        r->parts.month = m + 1;
        return true;
    }
    return false;
}

static bool half_of_day(reading *r) {
    if (r->end - r->at < 2 || (strncasecmp(r->at, "AM", 2) != 0 && strncasecmp(r->at, "PM", 2) != 0)) return false;
    r->afternoon = *r->at == 'P' || *r->at == 'p';
    r->at += 2;
    return true;
}

static bool stamp(reading *r) {
    bool negative = r->at < r->end && *r->at == '-';
    r->at += negative;
    r->stamped = digits(r, 17, &r->stamp);
    if (negative) r->stamp = -r->stamp;
    return r->stamped;
}

static bool field(char which, reading *r) {
    rr_date_parts *p = &r->parts;
    switch (which) {
    case 'Y':
        return digits(r, 4, &p->year);
    case 'y': /* as POSIX has it */
        if (!digits(r, 2, &p->year)) return false;
        p->year += p->year < 69 ? 2000 : 1900;
        return true;
    case 'm':
        return small(r, 2, &p->month);
    case 'b':
    case 'B':
        return month_name(r);
    case 'd':
        return small(r, 2, &p->day);
    case 'I':
        r->twelve_hours = true;
        return small(r, 2, &p->hour) && p->hour >= 1 && p->hour <= 12;
    case 'H':
        return small(r, 2, &p->hour);
    case 'p':
        return half_of_day(r);
    case 'M':
        return small(r, 2, &p->minute);
    case 'S':
        return small(r, 2, &p->second);
    case 's':
        return stamp(r);
    default:
        return r->at < r->end && *r->at++ == which; /* %% */
    }
}

/* What %F and %T stand for; NULL: the field is none of them. */
static const char *meaning(char which) { return which == 'F' ? "%Y-%m-%d" : which == 'T' ? "%H:%M:%S" : NULL; }

static bool follow(const char *format, reading *r) {
    for (; *format != 0; format++) {
        if (*format != '%') {
            if (r->at == r->end || *r->at++ != *format) return false;
            continue;
        }
        const char *parts = meaning(*++format);
        for (; parts != NULL && *parts != 0; parts++)
            if (*parts == '%' ? !field(*++parts, r) : r->at == r->end || *r->at++ != *parts) return false;
        if (meaning(*format) == NULL && !field(*format, r)) return false;
    }
    return r->at == r->end;
}

bool rr_date_parse_as(const char *format, const char *text, size_t length, int64_t *time) {
    reading r = {.at = text, .end = text + length, .parts = {.month = 1, .day = 1}};
    if (!follow(format, &r)) return false;
    if (r.stamped) *time = r.stamp;
    if (r.twelve_hours) r.parts.hour = r.parts.hour % 12 + (r.afternoon ? 12 : 0);
    return r.stamped || rr_date_join(&r.parts, time);
}

static void write_field(char which, int64_t time, rr_buffer *out) {
    rr_date_parts p = rr_date_split(time);
    const char *parts = meaning(which);
    if (parts != NULL)
        rr_date_write_as(parts, time, out);
    else if (which == 'Y')
        rr_buffer_printf(out, "%04lld", (long long)p.year);
    else if (which == 's')
        rr_buffer_printf(out, "%lld", (long long)time);
    else if (which == 'b' || which == 'B')
        rr_buffer_printf(out, which == 'b' ? "%.3s" : "%s", rr_month_names[p.month - 1]);
    else if (which == 'p')
        rr_buffer_puts(out, p.hour < 12 ? "AM" : "PM");
    else if (which == '%')
        rr_buffer_puts(out, "%");
    else
        rr_buffer_printf(out, "%02d",
                         which == 'y'   ? (int)(p.year % 100)
                         : which == 'm' ? p.month
                         : which == 'd' ? p.day
                         : which == 'H' ? p.hour
                         : which == 'I' ? (p.hour + 11) % 12 + 1
                         : which == 'M' ? p.minute
                                        : p.second);
}

void rr_date_write_as(const char *format, int64_t time, rr_buffer *out) {
    for (; *format != 0; format++) {
        if (*format == '%')
            write_field(*++format, time, out);
        else
            rr_buffer_append(out, format, 1);
    }
}

const char *rr_date_format_error(const char *format) {
    bool year = false;
    for (; *format != 0; format++) {
        if (*format != '%') continue;
        if (*++format == 0 || strchr("YymbBdHIpMSsFT%", *format) == NULL)
            return "%Y %y %m %b %B %d %H %I %p %M %S %s %F %T %% are allowed";
        year = year || strchr("YysF", *format) != NULL;
    }
    return year ? NULL : "names no year: %Y, %y, %F or %s must be in it";
}
