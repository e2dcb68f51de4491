/* collector/event/calendar.h - natural days of named time zones.
 *
 * Source   the system's IANA database (tzdata), read by GLib's GTimeZone, which is safe beside other threads where TZ
 *          is not
 * Threads  any
 */
#pragma once
#include <stdint.h>

#include "base/err.h"

/* [start, end) of `days` (1..3660) natural days from `first_day` "YYYY-MM-DD": midnight to midnight by the zone's own
 * clock, so a day may have 23 or 25 hours; where midnight does not exist a day begins with its first instant. -EINVAL:
 * no such zone, or not a day of its calendar; nothing is touched. */
int calendar_days(const char *zone, const char *first_day, int64_t days, int64_t *ret_start_us, int64_t *ret_end_us,
                  struct err *err);

/* Writes the zone's own date and time of an instant, "2026-11-23 10:40:11". -EINVAL: no such zone. */
int calendar_local_text(const char *zone, int64_t at_us, char text[32], struct err *err);
