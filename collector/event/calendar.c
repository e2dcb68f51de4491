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

enum { S_PER_DAY = 86400, DAYS_MAX = 3660, DAY_TEXT = 10, ZONE_MAX = 63 };
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

static int parse_day(const char *day, int64_t *ret_s)
{
    char text[MOMENT_TEXT];
    int64_t at_us;
    if (strlen(day) != DAY_TEXT)
        return -EINVAL;
    int len = snprintf(text, sizeof text, "%sT00:00:00Z", day);
    int rc = moment_parse(text, (size_t)len, &at_us);
    if (rc == 0)
        *ret_s = at_us / US_PER_S;
    return rc;
}

int calendar_days(const char *zone, const char *first_day, int64_t days, int64_t *ret_start_us, int64_t *ret_end_us,
                  struct err *err)
{
    int64_t day_s = 0; /* gcc cannot see that parse_day() sets it */
    if (parse_day(first_day, &day_s) < 0)
        return err_set(err, -EINVAL, "calendar: \"%.32s\" is not a day, want YYYY-MM-DD", first_day);
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

int calendar_local_text(const char *zone, int64_t at_us, char text[32], struct err *err)
{
    AUTO(unref_zone) GTimeZone *tz = find_zone(zone);
    if (!tz)
        return no_such_zone(zone, err);
    int64_t at_s = at_us / US_PER_S - (at_us % US_PER_S < 0);
    time_t local_s = at_s + offset_s(tz, at_s);
    struct tm parts;
    if (!gmtime_r(&local_s, &parts) || strftime(text, 32, "%Y-%m-%d %H:%M:%S", &parts) == 0)
        return err_set(err, -EINVAL, "calendar: an instant beyond all calendars");
    return 0;
}
