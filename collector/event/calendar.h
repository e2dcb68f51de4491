/* collector/event/calendar.h - natural days of named time zones, and days as dates.
 *
 * Day      a date of the calendar, "YYYY-MM-DD", 1970 to 9999; for counting it is a number: days since 1970-01-01
 * Source   the system's IANA database (tzdata), read by GLib's GTimeZone, which is safe beside other threads where TZ
 *          is not
 * Threads  any
 */
#pragma once
#include <stdint.h>

#include "base/err.h"

enum { CALENDAR_DAY_TEXT = 11 };

enum weekday { MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY, WEEKDAY_COUNT };

/* [start, end) of `days` (1..3660) natural days from `first_day` "YYYY-MM-DD": midnight to midnight by the zone's own
 * clock, so a day may have 23 or 25 hours; where midnight does not exist a day begins with its first instant. -EINVAL:
 * no such zone, or not a day of its calendar; nothing is touched. */
int calendar_days(const char *zone, const char *first_day, int64_t days, int64_t *ret_start_us, int64_t *ret_end_us,
                  struct err *err);

/* Writes the zone's own date and time of an instant, "2026-11-23 10:40:11". -EINVAL: no such zone. */
int calendar_local_text(const char *zone, int64_t at_us, char text[32], struct err *err);

/* The day an instant lies in, by the zone's own clock. -EINVAL: no such zone, or no day of ours. */
int calendar_day_of(const char *zone, int64_t at_us, char ret_day[CALENDAR_DAY_TEXT], struct err *err);

/* The zone's clock counts the seconds of its own days, from 1970-01-01 00:00 by it. What it shows at an instant.
 * -EINVAL: no such zone. */
int calendar_clock(const char *zone, int64_t at_us, int64_t *ret_s, struct err *err);
/* The first instant at which it shows `clock_s` or more: where it is put forward over that, the instant of the change;
 * where it shows that twice, the first time. -EINVAL: no such zone. */
int calendar_instant(const char *zone, int64_t clock_s, int64_t *ret_us, struct err *err);

/* A day as a number. -EINVAL: it is none; *ret is untouched. */
int calendar_number(const char *day, int64_t *ret, struct err *err);
/* And back: "-" for a number that is no day of 1970 to 9999. Returns `day`. */
char *calendar_text(char day[CALENDAR_DAY_TEXT], int64_t number);

enum weekday calendar_weekday(int64_t number);
int calendar_year(int64_t number);

/* The same date `years` later (or earlier, below 0); of February 29, where it is missing, March 1: so what lasts a year
 * from then on is over with February. */
int64_t calendar_years_on(int64_t number, int64_t years);
