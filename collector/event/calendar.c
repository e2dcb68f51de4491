/* A natural day begins at the first instant the zone's clock shows its date. That is midnight, except where a change of
 * the clock falls on it: then midnight may be left out (São Paulo until 2018, Beirut: the day begins at 01:00), come
 * twice (Havana: the first one counts), or the whole day may be missing (Apia had no 2011-12-30). */
#include "collector/event/calendar.h"

#include <errno.h>
#include <glib.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/moment.h"

enum { S_PER_DAY = 86400, DAYS_MAX = 3660, ZONE_MAX = 63 };
#define NUMBER_MAX INT64_C(2932896) /* 9999-12-31 */
/* No zone is farther from UTC, so an instant this far away lies before or after the day. */
#define AROUND_S (26 * 3600)

static void unref_zone(GTimeZone **zone)
{
    if (*zone)
        g_time_zone_unref(*zone);
}

/* GLib also takes what is no IANA name ("EST5", "+08:00", paths); right/ counts leap seconds, posix/ is a copy. All
 * areas of the database begin with a capital. */
static bool is_zone_name(const char *zone)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/";
    size_t len = strlen(zone);
    return len > 0 && len <= ZONE_MAX && zone[0] >= 'A' && zone[0] <= 'Z' && strspn(zone, allowed) == len &&
           (strchr(zone, '/') || strcmp(zone, "UTC") == 0);
}

static GTimeZone *find_zone(const char *zone)
{
    return is_zone_name(zone) ? g_time_zone_new_identifier(zone) : NULL;
}

static int no_such_zone(const char *zone, struct err *err)
{
    return err_set(err, -EINVAL, "calendar: no time zone \"%.64s\", want an IANA name such as Asia/Shanghai or UTC",
                   zone);
}

static int64_t offset_s(GTimeZone *zone, int64_t at_s)
{
    return g_time_zone_get_offset(zone, g_time_zone_find_interval(zone, G_TIME_TYPE_UNIVERSAL, at_s));
}

/* The first instant at which the zone's clock shows `local_s` (seconds of its own clock) or more. */
static int64_t first_instant(GTimeZone *zone, int64_t local_s)
{
    int64_t before = offset_s(zone, local_s - AROUND_S);
    int64_t after = offset_s(zone, local_s + AROUND_S);
    if (offset_s(zone, local_s - before) == before)
        return local_s - before; /* comes before the other one where midnight comes twice */
    if (offset_s(zone, local_s - after) == after)
        return local_s - after;
    /* The clock was put forward over it: the day begins with the change. */
    int64_t low = local_s - AROUND_S;
    int64_t high = local_s + AROUND_S;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (offset_s(zone, middle) == before)
            low = middle;
        else
            high = middle;
    }
    return high;
}

int calendar_number(const char *day, int64_t *ret, struct err *err)
{
    char text[MOMENT_TEXT];
    int64_t at_us = 0;
    int rc = -EINVAL;
    if (strlen(day) == CALENDAR_DAY_TEXT - 1) {
        int len = snprintf(text, sizeof text, "%sT00:00:00Z", day);
        rc = moment_parse(text, (size_t)len, &at_us);
    }
    if (rc < 0)
        return err_set(err, rc, "calendar: \"%.32s\" is not a day, want YYYY-MM-DD", day);
    *ret = at_us / US_PER_S / S_PER_DAY;
    return 0;
}

char *calendar_text(char day[CALENDAR_DAY_TEXT], int64_t number)
{
    char text[MOMENT_TEXT] = "-";
    if (number >= 0 && number <= NUMBER_MAX)
        moment_format(text, number * S_PER_DAY * US_PER_S);
    snprintf(day, CALENDAR_DAY_TEXT, "%.10s", text);
    return day;
}

enum weekday calendar_weekday(int64_t number)
{
    int64_t since_monday = (number + THURSDAY) % WEEKDAY_COUNT; /* 1970 began on a Thursday */
    return (enum weekday)(since_monday < 0 ? since_monday + WEEKDAY_COUNT : since_monday);
}

static struct tm date_of(int64_t number)
{
    struct tm date = { 0 };
    time_t at_s = number * S_PER_DAY;
    gmtime_r(&at_s, &date);
    return date;
}

int calendar_year(int64_t number)
{
    return date_of(number).tm_year + 1900;
}

int64_t calendar_years_on(int64_t number, int64_t years)
{
    struct tm date = date_of(number);
    date.tm_year += (int)years;
    return timegm(&date) / S_PER_DAY; /* it makes March 1 of a February 29 that is not there */
}

int calendar_days(const char *zone, const char *first_day, int64_t days, int64_t *ret_start_us, int64_t *ret_end_us,
                  struct err *err)
{
    int64_t day = 0;
    int rc = calendar_number(first_day, &day, err);
    if (rc < 0)
        return rc;
    int64_t day_s = day * S_PER_DAY;
    if (days < 1 || days > DAYS_MAX)
        return err_set(err, -EINVAL, "calendar: %lld days, want 1..%d", (long long)days, DAYS_MAX);
    AUTO(unref_zone) GTimeZone *tz = find_zone(zone);
    if (!tz)
        return no_such_zone(zone, err);
    int64_t start_s = first_instant(tz, day_s);
    if (start_s + offset_s(tz, start_s) >= day_s + S_PER_DAY)
        return err_set(err, -EINVAL, "calendar: %s had no %s, its calendar skipped that day", zone, first_day);
    *ret_start_us = start_s * US_PER_S;
    *ret_end_us = first_instant(tz, day_s + days * S_PER_DAY) * US_PER_S;
    return 0;
}

int calendar_clock(const char *zone, int64_t at_us, int64_t *ret_s, struct err *err)
{
    AUTO(unref_zone) GTimeZone *tz = find_zone(zone);
    if (!tz)
        return no_such_zone(zone, err);
    int64_t at_s = at_us / US_PER_S - (at_us % US_PER_S < 0);
    *ret_s = at_s + offset_s(tz, at_s);
    return 0;
}

int calendar_instant(const char *zone, int64_t clock_s, int64_t *ret_us, struct err *err)
{
    AUTO(unref_zone) GTimeZone *tz = find_zone(zone);
    if (!tz)
        return no_such_zone(zone, err);
    *ret_us = first_instant(tz, clock_s) * US_PER_S;
    return 0;
}

int calendar_day_of(const char *zone, int64_t at_us, char ret_day[CALENDAR_DAY_TEXT], struct err *err)
{
    int64_t local_s = 0;
    int rc = calendar_clock(zone, at_us, &local_s, err);
    if (rc < 0)
        return rc;
    if (local_s < 0 || local_s / S_PER_DAY > NUMBER_MAX)
        return err_set(err, -EINVAL, "calendar: an instant beyond the years 1970 to 9999");
    calendar_text(ret_day, local_s / S_PER_DAY);
    return 0;
}

int calendar_local_text(const char *zone, int64_t at_us, char text[32], struct err *err)
{
    int64_t at_s = 0;
    int rc = calendar_clock(zone, at_us, &at_s, err);
    if (rc < 0)
        return rc;
    time_t local_s = at_s;
    struct tm parts;
    if (!gmtime_r(&local_s, &parts) || strftime(text, 32, "%Y-%m-%d %H:%M:%S", &parts) == 0)
        return err_set(err, -EINVAL, "calendar: an instant beyond all calendars");
    return 0;
}
