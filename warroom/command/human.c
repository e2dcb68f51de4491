#include "warroom/command/human.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/moment.h"
#include "base/scan.h"

/* Three digits that mean something: 9.87, 98.7, 987. */
static int decimals(double value)
{
    double size = fabs(value);
    return size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2;
}

static char *scaled(char text[HUMAN_TEXT], double value, const char *unit)
{
    static const struct {
        double size;
        const char *prefix;
    } steps[] = { { 1e15, "P" }, { 1e12, "T" }, { 1e9, "G" }, { 1e6, "M" }, { 1e3, "k" } };
    const char *prefix = "";
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (fabs(value) >= steps[i].size * 0.9995) { /* 999.6 k is shown as 1.00 M */
            value /= steps[i].size;
            prefix = steps[i].prefix;
            break;
        }
    }
    bool whole = prefix[0] == '\0' && value == floor(value);
    snprintf(text, HUMAN_TEXT, "%.*f%s%s%s", whole ? 0 : decimals(value), value, prefix[0] || unit[0] ? " " : "",
             prefix, unit);
    return text;
}

static char *seconds(char text[HUMAN_TEXT], double value)
{
    static const struct {
        double size;
        const char *name;
    } steps[] = { { 1, "s" }, { 1e-3, "ms" }, { 1e-6, "us" } };
    size_t i = 0;
    while (i + 1 < sizeof steps / sizeof steps[0] && fabs(value) < steps[i].size)
        i++;
    value = value == 0 ? 0 : value / steps[i].size;
    snprintf(text, HUMAN_TEXT, "%.*f %s", decimals(value), value, value == 0 ? "s" : steps[i].name);
    return text;
}

/* "{packet}/s" is read as packet/s: the braces are UCUM's. */
static void unit_name(char name[24], const char *unit)
{
    size_t at = 0;
    for (; *unit && at < 23; unit++)
        if (*unit != '{' && *unit != '}')
            name[at++] = *unit;
    name[at] = '\0';
}

char *human_value(char text[HUMAN_TEXT], double value, const char *unit)
{
    char name[24];
    if (!isfinite(value)) {
        snprintf(text, HUMAN_TEXT, "-");
        return text;
    }
    if (strcmp(unit, "s") == 0)
        return seconds(text, value);
    if (strcmp(unit, "By") == 0)
        return scaled(text, value, "B");
    if (strcmp(unit, "By/s") == 0)
        return scaled(text, value, "B/s");
    if (strcmp(unit, "1") != 0) {
        unit_name(name, unit);
        return scaled(text, value, name);
    }
    snprintf(text, HUMAN_TEXT, "%.1f %%", value * 100);
    return text;
}

char *human_count(char text[HUMAN_TEXT], int64_t count)
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRId64, count);
    size_t at = 0;
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0 && digits[i - 1] != '-')
            text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = '\0';
    return text;
}

static bool local_parts(int64_t at_us, struct tm *ret)
{
    time_t at = (time_t)(at_us / US_PER_S);
    return localtime_r(&at, ret) != NULL;
}

char *human_time(char text[HUMAN_TEXT], int64_t at_us, int64_t now_us)
{
    struct tm at, now;
    if (!local_parts(at_us, &at) || !local_parts(now_us, &now)) {
        snprintf(text, HUMAN_TEXT, "-");
        return text;
    }
    bool today = at.tm_yday == now.tm_yday && at.tm_year == now.tm_year;
    strftime(text, HUMAN_TEXT, today ? "%H:%M:%S" : "%m-%d %H:%M", &at);
    return text;
}

char *human_instant(char text[HUMAN_TEXT], int64_t at_us)
{
    struct tm at;
    if (!local_parts(at_us, &at) || strftime(text, HUMAN_TEXT, "%Y-%m-%d %H:%M:%S %Z", &at) == 0)
        snprintf(text, HUMAN_TEXT, "-");
    return text;
}

char *human_age(char text[HUMAN_TEXT], int64_t at_us, int64_t now_us)
{
    int64_t age_us = now_us - at_us;
    int64_t size_s = (age_us < 0 ? -age_us : age_us) / US_PER_S;
    char duration[DURATION_TEXT];
    if (size_s < 10)
        snprintf(duration, sizeof duration, "%" PRId64 "s", size_s);
    else
        duration_format_brief(duration, size_s * US_PER_S);
    if (size_s == 0)
        snprintf(text, HUMAN_TEXT, "now");
    else
        snprintf(text, HUMAN_TEXT, age_us < 0 ? "in %s" : "%s ago", duration);
    return text;
}

char *human_sparkline(char *text, size_t size, const double *values, size_t n)
{
    static const char *const blocks[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
    enum { STEPS = sizeof blocks / sizeof blocks[0] };
    double least = INFINITY;
    double most = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        if (isfinite(values[i])) {
            least = fmin(least, values[i]);
            most = fmax(most, values[i]);
        }
    }
    size_t at = 0;
    text[0] = '\0';
    for (size_t i = 0; i < n && at + 4 <= size; i++) {
        double share = most > least ? (values[i] - least) / (most - least) : 0;
        const char *block = isfinite(share) && isfinite(values[i]) ? blocks[(int)(share * (STEPS - 1) + 0.5)] : " ";
        at += (size_t)snprintf(text + at, size - at, "%s", block);
    }
    return text;
}

/* What may stand behind the number; one bit is an eighth of a byte. `exact`: the case tells bits from bytes. */
static const struct rate_unit {
    const char *name;
    double bytes;
    bool exact;
} rate_units[] = {
    { "bit", 1.0 / 8, false },    { "kbit", 1e3 / 8, false },
    { "Mbit", 1e6 / 8, false },   { "Gbit", 1e9 / 8, false },
    { "Tbit", 1e12 / 8, false },  { "B", 1, true },
    { "kB", 1e3, true },          { "KB", 1e3, true },
    { "MB", 1e6, true },          { "GB", 1e9, true },
    { "TB", 1e12, true },         { "KiB", 1024, true },
    { "MiB", 1024 * 1024, true }, { "GiB", 1024.0 * 1024 * 1024, true },
};

static const struct rate_unit *rate_unit_find(const char *name, size_t len)
{
    if (len > 2 && memcmp(name + len - 2, "/s", 2) == 0)
        len -= 2;
    for (size_t i = 0; i < sizeof rate_units / sizeof rate_units[0]; i++) {
        const struct rate_unit *unit = &rate_units[i];
        if (strlen(unit->name) == len && (unit->exact ? strncmp : strncasecmp)(unit->name, name, len) == 0)
            return unit;
    }
    return NULL;
}

int human_rate_parse(const char *text, double *ret_bytes_per_s, struct err *err)
{
    enum { RATE_MOST = 1000 }; /* TB/s */
    struct scan scan = scan_over(text, strlen(text));
    double number;
    if (!scan_real(&scan, &number))
        return err_set(err, -EINVAL, "\"%s\" is no rate: want a number and a unit, as 100Mbit, 1.5Gbit, 125MB", text);
    scan_blanks(&scan);
    const struct rate_unit *unit = rate_unit_find(scan.at, (size_t)(scan.end - scan.at));
    if (!unit)
        return err_set(err, -EINVAL,
                       "\"%s\": unit must be one of bit kbit Mbit Gbit Tbit (bits) or B kB MB GB TB KiB "
                       "MiB GiB (bytes), a second",
                       text);
    double rate = number * unit->bytes;
    if (!(rate > 0) || rate > RATE_MOST * 1e12)
        return err_set(err, -EINVAL, "\"%s\": a rate must be above 0 and at most %d TB", text, RATE_MOST);
    *ret_bytes_per_s = rate;
    return 0;
}

int human_instant_parse(const char *text, int64_t now_us, int64_t *ret_us, struct err *err)
{
    int64_t back_us;
    if (strcmp(text, "now") == 0) {
        *ret_us = now_us;
        return 0;
    }
    if (text[0] == '-' && duration_parse(text + 1, strlen(text + 1), &back_us) == 0) {
        *ret_us = now_us > back_us ? now_us - back_us : 0;
        return 0;
    }
    if (moment_parse(text, strlen(text), ret_us) == 0)
        return 0;
    return err_set(err, -EINVAL, "\"%s\" is no instant: want now, -1h (ms s m h d) or 2026-11-23T10:00:00+08:00", text);
}
