/* A year begins with its weekends as days off; holidays add to them, days that make up for holidays take some away. So
 * the file says three times what a day is, and the reader holds it to that: what contradicts itself is a fault. */
#include "collector/event/holidays.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "collector/event/calendar.h"
#include "collector/event/datafile.h"

enum { SPANS_MAX = 64, NOTE_MAX = 63, YEAR_LEAST = 1970, YEAR_MOST = 9998 };

/* ---- the form of the file ---- */

struct span_item { /* days off */
    const char *name;
    const char *from;
    const char *to; /* NULL: that one day */
    int line;
};

struct working_item {
    const char *day;
    int line;
};

struct year_item {
    int64_t year;
    struct config_list off, working;
    int line;
};

struct file {
    const char *title;
    unsigned weekend;
    struct config_list years;
};

#define DAY_FIELD(item, member, need)                                                                                  \
    {                                                                                                                  \
        .key = #member, .kind = CONFIG_TEXT, .at = offsetof(struct item, member), .required = (need), .least = 10,     \
        .most = 10, .help = "a day: 2026-11-23"                                                                        \
    }

static const struct config_field span_fields[] = {
    { .key = "name",
      .kind = CONFIG_TEXT,
      .at = offsetof(struct span_item, name),
      .required = true,
      .least = 1,
      .most = NOTE_MAX,
      .help = "what the holiday is called" },
    DAY_FIELD(span_item, from, true),
    DAY_FIELD(span_item, to, false),
    { .key = NULL },
};

static const struct config_field working_fields[] = {
    DAY_FIELD(working_item, day, true),
    { .key = NULL },
};

static const struct config_field year_fields[] = {
    { .key = "year",
      .kind = CONFIG_INT,
      .at = offsetof(struct year_item, year),
      .required = true,
      .least = YEAR_LEAST,
      .most = YEAR_MOST },
    { .key = "off",
      .kind = CONFIG_LIST,
      .at = offsetof(struct year_item, off),
      .required = true,
      .most = SPANS_MAX,
      .items = span_fields,
      .item_size = sizeof(struct span_item),
      .line_at = 1 + offsetof(struct span_item, line),
      .help = "the year's holidays" },
    { .key = "working",
      .kind = CONFIG_LIST,
      .at = offsetof(struct year_item, working),
      .most = SPANS_MAX,
      .items = working_fields,
      .item_size = sizeof(struct working_item),
      .line_at = 1 + offsetof(struct working_item, line) },
    { .key = NULL },
};

static const char *const weekdays[] = { "monday", "tuesday",  "wednesday", "thursday",
                                        "friday", "saturday", "sunday",    NULL };

static const struct config_field file_fields[] = {
    { .key = "title",
      .kind = CONFIG_TEXT,
      .at = offsetof(struct file, title),
      .required = true,
      .least = 1,
      .most = HOLIDAYS_TITLE_MAX,
      .help = "whose holidays they are" },
    { .key = "weekend",
      .kind = CONFIG_FLAGS,
      .at = offsetof(struct file, weekend),
      .required = true,
      .choices = weekdays },
    { .key = "years",
      .kind = CONFIG_LIST,
      .at = offsetof(struct file, years),
      .required = true,
      .least = 1,
      .most = HOLIDAYS_YEARS_MAX,
      .items = year_fields,
      .item_size = sizeof(struct year_item),
      .line_at = 1 + offsetof(struct year_item, line),
      .help = "1 to 32 years" },
    { .key = NULL },
};

/* ---- into days ---- */

struct filling {
    const char *path;
    struct config_faults *faults;
    unsigned weekend;
    int64_t first;                                              /* the year's first day */
    int64_t n;                                                  /* its days */
    uint8_t holiday[sizeof((struct holidays_year *)NULL)->off]; /* named so, weekends apart */
    struct holidays_year *year;
};

static bool has(const uint8_t *bits, int64_t at)
{
    return (bits[at / 8] >> (at % 8) & 1) != 0;
}

static void set(uint8_t *bits, int64_t at, bool on)
{
    uint8_t bit = (uint8_t)(1U << (at % 8));
    bits[at / 8] = (uint8_t)(on ? bits[at / 8] | bit : bits[at / 8] & ~bit);
}

static bool day_of_year(const struct filling *f, int line, const char *key, const char *text, int64_t *ret_at)
{
    int64_t day = 0;
    if (!datafile_day(f->path, line, key, text, &day, f->faults))
        return false;
    if (day < f->first || day >= f->first + f->n) {
        config_fault(f->faults, f->path, line, "`%s`: %s is no day of %d", key, text, f->year->year);
        return false;
    }
    *ret_at = day - f->first;
    return true;
}

static void take_span(struct filling *f, const struct span_item *item)
{
    int64_t from = 0, to = 0;
    if (!day_of_year(f, item->line, "from", item->from, &from) ||
        !day_of_year(f, item->line, "to", item->to ? item->to : item->from, &to))
        return;
    if (to < from)
        config_fault(f->faults, f->path, item->line, "%s ends on %s, before it begins on %s", item->name, item->to,
                     item->from);
    for (int64_t at = from; at <= to; at++) {
        char day[CALENDAR_DAY_TEXT];
        if (has(f->holiday, at))
            config_fault(f->faults, f->path, item->line, "%s: %s is a holiday already", item->name,
                         calendar_text(day, f->first + at));
        set(f->holiday, at, true);
        set(f->year->off, at, true);
    }
}

static void take_working(struct filling *f, const struct working_item *item)
{
    int64_t at = 0;
    if (!day_of_year(f, item->line, "day", item->day, &at))
        return;
    if (has(f->holiday, at))
        config_fault(f->faults, f->path, item->line, "%s is a holiday and worked on: want one of both", item->day);
    else if (!has(f->year->off, at))
        config_fault(f->faults, f->path, item->line, "%s is worked on already", item->day);
    set(f->year->off, at, false);
}

static void take_year(struct filling *f, const struct year_item *item)
{
    char day[CALENDAR_DAY_TEXT];
    snprintf(day, sizeof day, "%04d-01-01", (int)item->year);
    calendar_number(day, &f->first, NULL);
    f->n = calendar_years_on(f->first, 1) - f->first;
    f->year->year = (int)item->year;
    memset(f->holiday, 0, sizeof f->holiday);
    for (int64_t at = 0; at < f->n; at++)
        set(f->year->off, at, f->weekend >> calendar_weekday(f->first + at) & 1);
    const struct span_item *off = item->off.at;
    for (size_t i = 0; i < item->off.n; i++)
        take_span(f, &off[i]);
    const struct working_item *working = item->working.at;
    for (size_t i = 0; i < item->working.n; i++)
        take_working(f, &working[i]);
}

static int take(const char *path, const void *from, void *ret, struct config_faults *faults)
{
    const struct file *file = from;
    size_t before = faults->n;
    struct holidays holidays = { .n_years = file->years.n };
    struct filling filling = { .path = path, .faults = faults, .weekend = file->weekend };
    const struct year_item *years = file->years.at;
    datafile_name(path, holidays.name, sizeof holidays.name, faults);
    snprintf(holidays.title, sizeof holidays.title, "%s", file->title);
    for (size_t i = 0; i < file->years.n; i++) {
        if (i > 0 && years[i].year <= years[i - 1].year)
            config_fault(faults, path, years[i].line, "year %" PRId64 " stands behind %" PRId64 ": want them ascending",
                         years[i].year, years[i - 1].year);
        filling.year = &holidays.years[i];
        take_year(&filling, &years[i]);
    }
    if (faults->n > before)
        return -EINVAL;
    *(struct holidays *)ret = holidays;
    return 0;
}

static const struct datafile_kind kind = { file_fields, sizeof(struct file), take };

int holidays_read(const char *path, struct holidays *ret, struct config_faults *faults)
{
    return datafile_read(&kind, path, NULL, 0, ret, faults);
}

int holidays_parse(const char *name, const char *text, size_t len, struct holidays *ret, struct config_faults *faults)
{
    return datafile_read(&kind, name, text, len, ret, faults);
}

/* ---- asking ---- */

const struct holidays *calendars_find(const struct calendars *calendars, const char *name)
{
    for (size_t i = 0; i < calendars->n; i++)
        if (strcmp(calendars->at[i].name, name) == 0)
            return &calendars->at[i];
    return NULL;
}

int holidays_is_working(const struct holidays *holidays, int64_t day, bool *ret, struct err *err)
{
    int year = calendar_year(day);
    for (size_t i = 0; i < holidays->n_years; i++) {
        if (holidays->years[i].year != year)
            continue;
        char text[CALENDAR_DAY_TEXT];
        int64_t first = 0;
        snprintf(text, sizeof text, "%04d-01-01", year);
        calendar_number(text, &first, NULL);
        *ret = !has(holidays->years[i].off, day - first);
        return 0;
    }
    return err_set(err, -ERANGE,
                   "calendar %s does not cover %d, so its working days are not known: add that year to %s.yaml",
                   holidays->name, year, holidays->name);
}

int holidays_count(const struct holidays *holidays, int64_t from, int64_t to, int64_t *ret, struct err *err)
{
    int64_t n = 0;
    for (int64_t day = from; day < to; day++) {
        bool working = false;
        int rc = holidays_is_working(holidays, day, &working, err);
        if (rc < 0)
            return rc;
        n += working;
    }
    *ret = n;
    return 0;
}

/* The last of `n` working days, walking from the day beside `day` by `step`; `day` itself for none. */
static int walk(const struct holidays *holidays, int64_t day, int n, int step, int64_t *ret, struct err *err)
{
    while (n > 0) {
        bool working = false;
        int rc = holidays_is_working(holidays, day += step, &working, err);
        if (rc < 0)
            return rc;
        n -= working;
    }
    *ret = day;
    return 0;
}

int holidays_earliest(const struct holidays *holidays, int64_t asked, int lead, int64_t *ret, struct err *err)
{
    int64_t last = 0;
    int rc = walk(holidays, asked, lead, 1, &last, err);
    if (rc == 0)
        *ret = lead > 0 ? last + 1 : asked;
    return rc;
}

int holidays_latest(const struct holidays *holidays, int64_t day, int lead, int64_t *ret, struct err *err)
{
    int64_t first = 0;
    int rc = walk(holidays, day, lead, -1, &first, err);
    if (rc == 0)
        *ret = lead > 0 ? first - 1 : day;
    return rc;
}

int holidays_next_working(const struct holidays *holidays, int64_t day, int64_t *ret, struct err *err)
{
    return walk(holidays, day - 1, 1, 1, ret, err);
}
