/* warroom/command/human.h - figures as people read and write them.
 *
 * Units    values come in the metric's unit (UCUM: "1", "s", "By", "By/s", "{packet}/s"); instants are microseconds
 * Scale    decimal, as networks and disks are sold: 1 MB is 10^6 bytes
 * Zone     local time, as TZ says
 * Threads  pure, but for the zone
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { HUMAN_TEXT = 64 };

/* "97.3 %", "12.5 MB/s", "1.20 ms", "1.23 k packet/s"; "-" for no number. Returns `text`. */
char *human_value(char text[HUMAN_TEXT], double value, const char *unit);
/* "12,345,678". Returns `text`. */
char *human_count(char text[HUMAN_TEXT], int64_t count);

/* "10:40:11", on another day than `now_us` "11-22 10:40". Returns `text`. */
char *human_time(char text[HUMAN_TEXT], int64_t at_us, int64_t now_us);
/* "2026-11-23 10:40:11 CST". Returns `text`. */
char *human_instant(char text[HUMAN_TEXT], int64_t at_us);
/* "12s ago", "in 4m 05s", "now". Returns `text`. */
char *human_age(char text[HUMAN_TEXT], int64_t at_us, int64_t now_us);

/* A line of block characters for `n` values (not a number: a blank), lowest to highest; `size` >= 3 n + 1.
 * Returns `text`. */
char *human_sparkline(char *text, size_t size, const double *values, size_t n);

/* "100Mbit", "1.5Gbit", "125MB" (also with /s) as bytes a second. -EINVAL: the text says what is allowed; *ret is
 * untouched. */
int human_rate_parse(const char *text, double *ret_bytes_per_s, struct err *err);

/* "now", "-1h" (before `now_us`) or RFC 3339. -EINVAL: as above. */
int human_instant_parse(const char *text, int64_t now_us, int64_t *ret_us, struct err *err);
