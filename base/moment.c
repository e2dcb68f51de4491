#include "base/moment.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/scan.h"

#define S_PER_DAY     INT64_C(86400)
#define END_US        (INT64_C(253402300800) * US_PER_S) /* 10000-01-01: four digits no longer do */
#define DURATION_MOST (3660 * S_PER_DAY * US_PER_S)      /* ten years, however many of them are leap years */

static const struct unit {
    const char *name;
    int64_t us;
} units[] = {
    { "d", S_PER_DAY *US_PER_S }, { "h", 3600 * US_PER_S },
    { "m", 60 * US_PER_S },       { "s", US_PER_S },
    { "ms", US_PER_MS },          { "us", 1 },
};
enum { N_UNITS = sizeof units / sizeof units[0] };

char *moment_format(char text[MOMENT_TEXT], int64_t at_us)
{
    struct tm parts;
    time_t seconds = at_us / US_PER_S;
    if (at_us < 0 || at_us >= END_US || !gmtime_r(&seconds, &parts)) {
        snprintf(text, MOMENT_TEXT, "-");
        return text;
    }
    size_t len = strftime(text, MOMENT_TEXT, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text + len, MOMENT_TEXT - len, ".%03dZ", (int)(at_us % US_PER_S / US_PER_MS));
    return text;
}

static bool scan_field(struct scan *scan, int digits, int least, int most, int *ret)
{
    int value = 0;
    struct scan ahead = *scan;
    for (int i = 0; i < digits; i++) {
        if (scan_done(&ahead) || *ahead.at < '0' || *ahead.at > '9')
            return false;
        value = value * 10 + (*ahead.at++ - '0');
    }
    if (value < least || value > most)
        return false;
    *scan = ahead;
    *ret = value;
    return true;
}

static bool scan_fraction(struct scan *scan, int64_t *ret_us)
{
    int64_t us = 0;
    int64_t weight = US_PER_S / 10;
    if (!scan_char(scan, '.'))
        return true;
    const char *start = scan->at;
    for (; scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9'; scan->at++, weight /= 10)
        us += weight * (*scan->at - '0');
    *ret_us = us;
    return scan->at > start;
}

static bool scan_offset(struct scan *scan, int64_t *ret_s)
{
    if (scan_char(scan, 'Z') || scan_char(scan, 'z')) {
        *ret_s = 0;
        return true;
    }
    bool west = scan_char(scan, '-');
    if (!west && !scan_char(scan, '+'))
        return false;
    int hours, minutes;
    if (!scan_field(scan, 2, 0, 23, &hours) || !scan_char(scan, ':') || !scan_field(scan, 2, 0, 59, &minutes))
        return false;
    *ret_s = (west ? -1 : 1) * (hours * 3600 + minutes * 60);
    return true;
}

int moment_parse(const char *text, size_t len, int64_t *ret_us)
{
    struct scan scan = scan_over(text, len);
    struct tm parts = { 0 };
    int64_t fraction_us = 0;
    int64_t offset_s;
    int year, month;
    if (!scan_field(&scan, 4, 1970, 9999, &year) || !scan_char(&scan, '-') || !scan_field(&scan, 2, 1, 12, &month) ||
        !scan_char(&scan, '-') || !scan_field(&scan, 2, 1, 31, &parts.tm_mday))
        return -EINVAL;
    if (!scan_char(&scan, 'T') && !scan_char(&scan, 't') && !scan_char(&scan, ' '))
        return -EINVAL;
    if (!scan_field(&scan, 2, 0, 23, &parts.tm_hour) || !scan_char(&scan, ':') ||
        !scan_field(&scan, 2, 0, 59, &parts.tm_min) || !scan_char(&scan, ':') ||
        !scan_field(&scan, 2, 0, 59, &parts.tm_sec))
        return -EINVAL;
    if (!scan_fraction(&scan, &fraction_us) || !scan_offset(&scan, &offset_s) || !scan_done(&scan))
        return -EINVAL;
    parts.tm_year = year - 1900;
    parts.tm_mon = month - 1;
    int day = parts.tm_mday;
    int64_t seconds = timegm(&parts); /* turns the 31st of a shorter month into the next month's 1st */
    int64_t at_us = (seconds - offset_s) * US_PER_S + fraction_us;
    if (parts.tm_mday != day || at_us < 0 || at_us >= END_US)
        return -EINVAL;
    *ret_us = at_us;
    return 0;
}

char *duration_format(char text[DURATION_TEXT], int64_t us)
{
    for (int i = 0; i < N_UNITS; i++) {
        if (us != 0 && us % units[i].us == 0) {
            snprintf(text, DURATION_TEXT, "%" PRId64 "%s", us / units[i].us, units[i].name);
            return text;
        }
    }
    snprintf(text, DURATION_TEXT, "0s");
    return text;
}

char *duration_format_brief(char text[DURATION_TEXT], int64_t us)
{
    int64_t size_us = us < 0 ? (us == INT64_MIN ? INT64_MAX : -us) : us;
    int64_t s = size_us / US_PER_S;
    int hundredths = (int)(size_us / (US_PER_S / 100) % 100); /* cut like all else here: 9.999 s is not yet 10 s */
    const char *sign = us < 0 && s + hundredths > 0 ? "-" : "";
    if (s < 10)
        snprintf(text, DURATION_TEXT, "%s%" PRId64 ".%02ds", sign, s, hundredths);
    else if (s < 60)
        snprintf(text, DURATION_TEXT, "%s%" PRId64 "s", sign, s);
    else if (s < 3600)
        snprintf(text, DURATION_TEXT, "%s%" PRId64 "m %02" PRId64 "s", sign, s / 60, s % 60);
    else if (s < S_PER_DAY)
        snprintf(text, DURATION_TEXT, "%s%" PRId64 "h %02" PRId64 "m", sign, s / 3600, s / 60 % 60);
    else
        snprintf(text, DURATION_TEXT, "%s%" PRId64 "d %" PRId64 "h", sign, s / S_PER_DAY, s / 3600 % 24);
    return text;
}

int duration_parse(const char *text, size_t len, int64_t *ret_us)
{
    struct scan scan = scan_over(text, len);
    struct scan_text name;
    uint64_t count;
    if (!scan_u64(&scan, &count)) /* nothing but digits too many can fail behind a digit */
        return len > 0 && text[0] >= '0' && text[0] <= '9' ? -ERANGE : -EINVAL;
    if (!scan_word(&scan, &name) || !scan_done(&scan))
        return -EINVAL;
    for (int i = 0; i < N_UNITS; i++) {
        if (!scan_text_is(name, units[i].name))
            continue;
        if (count > (uint64_t)(DURATION_MOST / units[i].us))
            return -ERANGE;
        *ret_us = (int64_t)count * units[i].us;
        return 0;
    }
    return -EINVAL;
}
