#include "collector/event/lead.h"

#include <errno.h>
#include <stdio.h>

#include "collector/event/calendar.h"

void lead_check(const struct holidays *holidays, int working_days, int64_t asked, int64_t first, struct lead *ret)
{
    char asked_day[CALENDAR_DAY_TEXT], first_day[CALENDAR_DAY_TEXT], earliest[CALENDAR_DAY_TEXT];
    struct err err = { 0 };
    *ret = (struct lead){ .working_days = working_days, .asked = asked, .first = first };
    calendar_text(asked_day, asked);
    calendar_text(first_day, first);
    if (working_days == 0) {
        snprintf(ret->text, sizeof ret->text, "asked on %s for %s: no lead time is wanted", asked_day, first_day);
        return;
    }
    int rc = holidays ? holidays_earliest(holidays, asked, working_days, &ret->earliest, &err)
                      : err_set(&err, -ENOENT, "the contract's calendar of working days is not there");
    ret->late = rc < 0 || first < ret->earliest;
    if (rc < 0)
        snprintf(ret->text, sizeof ret->text, "whether %s is %d working days ahead of %s cannot be told: %.160s",
                 first_day, working_days, asked_day, err.text);
    else if (ret->late)
        snprintf(ret->text, sizeof ret->text,
                 "asked on %s for %s: less than %d working days ahead, the earliest day would be %s", asked_day,
                 first_day, working_days, calendar_text(earliest, ret->earliest));
    else
        snprintf(ret->text, sizeof ret->text, "asked on %s for %s: %d working days ahead or more", asked_day, first_day,
                 working_days);
}
