/* collector/event/holidays.h - which days are worked on: weekends, public holidays, days that make up for those.
 *
 * Shape    YAML to a table of days a year (share/calendars/, docs/entitlement.md): the year is covered whole or not at
 *          all; a day of a year that is not is a failure with what to do, never a guess
 * Lead     "n working days ahead" counts days that are whole: n working days lie between the day of asking and the day
 *          asked for, of which neither is one. So with 1, who asks on Friday is in time for Tuesday, not for Monday
 * Units    days are numbers of calendar.h
 * Errors   -ERANGE: a year that the file does not cover
 * Threads  reads a file, otherwise pure
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/config.h"
#include "base/err.h"

enum { HOLIDAYS_NAME_MAX = 31, HOLIDAYS_TITLE_MAX = 95, HOLIDAYS_YEARS_MAX = 32, HOLIDAYS_LEAD_MAX = 60 };

struct holidays_year {
    int year;
    uint8_t off[46]; /* bit n: its day n, from 0, is not worked on */
};

struct holidays {
    char name[HOLIDAYS_NAME_MAX + 1];   /* "cn": the file's name without .yaml */
    char title[HOLIDAYS_TITLE_MAX + 1]; /* whose they are */
    size_t n_years;
    struct holidays_year years[HOLIDAYS_YEARS_MAX]; /* ascending, perhaps with gaps */
};

enum { CALENDARS_MAX = 64 };
struct calendars { /* borrowed from whoever read them */
    size_t n;
    const struct holidays *at;
};
/* NULL: there is none of that name. */
const struct holidays *calendars_find(const struct calendars *calendars, const char *name);

/* -EINVAL: `faults` says why, *ret is untouched: a day of another year, off twice, off and worked on, worked on though
 * it is no day off... */
int holidays_read(const char *path, struct holidays *ret, struct config_faults *faults);
int holidays_parse(const char *name, const char *text, size_t len, struct holidays *ret, struct config_faults *faults);

int holidays_is_working(const struct holidays *holidays, int64_t day, bool *ret, struct err *err);

/* Working days of [from, to). */
int holidays_count(const struct holidays *holidays, int64_t from, int64_t to, int64_t *ret, struct err *err);

/* The first day that is `lead` (0..HOLIDAYS_LEAD_MAX) working days ahead of one who asks on `asked`. */
int holidays_earliest(const struct holidays *holidays, int64_t asked, int lead, int64_t *ret, struct err *err);

/* The last day to ask on for something on `day`. */
int holidays_latest(const struct holidays *holidays, int64_t day, int lead, int64_t *ret, struct err *err);

/* The first working day from `day` on. */
int holidays_next_working(const struct holidays *holidays, int64_t day, int64_t *ret, struct err *err);
