/* base/moment.h - instants and durations as people and other programs write them.
 *
 * Units    int64_t microseconds; instants count from 1970-01-01T00:00:00Z and cover the years 1970..9999
 * Source   RFC 3339 for instants; durations are a whole number and one of us ms s m h d
 * Threads  pure functions
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { MOMENT_TEXT = 32, DURATION_TEXT = 24 };

/* "2026-11-23T02:40:11.123Z"; milliseconds, always UTC. An instant out of range is shown as "-". Returns `text`. */
char *moment_format(char text[MOMENT_TEXT], int64_t at_us);

/* Reads the whole of `text`: date, 'T' or a space, time with an optional fraction, 'Z' or an offset.
 * -EINVAL: not an RFC 3339 instant, out of range, or a leap second, which no clock of ours shows; *ret_us is untouched.
 * Digits past the microsecond are cut. */
int moment_parse(const char *text, size_t len, int64_t *ret_us);

/* "90s", "10m": the largest unit that loses nothing. Returns `text`. */
char *duration_format(char text[DURATION_TEXT], int64_t us);

/* "0.81s", "42s", "4m 05s", "2h 10m", "3d 4h": for people, two units at most, cut, not rounded. Returns `text`. */
char *duration_format_brief(char text[DURATION_TEXT], int64_t us);

/* Reads the whole of `text`. -EINVAL: not a duration; -ERANGE: longer than 10 years. *ret_us is untouched on failure.
 */
int duration_parse(const char *text, size_t len, int64_t *ret_us);
